package protocol

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// enters joins rooms, and passes over their welcomes and what comes before the last of them.
func enters(p *harness.Peer, rooms ...string) {
	p.T.Helper()
	for _, room := range rooms {
		p.Send(fmt.Sprintf(`{"type":"join","room":%q}`, room))
		p.Until("welcome")
	}
}

// expiring takes the user and the seconds that the credentials last from a bearer token, or
// from the parameter as, as id/seconds.
func expiring(r *http.Request) (u chat.User, err error) {
	id, last, ok := strings.Cut(r.URL.Query().Get("as")+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "/")
	var seconds int
	if fmt.Sscan(last, &seconds); !ok {
		return u, errors.New("no token")
	}
	return chat.User{ID: id, Expires: time.Now().Add(time.Duration(seconds) * time.Second)}, nil
}

// TestManyShare is about what all rooms of a connection share.
func TestManyShare(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"one rate limit", func(t *testing.T) {
			k := newTalk(t, chat.WithRateLimit(0.001, 3))
			p, _ := k.many("a", "b")
			for i, room := range []string{"a", "b", "a"} {
				does(p, fmt.Sprintf(`{"type":"message","room":%q,"message":"m%d"}`, room, i), fmt.Sprintf("message %d m%d", 1+i/2, i))
			}
			does(p, `{"type":"message","room":"b","message":"m"}`, "error rate_limited")
		}},
		{"one ping in each interval, whose pong is enough for all", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				conn, _ := b.Pipes.Dial(context.Background(), "", "")
				c, err := wsconf.Open(conn, wsconf.Handshake("/ws", harness.OfferV1), time.Now().Add(time.Hour))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				var rooms []string
				for i := range 50 {
					rooms = append(rooms, fmt.Sprintf(`"r%d":""`, i))
				}
				start, pings, answered := time.Now(), 0, 5
				go c.Write(wsconf.Frame(wsconf.Fin|wsconf.Text, `{"type":"join","rooms":{`+strings.Join(rooms, ",")+`}}`))
				for {
					f, err := c.ReadFrame()
					if err != nil {
						break
					}
					if f.Opcode() == wsconf.Ping {
						if pings++; pings <= answered {
							go c.Write(wsconf.Frame(wsconf.Fin|wsconf.Pong, ""))
						}
					}
				}
				took := time.Since(start)
				if pings != answered+1 || took < 6*25*time.Second+10*time.Second || took > 6*27*time.Second+15*time.Second {
					t.Errorf("%d pings in %v", pings, took)
				}
				time.Sleep(5 * time.Second) // the grace
				synctest.Wait()
				harness.Expect(t, "members", b.Stats().Members, 0)
			})
		}},
		{"one credential: a warning, fresh ones with auth, and 4001", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				p := b.Dial(harness.Many, true, "as=u1/100")
				p.Until("hello")
				enters(p, "a", "b", "c")
				start := time.Now()
				expect := func(want string, after time.Duration) {
					t.Helper()
					harness.Expect(t, "next", p.Text(), want)
					harness.Expect(t, "after", time.Since(start), after*time.Second)
				}
				const warning = `{"type":"error","code":"token_expiring","message":"credentials run out within a minute: send fresh ones"}`
				expect(warning, 40)
				p.Send(`{"type":"auth","token":"u2/200","id":"1"}`)
				expect(`{"type":"error","code":"auth_failed","message":"the credentials were not accepted","id":"1"}`, 40)
				p.Send(`{"type":"auth","token":"u1/150"}`)
				p.Send(`{"type":"ping","id":"2"}`)
				expect(`{"type":"pong","id":"2"}`, 40)
				expect(warning, 130)
				o, err := p.Read()
				harness.Expect(t, "code", harness.CloseCode(err), 4001)
				harness.Expect(t, "what comes before", o, harness.Object{})
				harness.Expect(t, "after", time.Since(start), 190*time.Second)
			}, chat.WithAuthenticator(expiring), chat.WithPing(0, 0))
		}},
		{"it counts as one connection of its user", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader, chat.WithMaxConnectionsPerUser(2))
			p := harness.Dial(t, k.base, harness.Many, true, "as", "u1")
			enters(p, "a", "b", "c")
			harness.Dial(t, k.base, harness.Many, true, "as", "u1").Until("hello")
			_, resp, err := harness.TryDial(t, k.base, harness.Many, true, "as", "u1")
			if err == nil || resp.StatusCode != http.StatusTooManyRequests {
				t.Errorf("the third: %v, %v", resp, err)
			}
			harness.Expect(t, "connections", k.srv.Stats().Connections, 2)
		}},
		{"a hundred errors in a row end it, whatever room they are about", func(t *testing.T) {
			k := newTalk(t)
			p, _ := k.many("a", "b")
			for i := range 99 {
				p.Send(fmt.Sprintf(`{"type":"message","room":%q,"message":" "}`, []string{"a", "b", "c"}[i%2]))
			}
			p.Send(`{"type":"message","room":"a","message":"m"}`)
			for range 100 {
				p.Send(`{"type":"join","room":"a"}`)
			}
			errs := 0
			var err error
			for o := (harness.Object{}); err == nil; o, err = p.Read() {
				if o.Type == "error" {
					errs++
				}
			}
			harness.Expect(t, "errors", errs, 199)
			harness.Expect(t, "code", harness.CloseCode(err), 1008)
		}},
		{"hello says how many rooms one may join, and that is the limit", func(t *testing.T) {
			k := newTalk(t, chat.WithMaxJoinedRooms(2))
			p := harness.Dial(t, k.base, harness.Many, true)
			if s := p.Text(); !strings.Contains(s, `"rooms":2}`) {
				t.Error(s)
			}
			enters(p, "a", "b")
			does(p, `{"type":"join","room":"c"}`, "error too_many")
			p.Send(`{"type":"leave","room":"a"}`)
			p.Until("left")
			enters(p, "c")
		}},
		{"a session is that of the rooms, too", func(t *testing.T) {
			k := newTalk(t)
			p, hello := k.many("a")
			p.Conn.Close(1000, "")
			again := harness.Dial(t, k.base, harness.Many, true, "session", hello.Session)
			harness.Expect(t, "user", again.Until("hello").User, hello.User)
			enters(again, "a")
			one := harness.Dial(t, k.base, "a", true, "session", hello.Session).Until("welcome")
			harness.Expect(t, "user", one.User, hello.User)
			harness.Expect(t, "members", one.Count, 1)
		}},
		{"compressed, each object names its room", func(t *testing.T) {
			k := newTalk(t, chat.WithCompression(true))
			long := strings.Repeat("long ", 200)
			c := harness.RawDial(t, k.base, "/ws", harness.OfferV1, harness.OfferDeflate)
			other := harness.RawDial(t, k.base, "/ws", harness.OfferV1)
			for _, c := range []*wsconf.Conn{c, other} {
				harness.RawWrite(c, wsconf.Frame(wsconf.Fin|wsconf.Text, `{"type":"join","rooms":{"a":"","b":""}}`), 0)
				harness.Settle(t, c)
			}
			harness.RawWrite(c, wsconf.Frame(wsconf.Fin|wsconf.Text|wsconf.RSV1, wsconf.Deflate(`{"type":"message","room":"a","message":"`+long+`"}`)), 0)
			harness.RawWrite(other, wsconf.Frame(wsconf.Fin|wsconf.Text, `{"type":"message","room":"b","message":"`+long+`"}`), 0)
			for _, c := range []*wsconf.Conn{c, other} {
				packed := 0
				var got []string
				for len(got) < 2 {
					f, err := c.ReadFrame()
					if err != nil {
						t.Fatal(err)
					}
					s, err := f.Text()
					if err != nil {
						t.Fatal(err)
					}
					if i := strings.Index(s, `,"offset"`); i > 0 && strings.HasPrefix(s, `{"type":"message"`) {
						got = append(got, s[:i])
						packed += int(f.First & wsconf.RSV1 / wsconf.RSV1)
					}
				}
				slices.Sort(got)
				harness.Expect(t, "objects", got, []string{`{"type":"message","room":"a"`, `{"type":"message","room":"b"`})
				if want := c.Response.Header.Get("Sec-WebSocket-Extensions") != ""; want != (packed == 2) {
					t.Errorf("%d of 2 are compressed", packed)
				}
			}
		}},
		{"a plain GET of /ws is answered 426, and a POST 405", func(t *testing.T) {
			k := newTalk(t)
			status, body := harness.Get(t, k.base+"/ws?username=Ann")
			harness.Expect(t, "status", status, 426)
			harness.Expect(t, "code", strings.HasPrefix(body, `{"error":{"code":"upgrade_required"`), true)
			resp, err := http.Post(k.base+"/ws", "text/plain", nil)
			if err != nil || resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET" {
				t.Errorf("%v, %v", resp, err)
			}
		}},
	})
}
