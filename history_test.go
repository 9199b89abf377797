package chat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestReplayEnds checks how a client learns that its replay is over: by the entry at the
// welcome's position, or else by an object that says so. That object comes after the replay and
// before live events.
func TestReplayEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		opts    []chat.Option
		entries string // one per letter: p public, x private to others
		since   int    // -1: none
		plain   bool
		places  bool // whether the object is sent
	}{
		{name: "an empty room", since: -1},
		{name: "ends with a message", entries: "pxp", since: -1},
		{name: "ends with a message of others", entries: "ppx", since: -1, places: true},
		{name: "nothing but messages of others", entries: "xxx", since: -1, places: true},
		{name: "no history", opts: []chat.Option{chat.WithHistory(0)}, entries: "pp", since: -1, places: true},
		{name: "resumed, nothing new", entries: "px", since: 2},
		{name: "resumed, a message", entries: "pxxp", since: 1},
		{name: "resumed, only messages of others", entries: "pxx", since: 1, places: true},
		{name: "resumed, a message and one of others", entries: "ppx", since: 1, places: true},
		{name: "from the log", opts: []chat.Option{chat.WithResume(1)}, entries: strings.Repeat("p", 250) + "x", since: 3, places: true},
		{name: "from the log, ends with a message", opts: []chat.Option{chat.WithResume(1)}, entries: strings.Repeat("px", 120) + "p", since: 3},
		{name: "from after the end of the log", entries: "px", since: 9, places: true},
		{name: "plain", entries: "ppx", since: -1, plain: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv, base := harness.Serve(t, append([]chat.Option{chat.WithHistory(300)}, tc.opts...)...)
			keep := harness.Dial(t, base, "r", true, "username", "Keeper")
			position := keep.Until("welcome").Position
			a, b := harness.Dial(t, base, "r", true), harness.Dial(t, base, "r", true)
			to := a.Until("welcome").User
			b.Until("welcome")
			for i, c := range tc.entries {
				if c == 'p' {
					harness.Publish(t, srv, "r", fmt.Sprint("m", i+1))
					continue
				}
				b.Send(fmt.Sprintf(`{"type":"private","to":%q,"message":"psst","id":"i%d"}`, to, i))
				b.Until("ack")
			}
			var params []string
			if tc.since >= 0 {
				epoch, _, _ := strings.Cut(position, ":")
				params = []string{"since", fmt.Sprint(epoch, ":", tc.since)}
			}
			p := harness.Dial(t, base, "r", !tc.plain, params...)
			if !tc.plain {
				position = p.Until("welcome").Position
			} else {
				p.Here()
			}
			p.Send("ping")
			if !tc.places { // otherwise wait for the object first, because a live event could replace it
				harness.Publish(t, srv, "r", "live")
			}
			var got []string
			for {
				o, err := p.Any()
				if err != nil {
					t.Fatal(err)
				}
				if o.Message == "live" {
					break
				}
				if o.Type == "position" {
					if got = append(got, o.Position); len(got) == 1 {
						harness.Publish(t, srv, "r", "live")
					}
				} else if len(got) > 0 && o.Offset != 0 {
					t.Errorf("%+v after the end of the replay", o)
				}
			}
			var want []string
			if tc.places {
				want = []string{position}
			}
			if !slices.Equal(got, want) {
				t.Errorf("told %v, want %v", got, want)
			}
		})
	}
}

func TestLastFiftyOfSixty(t *testing.T) {
	_, base := harness.Serve(t)
	alice := harness.Dial(t, base, "general", false, "username", "Alice")
	for i := range 60 {
		alice.Send(fmt.Sprint("m", i))
		alice.Until("message")
	}
	// Notices are not in the history, and do not count.
	harness.Dial(t, base, "general", false).Conn.Close(1000, "")
	alice.Until("system")
	alice.Until("system")
	bob := harness.Dial(t, base, "general", false, "username", "Bob")
	for i := 10; i < 60; i++ {
		if o := bob.Next(); o.Type != "message" || o.Message != fmt.Sprint("m", i) || o.Offset != uint64(i+1) {
			t.Fatalf("message %d: got %+v", i, o)
		}
	}
	alice.Send("live")
	if o := bob.Next(); o.Message != "live" {
		t.Fatalf("after the history: got %+v", o)
	}
}

