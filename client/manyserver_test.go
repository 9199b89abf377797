package client_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// connect makes a Conn to a real server that reconnects quickly.
func connect(t testing.TB, base string, opts ...client.Option) *client.Conn {
	t.Helper()
	c, err := client.Connect(soon(t), base, append([]client.Option{
		client.WithLogger(quiet), client.WithBackoff(5*time.Millisecond, 50*time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func joinRoom(t testing.TB, c *client.Conn, room string, opts ...client.Option) *user {
	t.Helper()
	r, err := c.Join(soon(t), room, opts...)
	if err != nil {
		t.Fatalf("join %s: %v", room, err)
	}
	return &user{r, t}
}

// TestServiceDecides has a real server put a user into rooms and out of them, with every reason
// that it has, over sockets.
func TestServiceDecides(t *testing.T) {
	var banned atomic.Bool
	srv, base := serve(t, chat.WithMaxJoinedRooms(4), chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
		if room == "staff" || room == "b" && banned.Load() {
			return chat.Refuse("not for you")
		}
		return nil
	}))
	var k cuts
	c := connect(t, base, client.WithUsername("Alice"), client.WithDialer(k.dial))
	me := c.Welcome().User
	if w := c.Welcome(); me == "" || w.Username != "Alice" || w.Session == "" || w.Limits.Rooms != 4 || w.Limits.MessageBytes == 0 {
		t.Errorf("welcome %+v", w)
	}
	if _, err := c.Join(soon(t), "staff"); codeOf(err) != client.CodeForbidden {
		t.Errorf("staff: %v", err)
	}
	if _, err := c.Join(soon(t), "a/b"); codeOf(err) != client.CodeBadRequest {
		t.Errorf("a/b: %v", err)
	}
	a, b := joinRoom(t, c, "a"), joinRoom(t, c, "b")
	if err := srv.Join(soon(t), me, "invited"); err != nil {
		t.Fatal(err)
	}
	r, err := c.Accept(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	invited := &user{r, t}
	d := joinRoom(t, c, "ＤOOR") // which the server writes in another way
	if got := d.Welcome().Room; got != "DOOR" {
		t.Errorf("welcome to %q", got)
	}
	if _, err := c.Join(soon(t), "one more"); codeOf(err) != client.CodeTooMany {
		t.Errorf("one more: %v", err)
	}
	if _, err := c.Join(soon(t), "DOOR"); codeOf(err) != client.CodeBadRequest {
		t.Errorf("DOOR: %v", err)
	}
	everyone := []*user{a, b, invited, d}
	for range 3 {
		for i, u := range everyone {
			room := u.Welcome().Room
			go srv.Publish(soon(t), room, chat.Message{Text: "to " + room})
			if e := u.until(chat.TypeMessage); e.Text != "to "+room || u.Welcome().User != me {
				t.Errorf("%d: %+v as %s", i, e, u.Welcome().User)
			}
		}
		k.cut()
	}
	for _, u := range everyone {
		u.send("here")
		if e := u.until(chat.TypeMessage); e.Text != "here" || e.UserID != me {
			t.Errorf("got %+v", e)
		}
	}
	if err := srv.Leave(soon(t), me, "invited"); err != nil {
		t.Fatal(err)
	}
	if err := invited.ended(); closeOf(err) != 1000 {
		t.Errorf("invited ended with %v", err)
	}
	banned.Store(true)
	if err := srv.Reauthorize(soon(t), "", me); err != nil {
		t.Fatal(err)
	}
	err = b.ended()
	if e := (*client.Error)(nil); !errors.As(err, &e) || e.Close != chat.CloseForbidden || e.Message != "not for you" {
		t.Errorf("b ended with %v", err)
	}
	if _, err := c.Join(soon(t), "b"); codeOf(err) != client.CodeForbidden {
		t.Errorf("b: %v", err)
	}
	d.Close()
	again := joinRoom(t, c, "DOOR")
	again.send("again")
	srv.Disconnect(soon(t), me, chat.Disconnect{}) // with 1008: it comes back
	a.send("still here")
	if e := a.until(chat.TypeMessage); e.Text != "still here" {
		t.Errorf("got %+v", e)
	}
	srv.Disconnect(soon(t), me, chat.Disconnect{Code: chat.CloseForbidden})
	if err := a.ended(); closeOf(err) != chat.CloseForbidden {
		t.Errorf("a ended with %v", err)
	}
	if _, err := c.Accept(soon(t)); closeOf(err) != chat.CloseForbidden || c.Connected() {
		t.Errorf("Accept: %v", err)
	}
}

// TestLeaveDial has the service take a user out of a room that has a connection of its own.
func TestLeaveDial(t *testing.T) {
	srv, base := serve(t)
	u := join(t, base, "r", "Alice")
	if err := srv.Leave(soon(t), u.Welcome().User, "r"); err != nil {
		t.Fatal(err)
	}
	if err := u.ended(); closeOf(err) != 1000 {
		t.Errorf("ended with %v", err)
	}
}
