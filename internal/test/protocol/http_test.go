package protocol

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
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
			_, base := harness.Serve(t, harness.UserByHeader, chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
				if a == chat.ActionList && room != "of "+u.ID {
					return chat.Refuse("no")
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
			_, base := harness.Serve(t, harness.UserByHeader, chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
				if a != chat.ActionList {
					return nil
				}
				if asked.Add(1); room == "secret" {
					return chat.Refuse("no")
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
			if _, err := srv.Publish(t.Context(), "r", chat.Message{To: w.User, Text: "psst"}); err != nil {
				t.Fatal(err)
			}
			_, body := harness.Get(t, base+"/rooms/r/messages?session="+w.Session)
			harness.Expect(t, "messages", harness.Value(t, body, "messages"), "[]")
			harness.Expect(t, "position", strings.HasSuffix(harness.Value(t, body, "position"), `:1"`), true)
		}},
		{"over HTTP the two users of a private message see it, and nobody else", func(t *testing.T) {
			srv, base := harness.Serve(t, harness.UserByHeader)
			if _, err := srv.Publish(t.Context(), "r", chat.Message{UserID: "u1", To: "u2", Text: "psst"}); err != nil {
				t.Fatal(err)
			}
			for user, want := range map[string]int{"u1": 1, "u2": 1, "u3": 0} {
				_, body := harness.GetAs(t, base+"/rooms/r/messages", user)
				harness.Expect(t, user+" sees", strings.Count(body, "psst"), want)
			}
		}},
		{"401 for who is not authenticated, on every path", func(t *testing.T) {
			_, base := harness.Serve(t, harness.Quiet, harness.UserByHeader)
			for _, path := range []string{"/rooms", "/rooms/r/messages", "/rooms/r/members", "/unread?room=r", "/ws/r"} {
				status, body := harness.Get(t, base+path)
				harness.Expect(t, path, fmt.Sprint(status, body), `401{"error":{"code":"unauthorized","message":"not authenticated"}}`)
			}
		}},
		{"403 with the authorizer's reason", func(t *testing.T) {
			_, base := harness.Serve(t, chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
				return chat.Refuse(fmt.Sprintf("not to %s %s", a, room))
			}))
			for path, a := range map[string]string{"/rooms/r/messages": "read", "/rooms/r/members": "members", "/ws/r": "join"} {
				status, body := harness.Get(t, base+path)
				harness.Expect(t, path, fmt.Sprint(status, body), `403{"error":{"code":"forbidden","message":"not to `+a+` r"}}`)
			}
		}},
		{"503 with Retry-After while the log cannot be reached", func(t *testing.T) {
			log := &brokenLog{Log: chat.NewMemoryLog(chat.MemoryOptions{})}
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
