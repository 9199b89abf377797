package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/front"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// patience is how long tests wait for what must happen.
const patience = 2 * time.Minute

// serve runs a server of its own behind a real socket until the test ends.
func serve(t testing.TB, opts ...chat.Option) (*chat.Server, string) {
	t.Helper()
	srv := chat.New(opts...)
	hs := front.NewServer(srv)
	t.Cleanup(func() {
		srv.Close()
		hs.Close()
	})
	return srv, hs.URL
}

// peer is one connection to a server.
type peer struct {
	t     testing.TB
	conn  *ws.Conn
	place string // of the last object that told one
}

// dial connects to a room in the plain dialect, or in chat.v1 if v1 says so.
func dial(t testing.TB, base, room string, v1 bool, params ...string) *peer {
	t.Helper()
	p, _, err := tryDial(t, base, room, v1, params...)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return p
}

func tryDial(t testing.TB, base, room string, v1 bool, params ...string) (*peer, *http.Response, error) {
	t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	var opts ws.DialOptions
	if v1 {
		opts.Subprotocols = []string{"chat.v1"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, resp, err := ws.Dial(ctx, base+"/ws/"+url.PathEscape(room)+"?"+q.Encode(), &opts)
	if err != nil {
		return nil, resp, err
	}
	conn.SetReadLimit(1 << 24)
	t.Cleanup(func() { conn.CloseNow() })
	return &peer{t: t, conn: conn}, resp, nil
}

// object is any object a server sends.
type object struct {
	Type       string          `json:"type"`
	Offset     uint64          `json:"offset"`
	Event      string          `json:"event"`
	Time       time.Time       `json:"time"`
	User       string          `json:"user"`
	Username   string          `json:"username"`
	To         string          `json:"to"`
	ToUsername string          `json:"to_username"`
	Message    string          `json:"message"`
	ID         string          `json:"id"`
	Code       string          `json:"code"`
	RetryMS    int64           `json:"retry_after_ms"`
	Room       string          `json:"room"`
	Session    string          `json:"session"`
	Position   string          `json:"position"`
	Resumed    bool            `json:"resumed"`
	Gap        bool            `json:"gap"`
	Members    []chat.Member   `json:"members"`
	Count      int             `json:"member_count"`
	Messages   []object        `json:"messages"`
	First      uint64          `json:"first"`
	More       bool            `json:"more"`
	Reason     string          `json:"reason"`
	Request    string          `json:"request"`
	Limits     json.RawMessage `json:"limits"`
}

// read returns the next object that is not only a place.
func (p *peer) read() (o object, err error) {
	for o.Type == "" || o.Type == "position" {
		if o, err = p.any(); err != nil {
			return o, err
		}
		if o.Type == "position" {
			p.place = o.Position
		}
	}
	return o, nil
}

func (p *peer) any() (o object, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	typ, b, err := p.conn.Read(ctx)
	if err != nil {
		return o, err
	}
	if typ != ws.MessageText {
		return o, fmt.Errorf("message of type %v", typ)
	}
	return o, json.Unmarshal(b, &o)
}

// next returns the next object, and fails the test without one.
func (p *peer) next() object {
	p.t.Helper()
	o, err := p.read()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return o
}

// until returns the next object of the type, passing over others.
func (p *peer) until(typ string) object {
	p.t.Helper()
	for {
		if o := p.next(); o.Type == typ {
			return o
		}
	}
}

// closed returns the code that the connection is closed with, passing over
// objects.
func (p *peer) closed() int {
	for {
		if _, err := p.read(); err != nil {
			return int(ws.CloseStatus(err))
		}
	}
}

func (p *peer) send(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.conn.Write(ctx, ws.MessageText, []byte(text)); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// get returns the status and body of a GET.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
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

func TestTwoMembersTalk(t *testing.T) {
	_, base := serve(t)
	alice := dial(t, base, "general", false, "username", "Alice")
	bob := dial(t, base, "general", false, "username", "Bob")
	if o := alice.next(); o.Type != "system" || o.Event != "join" || o.Message != "Bob joined the room" || o.Username != "Bob" {
		t.Fatalf("Alice sees %+v", o)
	}
	alice.send(`{"type":"not an object"}`)
	for _, p := range []*peer{alice, bob} {
		o := p.next()
		if o.Type != "message" || o.Username != "Alice" || o.Message != `{"type":"not an object"}` || o.Offset != 1 {
			t.Fatalf("got %+v", o)
		}
	}
	if status, body := get(t, base+"/rooms"); status != 200 || body != `{"general":2}` {
		t.Fatalf("rooms: %d %s", status, body)
	}
	bob.conn.Close(1000, "")
	if o := alice.next(); o.Event != "leave" || o.Message != "Bob left the room" {
		t.Fatalf("Alice sees %+v", o)
	}
	alice.conn.Close(1000, "")
	eventually(t, "the room to vanish", func() bool {
		_, body := get(t, base+"/rooms")
		return body == `{}`
	})
}

// eventually polls until ok, and fails the test if that takes too long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
