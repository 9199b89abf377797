package chat_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

func TestProtocolHTTP(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"rooms maps a room to its users, and empty rooms are absent", func(t *testing.T) {
			srv, base := harness.Serve(t)
			_, body := harness.Get(t, base+"/rooms")
			harness.Expect(t, "no rooms", body, `{}`)
			a := harness.Dial(t, base, "general", true)
			harness.Dial(t, base, "general", true, "session", a.Until("welcome").Session)
			harness.Dial(t, base, "general", false)
			harness.Publish(t, srv, "written only", "x")
			harness.Eventually(t, "three connections of two users", func() bool {
				_, body := harness.Get(t, base+"/rooms")
				return body == `{"general":2}` && srv.Stats().Connections == 3
			})
		}},
		{"rooms has only what the caller may list", func(t *testing.T) {
			_, base := harness.Serve(t, harness.UserByHeader, chat.WithAuthorizer(func(u chat.User, room string, a chat.Action) error {
				if a == chat.ActionList && room != "of "+u.ID {
					return errors.New("no")
				}
				return nil
			}))
			harness.Dial(t, base, "of u1", true, "as", "u1").Until("welcome")
			harness.Dial(t, base, "of u2", true, "as", "u2").Until("welcome")
			_, body := harness.GetAs(t, base+"/rooms", "u2")
			harness.Expect(t, "rooms", body, `{"of u2":1}`)
		}},
		{"rooms has the named ones, and so many of those with most users", func(t *testing.T) {
			var asked atomic.Int32
			_, base := harness.Serve(t, harness.UserByHeader, chat.WithAuthorizer(func(u chat.User, room string, a chat.Action) error {
				if a != chat.ActionList {
					return nil
				}
				if asked.Add(1); room == "secret" {
					return errors.New("no")
				}
				return nil
			}))
			for room, users := range map[string]int{"a": 1, "b b": 2, "c": 1, "d": 3, "e": 1, "secret": 4} {
				for i := range users {
					harness.Dial(t, base, room, true, "as", fmt.Sprint("u", i)).Until("welcome")
				}
			}
			// An answer about some rooms is of this time or up to a second older, so
			// none was given before.
			for _, row := range []struct {
				query, want string
				asked       int // how often the authorizer was
			}{
				{"", `{"a":1,"b b":2,"c":1,"d":3,"e":1}`, 6},
				{"?limit=2", `{"b b":2,"d":3}`, 3},
				{"?limit=0", `{}`, 0},
				{"?limit=99999999999999999999", `{"a":1,"b b":2,"c":1,"d":3,"e":1}`, 6},
				{"?room=c", `{"c":1}`, 1},
				{"?room=c&room=nobody&room=b%20%20b&room=c", `{"b b":2,"c":1}`, 3},
				{"?room=secret", `{}`, 1},
				{"?limit=1&room=e&room=secret", `{"d":3,"e":1}`, 4},
				{"?limit=1&room=d", `{"d":3}`, 3},
				{"?other=1", `{"a":1,"b b":2,"c":1,"d":3,"e":1}`, 6},
			} {
				asked.Store(0)
				_, body := harness.GetAs(t, base+"/rooms"+row.query, "u9")
				harness.Expect(t, row.query, body, row.want)
				harness.Expect(t, row.query+" authorized", int(asked.Load()), row.asked)
			}
			for query, code := range map[string]string{
				"?limit=": "bad_request", "?limit=-1": "bad_request", "?limit=x": "bad_request", "?limit=1;2": "bad_request",
				"?room=": "bad_room", "?room=..": "bad_room", "?room=%FF": "bad_room", "?room=a%2Fb": "bad_room",
				"?" + strings.Repeat("room=a&", 101): "bad_request",
			} {
				status, body := harness.GetAs(t, base+"/rooms"+query, "u9")
				if status != 400 || !strings.Contains(body, `"code":"`+code+`"`) {
					t.Errorf("%s: %d %s, want 400 %s", query, status, body, code)
				}
			}
			status, _ := harness.GetAs(t, base+"/rooms?"+strings.Repeat("room=a&", 100), "u9")
			harness.Expect(t, "100 names", status, 200)
		}},
		{"messages are oldest first and the same objects as on the socket", func(t *testing.T) {
			srv, base := harness.Serve(t)
			plain, v1 := harness.Dial(t, base, "r", false), harness.Dial(t, base, "r", true)
			v1.Until("welcome")
			harness.Publish(t, srv, "r", `a "quoted" <b>`)
			harness.Publish(t, srv, "r", "two")
			one, two := v1.TextOf("message"), v1.TextOf("message")
			harness.Expect(t, "both dialects", plain.TextOf("message"), one)
			_, body := harness.Get(t, base+"/rooms/r/messages")
			harness.Expect(t, "keys", harness.Keys(t, body), "first messages more position")
			harness.Expect(t, "messages", harness.Value(t, body, "messages"), "["+one+","+two+"]")
			harness.Expect(t, "first", harness.Value(t, body, "first"), "1")
			harness.Expect(t, "more", harness.Value(t, body, "more"), "false")
			if p := harness.Value(t, body, "position"); !regexp.MustCompile(`^"[\w.-]{1,64}:2"$`).MatchString(p) {
				t.Errorf("position %s", p)
			}
		}},
		{"members are listed with their names and connections", func(t *testing.T) {
			_, base := harness.Serve(t)
			a := harness.Dial(t, base, "r", true, "username", "Alice")
			o := a.Until("welcome")
			harness.Dial(t, base, "r", true, "username", "Alice", "session", o.Session).Until("welcome")
			_, body := harness.Get(t, base+"/rooms/r/members")
			harness.Expect(t, "members", body, `{"members":[{"user":"`+o.User+`","username":"Alice","connections":2}],"count":1}`)
			_, body = harness.Get(t, base+"/rooms/empty/members")
			harness.Expect(t, "members of nothing", body, `{"members":[],"count":0}`)
		}},
		{"members has at most 100, and count says how many", func(t *testing.T) {
			_, base := harness.Serve(t, chat.WithPresenceSize(1))
			for range 104 {
				harness.Dial(t, base, "r", false)
			}
			w := harness.Dial(t, base, "r", true).Until("welcome")
			harness.Expect(t, "welcome", fmt.Sprint(len(w.Members), w.Count), "100 105")
			_, body := harness.Get(t, base+"/rooms/r/members")
			harness.Expect(t, "members", fmt.Sprint(strings.Count(body, `"connections":1`), harness.Value(t, body, "count")), "100105")
		}},
		{"over HTTP nobody sees private messages without an authenticator", func(t *testing.T) {
			srv, base := harness.Serve(t)
			w := harness.Dial(t, base, "r", true).Until("welcome")
			if _, err := srv.Publish(t.Context(), "r", chat.Event{To: w.User, Text: "psst"}); err != nil {
				t.Fatal(err)
			}
			_, body := harness.Get(t, base+"/rooms/r/messages?session="+w.Session)
			harness.Expect(t, "messages", harness.Value(t, body, "messages"), "[]")
			harness.Expect(t, "position", strings.HasSuffix(harness.Value(t, body, "position"), `:1"`), true)
		}},
		{"over HTTP the two users of a private message see it, and nobody else", func(t *testing.T) {
			srv, base := harness.Serve(t, harness.UserByHeader)
			if _, err := srv.Publish(t.Context(), "r", chat.Event{UserID: "u1", To: "u2", Text: "psst"}); err != nil {
				t.Fatal(err)
			}
			for user, want := range map[string]int{"u1": 1, "u2": 1, "u3": 0} {
				_, body := harness.GetAs(t, base+"/rooms/r/messages", user)
				harness.Expect(t, user+" sees", strings.Count(body, "psst"), want)
			}
		}},
		{"401 for who is not authenticated, on every path", func(t *testing.T) {
			_, base := harness.Serve(t, harness.Quiet, harness.UserByHeader)
			for _, path := range []string{"/rooms", "/rooms/r/messages", "/rooms/r/members", "/ws/r"} {
				status, body := harness.Get(t, base+path)
				harness.Expect(t, path, fmt.Sprint(status, body), `401{"error":{"code":"unauthorized","message":"not authenticated"}}`)
			}
		}},
		{"403 with the authorizer's reason", func(t *testing.T) {
			_, base := harness.Serve(t, chat.WithAuthorizer(func(u chat.User, room string, a chat.Action) error {
				return fmt.Errorf("not to %s %s", a, room)
			}))
			for path, a := range map[string]string{"/rooms/r/messages": "read", "/rooms/r/members": "members", "/ws/r": "join"} {
				status, body := harness.Get(t, base+path)
				harness.Expect(t, path, fmt.Sprint(status, body), `403{"error":{"code":"forbidden","message":"not to `+a+` r"}}`)
			}
		}},
		{"503 with Retry-After while the log cannot be reached", func(t *testing.T) {
			log := &brokenLog{Log: chat.NewMemoryLog(0)}
			log.reads.Store(true)
			_, base := harness.Serve(t, harness.Quiet, chat.WithLog(log))
			for _, request := range []string{harness.Request("GET", "/rooms/r/messages"), harness.Request("GET", "/ws/r", harness.UpgradeHeaders...)} {
				c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), request, time.Now().Add(harness.Patience))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if c.Response.StatusCode != 503 || c.Response.Header.Get("Retry-After") == "" || !strings.Contains(c.Body, `"unavailable"`) {
					t.Errorf("%s: %d %v %s", request, c.Response.StatusCode, c.Response.Header, c.Body)
				}
			}
		}},
	})
}

