package faults

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestOptionalPartsFail lets each method of a log's optional interfaces panic, and hang for
// longer than the log timeout. A client that needs the method gets unavailable and stays.
// Everything else works.
func TestOptionalPartsFail(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(){"panics": func() { panic("secret") }, "hangs": func() { time.Sleep(3 * time.Second); panic("late") }} {
		for _, method := range []string{"Amend", "MarkRead", "Unread", "Pace"} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{}), Wrong: wrong}
				l.Set("")
				harness.InBubble(t, func(b *harness.Bubble) {
					ctx := context.Background()
					p := b.Dial("r", true, "")
					w := p.Until("welcome")
					p.Send(`{"type":"message","message":"m","id":"0"}`)
					p.Until("ack")
					time.Sleep(time.Second)
					l.Set(method)
					for _, row := range []struct{ method, object string }{
						{"Amend", `{"type":"edit","target":1,"message":"x","id":"1"}`},
						{"Amend", `{"type":"reaction","target":1,"reaction":"👍","id":"2"}`},
						{"MarkRead", `{"type":"read","offset":1,"id":"3"}`},
						{"Pace", `{"type":"message","message":"x","id":"4"}`},
					} {
						p.Send(row.object)
						o := p.Next()
						for o.Type != "ack" && o.Type != "error" {
							o = p.Next()
						}
						if want := map[bool]string{true: "unavailable"}[row.method == method]; o.Code != want || want != "" && o.RetryMS == 0 || strings.Contains(o.Message, "secret") {
							t.Errorf("%s: %+v", row.object, o)
						}
						time.Sleep(time.Second)
					}
					status := 200
					if method == "Unread" {
						status = 503
					}
					if welcome := b.Dial("r", true, "session="+w.Session).TextOf("welcome"); strings.Contains(welcome, `"unread":`) != (status == 200) {
						t.Errorf("welcome %s", welcome)
					}
					resp, err := b.Client.Get("http://pipe/unread?room=r&session=" + w.Session)
					if err != nil || resp.StatusCode != status {
						t.Errorf("unread: %v, %v", resp, err)
					}
					resp.Body.Close()
					_, edit := b.Edit(ctx, "r", 1, chat.Message{UserID: w.User, Text: "x"})
					_, mark := b.MarkRead(ctx, "r", "u", 1)
					_, unread := b.Unread(ctx, "u", "r")
					for at, err := range map[string]error{"Amend": edit, "MarkRead": mark, "Unread": unread} {
						if (at == method) != errors.Is(err, chat.ErrUnavailable) || at != method && err != nil {
							t.Errorf("%s: %v", at, err)
						}
					}
					if s := b.Stats(); s.LogErrors == 0 || int64(s.Panics) != l.Met.Load() {
						t.Errorf("%+v, met %d", s, l.Met.Load())
					}
					l.Set("")
					p = b.Dial("r", true, "session="+w.Session) // over pipes, a member that did not read is closed by now
					p.Send(`{"type":"edit","target":1,"message":"again","id":"1b"}`)
					for o := p.Next(); o.ID != "1b" || o.Type != "ack"; o = p.Next() {
						if o.Type == "error" {
							t.Fatalf("%+v", o)
						}
					}
				}, harness.Quiet, chat.WithLog(l), chat.WithSlowMode(time.Millisecond))
			})
		}
	}
}

// TestOptionalPartsUnreachable checks that a request gets 503 and a time to try again if the log
// cannot answer in time. That is also so for a request for unread counts.
func TestOptionalPartsUnreachable(t *testing.T) {
	t.Parallel()
	l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{}), Wrong: func() { panic("x") }}
	l.Set("Unread")
	_, base := harness.Serve(t, harness.Quiet, harness.UserByHeader, chat.WithLog(l))
	r, err := http.NewRequest(http.MethodGet, base+"/unread?room=r", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer u1")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d, %v", resp.StatusCode, resp.Header)
	}
}
