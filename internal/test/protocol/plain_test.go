package protocol

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

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
			harness.Expect(t, "lines", harness.HeardThen(c, 1, wsconf.CloseFrame(1000, "")), []string{"msg plain", "close 1000"})
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
		{"leave comes immediately, clean or not", func(t *testing.T) {
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
