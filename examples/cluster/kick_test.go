package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// TestKick disconnects a user on one server. The user is disconnected on all servers with the
// same engine, and does not come back.
func TestKick(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		url, _ := startRedis(t)
		testKick(t, "-redis", url)
	})
	t.Run("postgres", func(t *testing.T) {
		url, _ := startPostgres(t)
		testKick(t, "-postgres", url)
	})
}

func testKick(t *testing.T, args ...string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	servers, urls := [2]*chat.Server{}, [2]string{}
	for i := range servers {
		servers[i], urls[i] = serve(t, ctx, args...)
	}
	var inRoom, elsewhere, friends []*client.Room
	for _, url := range urls {
		inRoom = append(inRoom, enter(t, ctx, url, "room", "eve"))
		elsewhere = append(elsewhere, enter(t, ctx, url, "elsewhere", "eve"))
		friends = append(friends, enter(t, ctx, url, "room", "alice"))
	}
	if m := users(t, ctx, servers[1], "room"); m["eve"] != 2 || m["alice"] != 2 {
		t.Fatalf("connections in the room: %v", m)
	}

	kicked(t, ctx, servers[1], "room", "out of here", inRoom)
	for _, c := range append(elsewhere, friends...) {
		if err := c.Ping(ctx); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	}
	kicked(t, ctx, servers[0], "", "out of everywhere", elsewhere)

	// The user has left permanently, and the others continue to talk.
	for i, s := range servers {
		for _, room := range []string{"room", "elsewhere"} {
			eventually(t, "gone from "+room, func() bool { return users(t, ctx, s, room)["eve"] == 0 })
		}
		if m := users(t, ctx, s, "room"); m["alice"] != 2 {
			t.Errorf("connections in the room: %v", m)
		}
		eventually(t, fmt.Sprintf("server %d with one connection", i), func() bool { return s.Stats().Connections == 1 })
	}
	if _, err := friends[0].Send(ctx, "good riddance"); err != nil {
		t.Fatal(err)
	}
	for e, err := range friends[1].Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Text == "good riddance" {
			break
		}
	}
}

// kicked disconnects eve from a room, or from all rooms, and waits until each of conns was
// closed permanently. That takes at most two seconds on every server; the test allows more time
// on a busy machine.
func kicked(t *testing.T, ctx context.Context, s *chat.Server, room, reason string, conns []*client.Room) {
	t.Helper()
	began := time.Now()
	if err := s.Disconnect(ctx, "eve", chat.Disconnect{Room: room, Code: chat.CloseForbidden, Reason: reason}); err != nil {
		t.Fatal(err)
	}
	ends := make(chan error, len(conns))
	for _, c := range conns {
		go func() { // ends with the Conn, at the latest at the end of the test
			for _, err := range c.Events(ctx) {
				if err != nil {
					ends <- err
				}
			}
		}()
	}
	late := time.After(10 * time.Second)
	for range conns {
		select {
		case err := <-ends:
			var e *client.Error
			if !errors.As(err, &e) || e.Close != chat.CloseForbidden || e.Message != reason {
				t.Errorf("the connection ended with: %v", err)
			}
		case <-late:
			t.Fatal("a connection is still open after 10 s")
		}
	}
	t.Logf("%d connections were closed after %v", len(conns), time.Since(began).Round(100*time.Microsecond))
}

// serve runs a server in this process, with its own connection to the engine. It believes each
// user's name.
func serve(t *testing.T, ctx context.Context, args ...string) (*chat.Server, string) {
	t.Helper()
	cfg, err := parse(args, func(string) (string, bool) { return "", false }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	e, err := openEngine(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	e.prepare(ctx)
	s := chat.New(chat.WithLog(e.log), chat.WithLogger(quiet), chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
		name := r.URL.Query().Get("username")
		return chat.User{ID: name, Name: name}, nil
	}))
	hs := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); hs.Close(); e.close() })
	return s, hs.URL
}

func enter(t *testing.T, ctx context.Context, url, room, name string) *client.Room {
	t.Helper()
	c, err := client.Dial(ctx, url, room, client.WithUsername(name), client.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// users returns the connections of each user in a room, on all servers.
func users(t *testing.T, ctx context.Context, s *chat.Server, room string) map[string]int {
	t.Helper()
	members, _, err := s.Members(ctx, room, 100)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]int{}
	for _, u := range members {
		m[u.UserID] = u.Connections
	}
	return m
}
