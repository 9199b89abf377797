package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// Peer is one connection to a server.
type Peer struct {
	T    testing.TB
	Conn *ws.Conn
	// In, if not empty, is a room of a connection with many: what is sent gets its name, and
	// texts lose it. So a test of one room need not know of the others.
	In string
}

// Many in place of a room's name asks for a connection with many rooms.
const Many = "\x00many"

// Dial connects to a room in the plain dialect, or in chat.v1 if v1 says so.
func Dial(t testing.TB, base, room string, v1 bool, params ...string) *Peer {
	t.Helper()
	p, _, err := TryDial(t, base, room, v1, params...)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return p
}

// TryDial is [Dial] that may fail. It also returns the answer to the handshake.
func TryDial(t testing.TB, base, room string, v1 bool, params ...string) (*Peer, *http.Response, error) {
	t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	var opts ws.DialOptions
	if v1 {
		opts.Subprotocols = []string{"chat.v1"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	path := "/ws/" + url.PathEscape(room)
	if room == Many {
		path = "/ws"
	}
	conn, resp, err := ws.Dial(ctx, base+path+"?"+q.Encode(), &opts)
	if err != nil {
		return nil, resp, err
	}
	conn.SetReadLimit(1 << 24)
	t.Cleanup(func() { conn.CloseNow() })
	return &Peer{T: t, Conn: conn}, resp, nil
}

// DialIn is [Dial] for a room of a connection with many.
func DialIn(t testing.TB, base, room string, params ...string) *Peer {
	t.Helper()
	join := map[string]string{"type": "join", "room": room}
	var query []string
	for i := 0; i+1 < len(params); i += 2 {
		if params[i] == "since" {
			join["since"] = params[i+1]
		} else {
			query = append(query, params[i:i+2]...)
		}
	}
	p := Dial(t, base, Many, true, query...)
	p.Until("hello")
	b, _ := json.Marshal(join)
	p.Send(string(b))
	p.In = room
	return p
}

// Read returns the next object, but skips objects that have only a position.
func (p *Peer) Read() (o Object, err error) {
	for o.Type == "" || o.Type == "position" {
		if o, err = p.Any(); err != nil {
			return o, err
		}
	}
	return o, nil
}

// Any returns the next object of any type.
func (p *Peer) Any() (o Object, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	typ, b, err := p.Conn.Read(ctx)
	if err != nil {
		return o, err
	}
	if typ != ws.MessageText {
		return o, fmt.Errorf("message of type %v", typ)
	}
	return o, json.Unmarshal(b, &o)
}

// Next returns the next object, and fails the test without one.
func (p *Peer) Next() Object {
	p.T.Helper()
	o, err := p.Read()
	if err != nil {
		p.T.Fatalf("read: %v", err)
	}
	return o
}

// Until returns the next object of the type, and skips others.
func (p *Peer) Until(typ string) Object {
	p.T.Helper()
	for {
		if o := p.Next(); o.Type == typ {
			return o
		}
	}
}

// Closed returns the code of the close frame, and skips objects before it.
func (p *Peer) Closed() int {
	for {
		if _, err := p.Read(); err != nil {
			return int(ws.CloseStatus(err))
		}
	}
}

// Send sends a text frame.
func (p *Peer) Send(text string) {
	p.T.Helper()
	if rest, ok := strings.CutPrefix(text, "{"); ok && p.In != "" {
		text = fmt.Sprintf(`{"room":%q,%s`, p.In, rest)
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := p.Conn.Write(ctx, ws.MessageText, []byte(text)); err != nil {
		p.T.Fatalf("write: %v", err)
	}
}

// CloseCode returns the code of the close frame in err, or -1.
func CloseCode(err error) int {
	var ce ws.CloseError
	if errors.As(err, &ce) {
		return int(ce.Code)
	}
	return -1
}

// Text returns the next object unchanged.
func (p *Peer) Text() string {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	_, b, err := p.Conn.Read(ctx)
	if err != nil {
		p.T.Fatalf("read: %v", err)
	}
	if p.In != "" && !bytes.HasPrefix(b, []byte(`{"type":"welcome"`)) {
		return strings.Replace(string(b), fmt.Sprintf(`"room":%q,`, p.In), "", 1)
	}
	return string(b)
}

// TextOf returns the next object of a type unchanged, and skips others.
func (p *Peer) TextOf(typ string) string {
	p.T.Helper()
	for {
		if s := p.Text(); strings.HasPrefix(s, `{"type":"`+typ+`"`) {
			return s
		}
	}
}

// Here waits until a plain client is a member. That is a moment after the answer to its
// handshake.
func (p *Peer) Here() *Peer {
	p.T.Helper()
	p.Send("here")
	p.Until("message")
	return p
}

// UpTo returns the types of the objects before a message with the text. Answers may come before
// older entries of the room. Only a later message shows that all of them have arrived.
func (p *Peer) UpTo(text string) (types []string) {
	p.T.Helper()
	for {
		o := p.Next()
		if o.Type == "message" && o.Message == text {
			return types
		}
		types = append(types, o.Type)
	}
}

// Kept waits for one of the member's own messages and for its acknowledgement, in any order, and
// returns the message.
func (p *Peer) Kept(typ string) (object string) {
	p.T.Helper()
	for acked := false; object == "" || !acked; {
		switch s := p.Text(); {
		case strings.HasPrefix(s, `{"type":"`+typ+`"`):
			object = s
		case strings.HasPrefix(s, `{"type":"ack"`):
			acked = true
		}
	}
	return object
}
