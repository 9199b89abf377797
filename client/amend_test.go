package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// act is a call of a Conn that is acknowledged.
type act struct {
	do   func(u *user) (uint64, error)
	want string // what is sent, without the id
}

var bg = context.Background()

var acts = map[string]act{
	"message": {func(u *user) (uint64, error) {
		return u.Publish(bg, chat.Message{Text: "a<b", Data: json.RawMessage(` {"n": [1.0, "<"]} `), ReplyTo: 7})
	}, `{"type":"message","message":"a<b","data":{"n":[1.0,"<"]},"reply_to":7}`},
	"private": {func(u *user) (uint64, error) {
		return u.Publish(bg, chat.Message{To: "you", Data: json.RawMessage(`{}`)})
	}, `{"type":"private","to":"you","data":{}}`},
	"edit": {func(u *user) (uint64, error) {
		return u.Edit(bg, 7, chat.Message{Text: "b", To: "ignored", ReplyTo: 3})
	}, `{"type":"edit","target":7,"message":"b"}`},
	"edit with data": {func(u *user) (uint64, error) {
		return u.Edit(bg, 7, chat.Message{Data: json.RawMessage(`{"n":1}`)})
	}, `{"type":"edit","target":7,"data":{"n":1}}`},
	"delete":  {func(u *user) (uint64, error) { return u.Delete(bg, 7) }, `{"type":"delete","target":7}`},
	"react":   {func(u *user) (uint64, error) { return u.React(bg, 7, "👍") }, `{"type":"reaction","target":7,"reaction":"👍"}`},
	"unreact": {func(u *user) (uint64, error) { return u.Unreact(bg, 7, "👍") }, `{"type":"reaction","target":7,"reaction":"👍","remove":true}`},
}

func plainJSON(t *testing.T, s string) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &o); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return o
}

// TestAmendments loses the first ack of each call, has the second attempt refused for a
// time, and acknowledges the third: all have the same id.
func TestAmendments(t *testing.T) {
	for name, a := range acts {
		t.Run(name, func(t *testing.T) {
			var got []map[string]any
			inBubble(t, func(p *peer, n int) {
				p.welcome("e:9", resumed)
				got = append(got, p.hear())
				if n == 0 {
					return
				}
				p.say(refuse(got[1], "rate_limited", 1000))
				got = append(got, p.hear())
				p.say(ack(got[2], 12))
				p.hearAll()
			}, func(f *fake) {
				u := f.join()
				start := time.Now()
				if offset, err := a.do(u); offset != 12 || err != nil {
					t.Errorf("%d, %v", offset, err)
				}
				if d := time.Since(start); d < time.Second {
					t.Errorf("again after %v", d)
				}
				u.Close()
			})
			want := plainJSON(t, a.want)
			if want["id"] = got[0]["id"]; want["id"] == nil {
				t.Error("there is no id")
			}
			if want := []map[string]any{want, want, want}; !cmp.Equal(want, got) {
				t.Error(cmp.Diff(want, got))
			}
		})
	}
}

// TestOwnAmendmentIsAnAck has a server that sends the entry of a call again, but not its
// ack.
func TestOwnAmendmentIsAnAck(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:9", resumed)
		if n == 0 {
			o := p.hear()
			p.say(fmt.Sprintf(`{"type":"reaction","offset":10,"time":"2026-01-02T03:04:05Z","user":"you","username":"Y","target":7,"reaction":"x","id":%q}`, o["id"]),
				fmt.Sprintf(`{"type":"reaction","offset":11,"time":"2026-01-02T03:04:05Z","user":"me","username":"Me","target":7,"reaction":"x","id":%q}`, o["id"]))
		}
		p.hearAll()
	}, func(f *fake) {
		u := f.join()
		if offset, err := u.React(bg, 7, "x"); offset != 11 || err != nil {
			t.Errorf("%d, %v", offset, err)
		}
		u.Close()
	})
}