func TestProtocolPlain(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"every text frame is a message, verbatim", func(t *testing.T) {
			_, base := harness.Serve(t)
			p := harness.Dial(t, base, "r", false)
			for _, s := range []string{`{"type":"typing"}`, ` "x" `, `null`, "line\nline", "a\x00b", "😀", "</script>\u2028"} {
				p.Send(s)
				harness.Expect(t, "message", p.Until("message").Message, s)
			}
		}},
		{"only message, private and system objects come", func(t *testing.T) {
			srv, base := harness.Serve(t)
			plain := harness.Dial(t, base, "r", false, "username", "Plain").Here()
			v1 := harness.Dial(t, base, "r", true, "username", "V1")
			to := v1.Until("welcome").Members
			for _, m := range to {
				if m.Username == "Plain" {
					v1.Send(`{"type":"typing"}`)
					v1.Send(`{"type":"private","to":"` + m.UserID + `","message":"psst","id":"1"}`)
				}
			}
			v1.Until("ack")
			var types []string
			for len(types) < 2 {
				types = append(types, plain.Next().Type)
			}
			go srv.Shutdown(context.Background())
			harness.Expect(t, "types", types, []string{"system", "private"})
			harness.Expect(t, "close, without a goodbye", plain.Closed(), 1001)
		}},
		{"an error comes as a system object with its code", func(t *testing.T) {
			_, base := harness.Serve(t)
			p := harness.Dial(t, base, "r", false)
			p.Send("")
			s := p.Text()
			harness.Expect(t, "keys", harness.Keys(t, s), "code message time type")
			harness.Expect(t, "type and code", harness.Value(t, s, "type")+harness.Value(t, s, "code"), `"system""empty_message"`)
		}},
		{"a list of only unknown subprotocols gets none and is plain", func(t *testing.T) {
			_, base := harness.Serve(t)
			c := harness.RawDial(t, base, "/ws/r", "Sec-WebSocket-Protocol: chat.v2, CHAT.V1")
			harness.Expect(t, "subprotocol", c.Response.Header["Sec-Websocket-Protocol"], nil)
			harness.Settle(t, c)
			harness.RawWrite(c, wsconf.Frame(wsconf.Fin|wsconf.Text, "plain"), 0)
			harness.Expect(t, "lines", harness.HeardThen(c, 1, frClose(1000, "")), []string{"msg plain", "close 1000"})
		}},
		{"a token in the list is not sent back", func(t *testing.T) {
			_, base := harness.Serve(t)
			c := harness.RawDial(t, base, "/ws/r", "Sec-WebSocket-Protocol: bearer.c4n4ry, chat.v1")
			harness.Expect(t, "subprotocol", c.Response.Header["Sec-Websocket-Protocol"], []string{"chat.v1"})
		}},
		{"a session in the list is not sent back, and brings the user back", func(t *testing.T) {
			_, base := harness.Serve(t)
			first := harness.Dial(t, base, "r", true).Until("welcome")
			offer := "Sec-WebSocket-Protocol: session." + first.Session + ", chat.v1"
			back := func(path string, headers ...string) string {
				c := harness.RawDial(t, base, path, headers...)
				harness.Expect(t, "subprotocol", c.Response.Header["Sec-Websocket-Protocol"], []string{"chat.v1"})
				welcome, err := c.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(welcome.Payload), `"session":"`+first.Session+`"`) {
					return "the same user"
				}
				return "another user"
			}
			harness.Expect(t, "offered", back("/ws/r", offer), "the same user")
			harness.Expect(t, "offered in two lines", back("/ws/r", "Sec-WebSocket-Protocol: chat.v1", "Sec-WebSocket-Protocol: session."+first.Session), "the same user")
			harness.Expect(t, "offered, and in the query", back("/ws/r?session="+first.Session, offer), "the same user")
			harness.Expect(t, "an empty one", back("/ws/r", "Sec-WebSocket-Protocol: chat.v1, session."), "another user")
			other := harness.Dial(t, base, "r", true).Until("welcome").Session
			for _, tc := range []struct{ what, path, offer string }{
				{"another in the query", "/ws/r?session=" + other, offer},
				{"two", "/ws/r", offer + ", session." + other},
				{"cut", "/ws/r", offer[:len("Sec-WebSocket-Protocol: session.")+31] + ", chat.v1"},
			} {
				c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake(tc.path, tc.offer), time.Now().Add(harness.Patience))
				if err != nil {
					t.Fatal(err)
				}
				harness.Expect(t, tc.what, c.Response.StatusCode, 400)
				if strings.Contains(c.Body, other) || strings.Contains(c.Body, first.Session) {
					t.Errorf("%s: the answer is %s", tc.what, c.Body)
				}
				c.Close()
			}
		}},
		{"each connection is a user of its own", func(t *testing.T) {
			srv, base := harness.Serve(t)
			harness.Dial(t, base, "r", false, "username", "A")
			harness.Dial(t, base, "r", false, "username", "A")
			_, n, err := srv.Members(t.Context(), "r", 0)
			harness.Expect(t, "members", fmt.Sprint(n, err), "2 <nil>")
		}},
		{"leave comes at once, clean or not", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				a := b.Dial("r", false, "username=A")
				synctest.Wait()
				for i := range 2 {
					p := b.Dial("r", false, "username=B")
					a.Until("system")
					synctest.Wait()
					if i == 0 {
						go p.Conn.Close(1000, "")
					} else {
						p.Conn.CloseNow()
					}
					if o := a.Next(); o.Message != "B left the room" || o.Username != "B" || o.User == "" {
						t.Errorf("%+v", o)
					}
				}
			})
		}},
	})
}
