package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/test/front"
)

func TestTwoUsersTalk(t *testing.T) {
	_, base := serve(t)
	mux := http.NewServeMux()
	srv := chat.New(chat.WithLogger(quiet))
	mux.Handle("/deep/chat/", http.StripPrefix("/deep/chat", srv))
	mounted := front.NewServer(mux)
	defer mounted.Close()
	defer srv.Close()
	for i, base := range []string{base, base + "/", strings.Replace(base, "http", "ws", 1), mounted.URL + "/deep/chat", mounted.URL + "/deep/chat/"} {
		room := fmt.Sprint("Zimmer ü%41 ?#", i)
		alice, bob := join(t, base, room, "Alice"), join(t, base, room, "Bob")
		if w := bob.Welcome(); w.Username != "Bob" || w.Room != room || w.MemberCount != 2 || len(w.Members) != 2 || w.User == "" || w.Session == "" || w.Gap || w.Resumed || w.Limits.MessageBytes != 16<<10 {
			t.Errorf("Bob's welcome: %+v", w)
		}
		if e := alice.any(); e.Type != client.TypeWelcome || e.Welcome.User != alice.Welcome().User {
			t.Errorf("Alice's first event: %+v", e)
		}
		e := alice.next()
		want := []chat.Member{{UserID: bob.Welcome().User, Username: "Bob"}}
		if e.Type != chat.TypeSystem || !cmp.Equal(e.Joined, want) || e.Left != nil {
			t.Errorf("Alice sees %+v", e)
		}
		text := "Hello <Bob> & \"all\" \u2028 \x01 🎈"
		offset := alice.send(text)
		for _, u := range []*user{alice, bob} {
			e := u.until(chat.TypeMessage) // Bob may still be told that Alice has joined
			if e.Text != text || e.Offset != offset || e.UserID != alice.Welcome().User || e.Username != "Alice" || time.Since(e.Time) > time.Hour {
				t.Errorf("got %+v", e)
			}
			if want := (chat.Position{Epoch: alice.Welcome().Position.Epoch, Offset: offset, Time: e.Time.UnixMilli()}); e.Position != want {
				t.Errorf("at %v, want %v", e.Position, want)
			}
		}
		bob.Close()
		if e := alice.next(); len(e.Left) != 1 || e.Left[0].UserID != bob.Welcome().User {
			t.Errorf("Alice sees %+v", e)
		}
	}
}

func TestPrivateAndTyping(t *testing.T) {
	_, base := serve(t)
	alice, bob, eve := join(t, base, "r", "Alice"), join(t, base, "r", "Bob"), join(t, base, "r", "Eve")
	for range 2 {
		alice.until(chat.TypeSystem)
	}
	if err := bob.Typing(soon(t)); err != nil {
		t.Fatal(err)
	}
	if e := alice.next(); e.Type != chat.TypeTyping || e.UserID != bob.Welcome().User {
		t.Errorf("Alice sees %+v", e)
	}
	offset, err := bob.SendPrivate(soon(t), alice.Welcome().User, "psst")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []*user{alice, bob} {
		if e := u.until(chat.TypePrivate); e.Text != "psst" || e.Offset != offset || e.To != alice.Welcome().User || e.ToUsername != "Alice" {
			t.Errorf("got %+v", e)
		}
	}
	bob.send("for all")
	for {
		e := eve.next()
		if e.Type == chat.TypePrivate {
			t.Errorf("Eve sees %+v", e)
		}
		if e.Type == chat.TypeMessage {
			break
		}
	}
	var refused *client.Error
	if _, err := bob.SendPrivate(soon(t), "nobody", "x"); !errors.As(err, &refused) || refused.Code != client.CodeNoSuchUser || errors.Is(err, client.ErrUncertain) {
		t.Errorf("to nobody: %v", err)
	}
}

