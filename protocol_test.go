package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// The tests of protocol_*_test.go hold the server to docs/protocol.md: each row is
// one of its sentences. What is refused is in the tables of bad_*_test.go.

// sentence is one promise of the protocol.
type sentence struct {
	name string
	test func(t *testing.T)
}

func runProtocol(t *testing.T, sentences []sentence) {
	for _, s := range sentences {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t)
		})
	}
}

// text returns the next object as it came.
func (p *peer) text() string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, b, err := p.conn.Read(ctx)
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return string(b)
}

// textOf returns the next object of a type as it came, passing over others.
func (p *peer) textOf(typ string) string {
	p.t.Helper()
	for {
		if s := p.text(); strings.HasPrefix(s, `{"type":"`+typ+`"`) {
			return s
		}
	}
}

// here waits until a plain member is one: its handshake is answered a moment
// before that.
func (p *peer) here() *peer {
	p.t.Helper()
	p.send("here")
	p.until("message")
	return p
}

// upTo returns the types of what comes before a message with the text. Answers do
// not wait for what the room has for the member, so they are no sign that all of
// it has come; a later message of the room is.
func (p *peer) upTo(text string) (types []string) {
	p.t.Helper()
	for {
		o := p.next()
		if o.Type == "message" && o.Message == text {
			return types
		}
		types = append(types, o.Type)
	}
}

// kept waits for a message of the member's own and for its acknowledgement, of
// which either may come first, and returns the message.
func (p *peer) kept(typ string) (object string) {
	p.t.Helper()
	for acked := false; object == "" || !acked; {
		switch s := p.text(); {
		case strings.HasPrefix(s, `{"type":"`+typ+`"`):
			object = s
		case strings.HasPrefix(s, `{"type":"ack"`):
			acked = true
		}
	}
	return object
}

// keys returns the keys of an object in order.
func keys(t testing.TB, object string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	var names []string
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// member inside a JSON object, as it stands there.
func inside(t testing.TB, object, key string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return string(m[key])
}

func expect[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// byHeader takes the user's id and name from headers.
var byHeader = chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
	id, name, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "/")
	if id == "" {
		id, name, _ = strings.Cut(r.URL.Query().Get("as"), "/")
	}
	if id == "" {
		return chat.User{}, errors.New("nobody")
	}
	return chat.User{ID: id, Name: name}, nil
})

func getAs(t testing.TB, url, user string) (int, string) {
	t.Helper()
	r, _ := http.NewRequest("GET", url, nil)
	r.Header.Set("Authorization", "Bearer "+user)
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

// brokenLog is a log whose store cannot be reached.
type brokenLog struct {
	chat.Log
	reads, appends atomic.Bool // which of the two fail
}

var errBroken = errors.New("out of order")

func (l *brokenLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	if l.reads.Load() {
		return chatlog.Page{}, errBroken
	}
	return l.Log.Read(ctx, room, r)
}

func (l *brokenLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Event, string, bool, error) {
	if l.appends.Load() {
		return e, "", false, errBroken
	}
	return l.Log.Append(ctx, room, e)
}
