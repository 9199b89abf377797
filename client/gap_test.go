package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// TestTooFarBack misses more messages than the log holds.
func TestTooFarBack(t *testing.T) {
	srv, base := serve(t, chat.WithHistory(5), chat.WithResume(0))
	var k cuts
	var down atomic.Bool
	refused := make(chan struct{}, 1)
	alice := join(t, base, "r", "Alice", client.WithDialer(gate(&k, &down, refused)))
	alice.send("seen")
	seen := alice.next()
	down.Store(true)
	k.cut()
	select {
	case <-refused: // the Conn has stopped reading the old connection
	case <-soon(t).Done():
		t.Fatal("the loss goes unnoticed")
	}
	for i := range 20 {
		srv.Publish(soon(t), "r", chat.Message{Text: fmt.Sprint(i)})
	}
	down.Store(false)
	if e := alice.next(); e.Type != client.TypeGap || e.Gap.From != seen.Position || e.Gap.To.Offset != 21 {
		t.Fatalf("got %+v, gap %+v", e, e.Gap)
	}
	srv.Publish(soon(t), "r", chat.Message{Text: "end"})
	texts, _ := alice.watch("end")
	if want := []string{"15", "16", "17", "18", "19"}; !cmp.Equal(texts, want) {
		t.Error(cmp.Diff(want, texts))
	}
}

// gate dials with k. While down is true it returns an error and sends to refused.
func gate(k *cuts, down *atomic.Bool, refused chan<- struct{}) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if down.Load() {
			select {
			case refused <- struct{}{}:
			default:
			}
			return nil, errors.New("no network")
		}
		return k.dial(ctx, network, addr)
	}
}

// TestSinceAndSession continues with another Conn where the first has stopped.
func TestSinceAndSession(t *testing.T) {
	srv, base := serve(t)
	alice := join(t, base, "r", "Alice")
	for i := range 5 {
		srv.Publish(soon(t), "r", chat.Message{Text: fmt.Sprint(i)})
	}
	var at chat.Position
	for e := range alice.Events(soon(t)) {
		if at = e.Position; e.Text == "2" {
			break
		}
	}
	w := alice.Welcome()
	alice.Close()
	again := join(t, base, "r", "Alice", client.WithSince(at), client.WithSession(w.Session))
	if again.Welcome().User != w.User || !again.Welcome().Resumed {
		t.Errorf("welcome %+v, want user %s", again.Welcome(), w.User)
	}
	for _, want := range []string{"3", "4"} {
		if e := again.next(); e.Text != want {
			t.Errorf("got %+v, want %q", e, want)
		}
	}
	if stranger := join(t, base, "r", "Alice"); stranger.Welcome().User == w.User {
		t.Error("the same user without the session")
	}
}
