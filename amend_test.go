package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

var ann, bob = chat.By{UserID: "ann", Username: "Ann"}, chat.By{UserID: "bob"}

// said publishes a message from Ann in the room r.
func said(t *testing.T, srv *chat.Server, m chat.Message) chat.Event {
	t.Helper()
	m.UserID, m.Username = ann.UserID, ann.Username
	e, err := srv.Publish(t.Context(), "r", m)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// brief returns a short form of everything left in the room r.
func brief(t *testing.T, srv *chat.Server) (lines []string) {
	t.Helper()
	page, err := srv.History(t.Context(), "r", chat.Query{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		s := fmt.Sprint(e.Offset, " ", e.Text, string(e.Data))
		for _, r := range e.Reactions {
			s += fmt.Sprint(" ", r.Reaction, r.Users)
		}
		lines = append(lines, s)
	}
	return lines
}

// TestAmendFromGo amends messages in Go.
func TestAmendFromGo(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, harness.Quiet)
	ctx := t.Context()
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	first := said(t, srv, chat.Message{Text: "one", Data: json.RawMessage(` {"a" : 1}`)})
	reply := said(t, srv, chat.Message{Data: json.RawMessage(`{}`), ReplyTo: first.Offset})
	if string(first.Data) != `{"a":1}` || reply.ReplyTo != 1 || p.Until("message").Message != "one" || p.Until("message").ReplyTo != 1 {
		t.Errorf("%+v, %+v", first, reply)
	}
	edit, err := srv.Edit(ctx, "r", 1, chat.Message{UserID: "ann", Text: "two", To: "x", ReplyTo: 99, ID: "e"})
	if err != nil || edit.Type != chat.TypeEdit || edit.Target != 1 || edit.Offset != 3 || edit.Username != "Anonymous" || edit.Position.Offset != 3 {
		t.Errorf("%+v, %v", edit, err)
	}
	if o := p.Until("edit"); o.Target != 1 || o.Message != "two" || o.ID != "e" || o.Username != "Anonymous" {
		t.Errorf("%+v", o)
	}
	if again, err := srv.Edit(ctx, "r", 1, chat.Message{UserID: "ann", Text: "three", ID: "e"}); err != nil || again.Offset != 3 {
		t.Errorf("%+v, %v", again, err)
	}
	added, err := srv.React(ctx, "r", 1, bob, "❤", false)
	if err != nil || added.Reaction != "❤️" || p.Until("reaction").Reaction != "❤️" {
		t.Errorf("%+v, %v", added, err)
	}
	if again, err := srv.React(ctx, "r", 1, bob, "❤️", false); err != nil || again.Offset != added.Offset {
		t.Errorf("%+v, %v", again, err)
	}
	harness.Expect(t, "history", brief(t, srv), []string{"1 two ❤️[bob]", "2 {}"})
	if e, err := srv.React(ctx, "r", 1, bob, "❤️", true); err != nil || !e.Remove || !p.Until("reaction").Remove {
		t.Errorf("%+v, %v", e, err)
	}
	for i := range 20 {
		if _, err := srv.React(ctx, "r", 1, bob, fmt.Sprintf(":%d:", i), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := srv.React(ctx, "r", 1, bob, ":more:", false); !errors.Is(err, chat.ErrTooMany) {
		t.Errorf("21 reactions: %v", err)
	}
	if _, err := srv.Delete(ctx, "r", 1, bob); !errors.Is(err, chat.ErrNoSuchMessage) {
		t.Errorf("of another: %v", err)
	}
	if e, err := srv.Delete(ctx, "r", 1, chat.By{UserID: "bob", Moderator: true}); err != nil || e.Type != chat.TypeDelete || p.Until("delete").Target != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	harness.Expect(t, "history", brief(t, srv), []string{"2 {}"})
	if s := srv.Stats(); s.Messages != 2 || s.LogErrors != 0 {
		t.Errorf("%+v", s)
	}
}

// TestBadAmendmentsFromGo makes every mistake that a program can make.
func TestBadAmendmentsFromGo(t *testing.T) {
	t.Parallel()
	srv, _ := harness.Serve(t, harness.Quiet, chat.WithDataSize(100))
	ctx := t.Context()
	said(t, srv, chat.Message{Text: "one"})
	data := func(s string) error {
		_, err := srv.Publish(ctx, "r", chat.Message{Text: "x", Data: json.RawMessage(s)})
		return err
	}
	edit := func(room string, target uint64, m chat.Message) error {
		_, err := srv.Edit(ctx, room, target, m)
		return err
	}
	react := func(by chat.By, r string) error { _, err := srv.React(ctx, "r", 1, by, r, false); return err }
	signal := func(room string, g chat.Signal) error { return srv.Signal(ctx, room, g) }
	mark := func(room, user string) error { _, err := srv.MarkRead(ctx, room, user, 1); return err }
	_, reply := srv.Publish(ctx, "r", chat.Message{Text: "x", ReplyTo: 2})
	_, unread := srv.Unread(ctx, "ann", "r", "..")
	_, unreadBy := srv.Unread(ctx, "\xff", "r")
	for name, row := range map[string]struct{ got, want error }{
		"data no JSON":      {data(`{`), chat.ErrBadMessage},
		"data an array":     {data(`[]`), chat.ErrBadMessage},
		"data a key twice":  {data(`{"a":1,"a":2}`), chat.ErrBadMessage},
		"data too long":     {data(`{"a":"` + strings.Repeat("x", 100) + `"}`), chat.ErrBadMessage},
		"data not UTF-8":    {data("{\"a\":\"\xff\"}"), chat.ErrBadMessage},
		"a reply too early": {reply, chat.ErrBadMessage},
		"edit of 0":         {edit("r", 0, chat.Message{UserID: "ann", Text: "x"}), chat.ErrNoSuchMessage},
		"edit of nothing":   {edit("r", 2, chat.Message{UserID: "ann", Text: "x"}), chat.ErrNoSuchMessage},
		"edit of another's": {edit("r", 1, chat.Message{UserID: "bob", Text: "x"}), chat.ErrNoSuchMessage},
		"edit elsewhere":    {edit("s", 1, chat.Message{UserID: "ann", Text: "x"}), chat.ErrNoSuchMessage},
		"edit in no room":   {edit("..", 1, chat.Message{UserID: "ann", Text: "x"}), chat.ErrBadName},
		"edit without text": {edit("r", 1, chat.Message{UserID: "ann", Text: " "}), chat.ErrBadMessage},
		"edit with long id": {edit("r", 1, chat.Message{UserID: "ann", Text: "x", ID: strings.Repeat("x", 65)}), chat.ErrBadMessage},
		"no reaction":       {react(bob, "no"), chat.ErrBadMessage},
		"long user":         {react(chat.By{UserID: strings.Repeat("x", 129)}, "👍"), chat.ErrBadMessage},
		"user not UTF-8":    {react(chat.By{UserID: "\xff"}, "👍"), chat.ErrBadMessage},
		"signal's name":     {signal("r", chat.Signal{Name: "A"}), chat.ErrBadMessage},
		"signal's data":     {signal("r", chat.Signal{Name: "a", Data: json.RawMessage(`1`)}), chat.ErrBadMessage},
		"signal's user":     {signal("r", chat.Signal{Name: "a", UserID: "\xff"}), chat.ErrBadMessage},
		"signal's room":     {signal("..", chat.Signal{Name: "a"}), chat.ErrBadName},
		"mark's room":       {mark("..", "ann"), chat.ErrBadName},
		"mark's user":       {mark("r", ""), chat.ErrBadName},
		"unread's room":     {unread, chat.ErrBadName},
		"unread's user":     {unreadBy, chat.ErrBadName},
	} {
		if !errors.Is(row.got, row.want) {
			t.Errorf("%s: %v, want %v", name, row.got, row.want)
		}
	}
	srv.Close()
	if err := edit("r", 1, chat.Message{UserID: "ann", Text: "x"}); !errors.Is(err, chat.ErrServerClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := signal("r", chat.Signal{Name: "a"}); !errors.Is(err, chat.ErrServerClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestMarksAndSignalsFromGo marks a room as read for a user, and signals to all users but one.
func TestMarksAndSignalsFromGo(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, harness.Quiet, harness.UserByHeader)
	ctx := t.Context()
	a, b := harness.Dial(t, base, "r", true, "as", "ann"), harness.Dial(t, base, "r", true, "as", "bob")
	a.Until("welcome")
	b.Until("welcome")
	for i := range 3 {
		said(t, srv, chat.Message{Text: fmt.Sprint(i)})
	}
	if read, err := srv.MarkRead(ctx, "r", "bob", 2); read != 2 || err != nil || b.Until("read").Offset != 2 {
		t.Errorf("%d, %v", read, err)
	}
	if read, err := srv.MarkRead(ctx, "r", "bob", 1); read != 2 || err != nil {
		t.Errorf("%d, %v", read, err)
	}
	rooms := []string{"r", "r", "s"}
	for i := range 250 {
		rooms = append(rooms, fmt.Sprint("room", i))
	}
	unread, err := srv.Unread(ctx, "bob", rooms...)
	if err != nil || len(unread) != 252 || unread["r"] != (chat.Unread{Read: 2, Last: 3, Unread: 1}) {
		t.Errorf("%d rooms, %+v, %v", len(unread), unread["r"], err)
	}
	if unread, err = srv.Unread(ctx, "bob"); err != nil || len(unread) != 0 {
		t.Errorf("%v, %v", unread, err)
	}
	if err := srv.Signal(ctx, "r", chat.Signal{UserID: "ann", Name: "tick", Data: json.RawMessage(`{"n": 1}`)}); err != nil {
		t.Fatal(err)
	}
	if o := b.Until("signal"); o.Name != "tick" || string(o.Data) != `{"n":1}` || o.User != "ann" || o.Username != "Anonymous" {
		t.Errorf("%+v", o)
	}
	harness.Publish(t, srv, "r", "end")
	if types := a.UpTo("end"); slices.Contains(types, "signal") || slices.Contains(types, "read") {
		t.Errorf("%v", types)
	}
}

// TestThreeServers has three servers with one log. Each tells its members what the other servers
// amend, and all end with the same room.
func TestThreeServers(t *testing.T) {
	t.Parallel()
	log := chat.NewMemoryLog(chat.MemoryOptions{})
	var servers []*chat.Server
	var peers []*harness.Peer
	for i := range 3 {
		srv := chattest.NewServer(t, harness.Quiet, chat.WithLog(log))
		p := harness.Dial(t, srv.URL, "r", true, "username", fmt.Sprint(i))
		p.Until("welcome")
		servers, peers = append(servers, srv.Server), append(peers, p)
	}
	said(t, servers[0], chat.Message{Text: "one"})
	for i, p := range peers { // each is ahead of what the other servers' rooms have read
		p.Send(fmt.Sprintf(`{"type":"message","message":"reply","reply_to":%d,"id":"m"}`, i+1))
		if o := p.Until("ack"); o.Offset != uint64(i+2) {
			t.Fatalf("%+v", o)
		}
	}
	if _, err := servers[1].Edit(t.Context(), "r", 1, chat.Message{UserID: "ann", Text: "two"}); err != nil {
		t.Fatal(err)
	}
	if _, err := servers[2].React(t.Context(), "r", 1, bob, "👍", false); err != nil {
		t.Fatal(err)
	}
	peers[1].Send(`{"type":"delete","target":3}`)
	peers[2].Send(`{"type":"signal","name":"s"}`)
	for i, p := range peers {
		left := []string{"edit", "reaction", "delete", "signal"}
		if i == 2 {
			left = left[:3]
		}
		for len(left) > 0 {
			o := p.Next()
			left = slices.DeleteFunc(left, func(typ string) bool { return typ == o.Type })
		}
	}
	for _, srv := range servers {
		harness.Expect(t, "history", brief(t, srv), []string{"1 two 👍[bob]", "2 reply", "4 reply"})
	}
}

// lockedList is a list that several goroutines add to.
type lockedList struct {
	mu  sync.Mutex
	all []string
}

func (l *lockedList) add(s string) { l.mu.Lock(); l.all = append(l.all, s); l.mu.Unlock() }
func (l *lockedList) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

// TestActionsOfAmendments checks that the authorizer decides on each amendment. A refused
// amendment that was stored before gets its first answer.
func TestActionsOfAmendments(t *testing.T) {
	t.Parallel()
	var asked lockedList
	var refuse atomic.Value
	refuse.Store(chat.Action(""))
	_, base := harness.Serve(t, harness.Quiet, harness.UserByHeader, chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
		if asked.add(string(a)); a == refuse.Load() {
			return chat.Refuse("no")
		}
		return nil
	}))
	p := harness.Dial(t, base, "r", true, "as", "u1")
	p.Until("welcome")
	p.Send(`{"type":"message","message":"m","id":"m"}`)
	p.Until("ack")
	for i, row := range []struct {
		object string
		action chat.Action
	}{
		{`{"type":"edit","target":1,"message":"x"`, chat.ActionEdit}, {`{"type":"reaction","target":1,"reaction":"👍"`, chat.ActionReact},
		{`{"type":"delete","target":1`, chat.ActionDelete}, {`{"type":"read","offset":1`, chat.ActionMark}, {`{"type":"signal","name":"x"`, chat.ActionSignal},
	} {
		asked.take()
		p.Send(row.object + fmt.Sprintf(`,"id":"%d"}`, i))
		p.Send(`{"type":"ping"}`)
		p.Until("pong")
		harness.Expect(t, row.object, asked.take(), []string{string(row.action)})
		refuse.Store(row.action)
		for id, want := range map[string]string{fmt.Sprint(i): "ack", "new": "error"} {
			if row.action == chat.ActionMark || row.action == chat.ActionSignal {
				want = "error"
			}
			p.Send(row.object + fmt.Sprintf(`,"id":%q}`, id))
			if o := p.Until(want); o.ID != id || want == "error" && o.Code != "forbidden" {
				t.Errorf("%s: %+v", row.object, o)
			}
		}
		refuse.Store(chat.Action(""))
	}
}
