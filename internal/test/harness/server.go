package harness

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/front"
)

// Patience is the longest time to wait for something that must happen.
const Patience = 2 * time.Minute

// Quiet drops the log lines that a test provokes.
var Quiet = chat.WithLogger(slog.New(slog.DiscardHandler))

// Serve runs a server behind a real socket until the test ends.
func Serve(t testing.TB, opts ...chat.Option) (*chat.Server, string) {
	t.Helper()
	srv := chat.New(opts...)
	hs := front.NewServer(srv)
	t.Cleanup(func() {
		srv.Close()
		hs.Close()
	})
	return srv, hs.URL
}

// Eventually polls until ok, and fails the test if that takes too long.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); ; time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// Publish publishes a text in a room, as Bot.
func Publish(t testing.TB, srv *chat.Server, room, text string) chat.Event {
	t.Helper()
	e, err := srv.Publish(context.Background(), room, chat.Message{Username: "Bot", Text: text})
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return e
}

// Get returns the status and body of a GET.
func Get(t testing.TB, url string) (int, string) {
	t.Helper()
	return GetAs(t, url, "")
}

// GetAs is Get as a user that [UserByHeader] knows. The empty user sends no credential.
func GetAs(t testing.TB, url, user string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.Header.Set("Authorization", "Bearer "+user)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// UserByHeader takes the user's id and name, as id/name, from a bearer token or from the query
// parameter as.
var UserByHeader = chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
	id, name, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "/")
	if id == "" {
		id, name, _ = strings.Cut(r.URL.Query().Get("as"), "/")
	}
	if id == "" {
		return chat.User{}, errors.New("nobody")
	}
	return chat.User{ID: id, Name: name}, nil
})