// TestAmendmentOrder has all kinds of calls wait behind one that is refused for a time.
func TestAmendmentOrder(t *testing.T) {
	var got []string
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:9", "")
		defer p.hearAll()
		for range 5 {
			p.say(refuse(p.hear(), "rate_limited", 1000))
		}
		for i := range 5 {
			o := p.hear()
			got = append(got, fmt.Sprint(o["type"], " ", o["message"], o["reaction"]))
			p.say(ack(o, 10+i))
		}
	}, func(f *fake) {
		u := f.join()
		done := make(chan error)
		for _, do := range []func() (uint64, error){
			func() (uint64, error) { return u.Send(bg, "1") },
			func() (uint64, error) { return u.Edit(bg, 7, chat.Message{Text: "2"}) },
			func() (uint64, error) { return u.React(bg, 7, "3") },
			func() (uint64, error) { return u.Send(bg, "4") },
			func() (uint64, error) { return u.Delete(bg, 7) },
		} {
			go func() {
				_, err := do()
				done <- err
			}()
			synctest.Wait()
		}
		for range 5 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		u.Close()
	})
	want := []string{"message 1<nil>", "edit 2<nil>", "reaction <nil>3", "message 4<nil>", "delete <nil> <nil>"}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// TestAmendmentRefused has codes that end a call.
func TestAmendmentRefused(t *testing.T) {
	for _, code := range []string{"no_such_message", "unsupported", "bad_request", "forbidden", "unknown_type"} {
		for name, a := range acts {
			inBubble(t, func(p *peer, n int) {
				p.welcome("e:9", "")
				p.say(refuse(p.hear(), code, 0))
				p.hearAll()
			}, func(f *fake) {
				u := f.join()
				_, err := a.do(u)
				var e *client.Error
				if !errors.As(err, &e) || e.Code != code || errors.Is(err, client.ErrUncertain) {
					t.Errorf("%s: %v, want %s", name, err, code)
				}
				if code == "unknown_type" && !strings.Contains(err.Error(), "version") {
					t.Errorf("%s: %v", name, err)
				}
				u.Close()
			})
		}
	}
}

// TestBadAmendments has calls that are not sent.
func TestBadAmendments(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:9", "")
		for o := p.hear(); o != nil; o = p.hear() {
			t.Errorf("sent %v", o)
		}
	}, func(f *fake) {
		u := f.join()
		for _, tc := range []struct {
			code string
			do   func() (uint64, error)
		}{
			{client.CodeBadRequest, func() (uint64, error) { return u.Publish(bg, chat.Message{Data: json.RawMessage(`[]`)}) }},
			{"bad_json", func() (uint64, error) { return u.Publish(bg, chat.Message{Data: json.RawMessage(`{"a":1,"a":2}`)}) }},
			{"bad_json", func() (uint64, error) { return u.Edit(bg, 1, chat.Message{Data: json.RawMessage("{\"a\":\"\xff\"}")}) }},
			{"bad_json", func() (uint64, error) { return 0, u.Signal(bg, "x", json.RawMessage(`{`)) }},
			{client.CodeTooLong, func() (uint64, error) {
				return u.Publish(bg, chat.Message{Data: json.RawMessage(`{"a":"` + strings.Repeat("x", 100) + `"}`)})
			}},
			{client.CodeTooLong, func() (uint64, error) { return u.Edit(bg, 1, chat.Message{Text: strings.Repeat("x", 1001)}) }},
			{client.CodeBadUTF8, func() (uint64, error) { return u.React(bg, 1, "\xff") }},
			{client.CodeBadUTF8, func() (uint64, error) { return u.Edit(bg, 1, chat.Message{Text: "\xff"}) }},
			{client.CodeBadRequest, func() (uint64, error) { return 0, u.Signal(bg, "Cursor", nil) }},
			{client.CodeBadRequest, func() (uint64, error) { return 0, u.Signal(bg, "", nil) }},
		} {
			_, err := tc.do()
			if e := (*client.Error)(nil); !errors.As(err, &e) || e.Code != tc.code {
				t.Errorf("%v, want %s", err, tc.code)
			}
		}
		u.Close()
	})
}