func TestHistorySizes(t *testing.T) {
	for _, tc := range []struct{ size, want int }{{0, 0}, {1, 1}, {7, 7}, {100, 20}} {
		srv, base := harness.Serve(t, chat.WithHistory(tc.size))
		for i := range 20 {
			harness.Publish(t, srv, "r", fmt.Sprint(i))
		}
		p := harness.Dial(t, base, "r", true)
		p.Until("welcome") // otherwise live events could be the end of the history
		harness.Publish(t, srv, "r", "live")
		var got []string
		for {
			o := p.Next()
			if o.Message == "live" {
				break
			}
			got = append(got, o.Message)
		}
		var want []string
		for i := 20 - tc.want; i < 20; i++ {
			want = append(want, fmt.Sprint(i))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("history of %d (-want +got):\n%s", tc.size, diff)
		}
	}
}

// TestLogThatCannot uses a log without optional interfaces. Every feature that needs one is
// unsupported, and all others work.
func TestLogThatCannot(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, harness.Quiet, chat.WithLog(struct{ chat.Log }{chat.NewMemoryLog(chat.MemoryOptions{})}))
	p := harness.Dial(t, base, "r", true)
	w := p.TextOf("welcome")
	if keys := harness.Keys(t, w); strings.Contains(keys, "read") || !strings.Contains(w, `"data_bytes":0,`) {
		t.Errorf("welcome %s", w)
	}
	for _, object := range []string{
		`"message","message":"x","data":{}`, `"message","message":"x","reply_to":1`, `"private","to":"u","message":"x","data":{}`,
		`"edit","target":1,"message":"x"`, `"delete","target":1`, `"reaction","target":1,"reaction":"👍"`,
		`"read","offset":1`, `"signal","name":"x","data":{}`,
	} {
		p.Send(`{"id":"1","type":` + object + `}`)
		o := p.Next()
		if strings.Contains(object, `"u"`) {
			harness.Expect(t, object, o.Code, "no_such_user")
			continue
		}
		harness.Expect(t, object, o.Type+" "+o.Code+" "+o.ID, "error unsupported 1")
	}
	status, body := harness.Get(t, base+"/unread?room=r&session="+harness.Value(t, w, "session")[1:33])
	if status != http.StatusNotImplemented || !strings.Contains(body, `"unsupported"`) {
		t.Errorf("%d %s", status, body)
	}
	ctx := t.Context()
	_, data := srv.Publish(ctx, "r", chat.Message{Text: "x", Data: json.RawMessage(`{}`)})
	_, edit := srv.Edit(ctx, "r", 1, chat.Message{UserID: "u", Text: "x"})
	_, del := srv.Delete(ctx, "r", 1, chat.By{UserID: "u"})
	_, react := srv.React(ctx, "r", 1, chat.By{UserID: "u"}, "👍", false)
	_, mark := srv.MarkRead(ctx, "r", "u", 1)
	_, unread := srv.Unread(ctx, "u", "r")
	signal := srv.Signal(ctx, "r", chat.Signal{Name: "x", Data: json.RawMessage(`{}`)})
	for i, err := range []error{data, edit, del, react, mark, unread, signal} {
		if !errors.Is(err, chat.ErrUnsupported) || errors.Is(err, chat.ErrUnavailable) {
			t.Errorf("%d: %v", i, err)
		}
	}
	q := harness.Dial(t, base, "r", true)
	q.Until("welcome")
	p.Send(`{"type":"message","message":"hello","id":"2"}`)
	p.Send(`{"type":"signal","name":"bare"}`)
	if o := q.Until("message"); o.Message != "hello" || q.Until("signal").Name != "bare" {
		t.Errorf("%+v", o)
	}
	if s := srv.Stats(); s.LogErrors != 0 || s.Messages != 1 {
		t.Errorf("%+v", s)
	}
}