func TestHistoryAndPing(t *testing.T) {
	_, base := serve(t)
	alice := join(t, base, "r", "Alice")
	for i := range 10 {
		alice.send(fmt.Sprint(i))
	}
	for _, tc := range []struct {
		r    chat.Query
		want []uint64
		more bool
	}{
		{chat.Query{}, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, false},
		{chat.Query{Limit: 2}, []uint64{9, 10}, true},
		{chat.Query{Before: 9, Limit: 3}, []uint64{6, 7, 8}, true},
		{chat.Query{From: 1, Limit: 2}, []uint64{1, 2}, true},
		{chat.Query{From: 9, Limit: 5}, []uint64{9, 10}, false},
	} {
		page, err := alice.History(soon(t), tc.r)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, e := range page.Events {
			got = append(got, e.Offset)
		}
		if !cmp.Equal(got, tc.want) || page.More != tc.more || page.First != 1 {
			t.Errorf("%+v: %v, more %v, first %d", tc.r, got, page.More, page.First)
		}
	}
	var refused *client.Error
	if _, err := alice.History(soon(t), chat.Query{From: 1, Before: 5}); !errors.As(err, &refused) || refused.Code != client.CodeBadRequest {
		t.Errorf("From and Before: %v", err)
	}
	if err := alice.Ping(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestRefusedMessages(t *testing.T) {
	_, base := serve(t, chat.WithMessageSize(1000), chat.WithDataSize(100), chat.WithFilter(func(_ context.Context, _ chat.User, _ string, e *chat.Message) error {
		if e.Text == "bad" {
			return chat.Refuse("not here")
		}
		return nil
	}), chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
		if a == chat.ActionPrivate {
			return chat.Refuse("never")
		}
		return nil
	}))
	var lost atomic.Int64
	alice := join(t, base, "r", "Alice", client.OnDisconnect(func(error, time.Duration) { lost.Add(1) }))
	long := strings.Repeat("x", 65)
	for _, tc := range []struct {
		e    chat.Message
		code string
	}{
		{chat.Message{Text: ""}, client.CodeEmptyMessage},
		{chat.Message{Text: " \n"}, client.CodeEmptyMessage},
		{chat.Message{Text: strings.Repeat("x", 1001)}, client.CodeTooLong},
		{chat.Message{Text: strings.Repeat("\x01", 1000)}, client.CodeTooLong}, // 6,000 bytes of JSON
		{chat.Message{Text: "\xff"}, client.CodeBadUTF8},
		{chat.Message{Text: "bad"}, client.CodeRejected},
		{chat.Message{Text: "x", To: alice.Welcome().User}, client.CodeForbidden},
		{chat.Message{Text: "x", ID: long}, client.CodeBadRequest},
	} {
		_, err := alice.Publish(soon(t), tc.e)
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Code != tc.code || refused.Message == "" || errors.Is(err, client.ErrUncertain) {
			t.Errorf("%.20q: %v, want %s", tc.e.Text, err, tc.code)
		}
	}
	if offset := alice.send(strings.Repeat("x", 1000)); offset != 1 || lost.Load() != 0 {
		t.Errorf("offset %d, after %d lost connections", offset, lost.Load())
	}
}

func TestIDs(t *testing.T) {
	_, base := serve(t)
	alice := join(t, base, "r", "Alice")
	first, err := alice.Publish(soon(t), chat.Message{Text: "once", ID: "m1"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := alice.Publish(soon(t), chat.Message{Text: "once", ID: "m1"})
	if err != nil || again != first {
		t.Errorf("again: %d %v, want %d", again, err, first)
	}
	alice.send("end")
	var texts []string
	for len(texts) == 0 || texts[len(texts)-1] != "end" {
		texts = append(texts, alice.until(chat.TypeMessage).Text)
	}
	if want := []string{"once", "end"}; !cmp.Equal(texts, want) {
		t.Error(cmp.Diff(want, texts))
	}
}

// TestManySenders makes more concurrent calls than the window holds.
func TestManySenders(t *testing.T) {
	srv, base := serve(t)
	alice := join(t, base, "r", "Alice", client.WithoutEvents())
	ctx := soon(t)
	const n = 300
	offsets := make([]uint64, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if offsets[i], err = alice.Send(ctx, fmt.Sprint(i)); err != nil {
				t.Errorf("send %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	seen := map[uint64]bool{}
	for _, o := range offsets {
		seen[o] = true
	}
	page, err := srv.History(ctx, "r", chat.Query{Limit: 1})
	if len(seen) != n || err != nil || page.Position.Offset != n {
		t.Errorf("%d offsets and the log at %v for %d calls: %v", len(seen), page.Position, n, err)
	}
}
