package chattest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// testPrivateHistory lets one user send thousands of private messages to a made-up user. Every
// other user gets the last messages that are visible to that user, and can page back from there,
// as far as the log holds them.
func testPrivateHistory(t *testing.T, open func() chatlog.Log) {
	const flood = 2100
	opts := []chat.Option{byQuery, chat.WithHistory(50), chat.WithRateLimit(0, 0)}
	a := NewServer(t, append(opts, chat.WithLog(open()))...)
	b := NewServer(t, append(opts, chat.WithLog(open()))...)
	room := newName("served-past")
	say := func(m chat.Message) {
		t.Helper()
		if _, err := a.Publish(within(t), room, m); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 60 {
		say(chat.Message{UserID: "ann", Text: fmt.Sprint(n)})
		if n%20 == 5 {
			say(chat.Message{UserID: "ann", To: "bob", Text: "psst"})
		}
	}
	dial(t, a, room, url.Values{"as": {"watcher"}}) // so that one server sees every entry
	fill(t, a, room, flood, chat.Message{UserID: "eve", To: "nobody there", Text: "spam"})
	for n := range 3 {
		say(chat.Message{UserID: "ann", Text: fmt.Sprint("after it, ", n)})
	}
	var all []chatlog.Event
	page := chatlog.Page{More: true}
	for l, from := open(), uint64(1); page.More; from = all[len(all)-1].Offset + 1 {
		page = read(t, l, room, chatlog.Range{From: from, Limit: 1000})
		all = append(all, page.Events...)
	}
	for i, s := range []*Server{a, b} {
		settled(t, s, room, page.Position)
		for _, reader := range []string{"ann", "bob", "eve", "stranger"} {
			var seen []uint64
			for _, e := range all {
				if e.VisibleTo(reader) {
					seen = append(seen, e.Offset)
				}
			}
			v := past{t, s, room, reader, seen, page}
			v.pages()
			v.joins()
			v.resumes(all)
			if t.Failed() {
				t.Fatalf("as %s, on server %d", reader, i+1)
			}
		}
	}
}

// settled waits until a server has every entry of a room to which nobody writes now. The entries
// of the flood reach it in any order. If the log has trimmed an entry that the server still
// waits for, the server starts again with what the log holds, and closes the room's connections.
func settled(t *testing.T, s *Server, room string, end chatlog.Position) {
	t.Helper()
	eventually(t, "the server to have read the room to its end", func() bool {
		p, welcome := dial(t, s, room, url.Values{"as": {"watcher"}})
		p.conn.CloseNow()
		return welcome.Position.Epoch == end.Epoch && welcome.Position.Offset == end.Offset
	})
}

// past is what one reader must see of a room.
type past struct {
	t      *testing.T
	s      *Server
	room   string
	reader string
	seen   []uint64 // offsets
	page   chatlog.Page
}

func offsets(events []chatlog.Event) (o []uint64) {
	for _, e := range events {
		o = append(o, e.Offset)
	}
	return o
}

// newest returns the last n of o, or all if there are fewer.
func newest(o []uint64, n int) []uint64 { return o[max(0, len(o)-n):] }

func (v past) equal(what string, got, want []uint64) {
	v.t.Helper()
	if !slices.Equal(got, want) {
		v.t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// get returns GET /rooms/{room}/messages.
func (v past) get(params url.Values) (a answer) {
	v.t.Helper()
	params.Set("as", v.reader)
	req, err := http.NewRequestWithContext(within(v.t), http.MethodGet, v.s.URL+"/rooms/"+url.PathEscape(v.room)+"/messages?"+params.Encode(), nil)
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || resp.StatusCode != http.StatusOK {
		v.t.Fatalf("GET messages: %s, %v", resp.Status, err)
	}
	if a.First != v.page.First || a.Position != v.page.Position {
		v.t.Errorf("from %d to %v, want %d to %v", a.First, a.Position, v.page.First, v.page.Position)
	}
	return a
}

// pages pages back through the whole history over HTTP, and forward again in Go.
func (v past) pages() {
	v.t.Helper()
	a := v.get(url.Values{"limit": {"50"}})
	got := offsets(a.Messages)
	v.equal("the newest", got, newest(v.seen, 50))
	for a.More && len(got) <= len(v.seen) {
		if len(a.Messages) == 0 {
			v.t.Fatal("an empty page with More")
		}
		a = v.get(url.Values{"before": {fmt.Sprint(a.Messages[0].Offset)}, "limit": {"100"}})
		got = append(offsets(a.Messages), got...)
	}
	v.equal("paging back with before", got, v.seen)
	got = nil
	for q := (chat.Query{Reader: v.reader, From: 1, Limit: 100}); ; q.From = got[len(got)-1] + 1 {
		p, err := v.s.History(within(v.t), v.room, q)
		if err != nil {
			v.t.Fatal(err)
		}
		for _, e := range p.Events {
			got = append(got, e.Offset)
		}
		if !p.More || len(p.Events) == 0 {
			break
		}
	}
	v.equal("paging forward from the first", got, v.seen)
}

// joins joins the room, and asks for older messages.
func (v past) joins() {
	v.t.Helper()
	p, _ := dial(v.t, v.s, v.room, url.Values{"as": {v.reader}})
	defer p.conn.CloseNow()
	want := newest(v.seen, 50)
	var got []uint64
	for len(got) < len(want) {
		a := p.until(func(a answer) bool { return a.Offset > 0 })
		got = append(got, a.Offset)
	}
	v.equal("on joining", got, want)
	before := v.page.Position.Offset + 1
	if len(got) > 0 {
		before = got[0]
	}
	p.send(map[string]any{"type": proto.TypeHistory, "before": before, "limit": 100})
	a := p.until(func(a answer) bool { return a.Type == proto.TypeHistory })
	rest := v.seen[:len(v.seen)-len(want)]
	v.equal("asked for on the socket", offsets(a.Messages), newest(rest, 100))
	if a.More != (len(rest) > 100) {
		v.t.Errorf("more %t of %d", a.More, len(rest))
	}
}

// resumes reconnects after the first few entries.
func (v past) resumes(all []chatlog.Event) {
	v.t.Helper()
	since := chatlog.Position{Epoch: v.page.Position.Epoch, Offset: all[0].Offset + 6}
	p, welcome := dial(v.t, v.s, v.room, url.Values{"as": {v.reader}, "since": {since.String()}})
	defer p.conn.CloseNow()
	if !welcome.Resumed {
		v.t.Fatalf("not resumed from %v", since)
	}
	i, _ := slices.BinarySearch(v.seen, since.Offset+1)
	var got []uint64
	for range v.seen[i:] {
		got = append(got, p.until(func(a answer) bool { return a.Offset > 0 }).Offset)
	}
	v.equal("resumed", got, v.seen[i:])
}
