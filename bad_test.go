package chat_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// The tests in the files bad_*_test.go send what no good client sends. In each
// table a healthy member sits in the same room, and must notice nothing.

// offerV1 is the header that offers the dialect of objects.
const offerV1 = "Sec-WebSocket-Protocol: chat.v1"

// quiet keeps what a test provokes out of its output.
var quiet = chat.WithLogger(slog.New(slog.DiscardHandler))

// rawDial opens a connection that sends and reads frames as they are.
func rawDial(t testing.TB, base, path string, header ...string) *wsconf.Conn {
	t.Helper()
	c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake(path, header...), time.Now().Add(patience))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	if c.Response.StatusCode != 101 {
		t.Fatalf("dial: %d %s", c.Response.StatusCode, c.Body)
	}
	return c
}

// settled waits until the member has got what was there when it joined. What it
// sends from then on comes back in the order in which it was sent.
func settled(t testing.TB, c *wsconf.Conn) {
	t.Helper()
	rawWrite(c, wsconf.Frame(wsconf.Fin|wsconf.Ping, "settled?"), 0)
	for {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if f.Opcode() == wsconf.Pong {
			return
		}
	}
}

// rawWrite sends b, in pieces of the given size if that is above 0. What the
// server does not want to read any more may fail to be written.
func rawWrite(c *wsconf.Conn, b []byte, piece int) {
	for piece > 0 && len(b) > piece {
		if _, err := c.Write(b[:piece]); err != nil {
			return
		}
		b = b[piece:]
	}
	c.Write(b)
}

// heard returns a line for each thing that the server sends until the connection
// ends, but for notices and pings.
func heard(c *wsconf.Conn) []string { return heardThen(c, -1, nil) }

// heardThen is heard, and sends b when so many lines have been heard.
func heardThen(c *wsconf.Conn, after int, b []byte) (lines []string) {
	closed := false
	for {
		if len(lines) == after {
			after = -1
			rawWrite(c, b, 0)
		}
		f, err := c.ReadFrame()
		switch {
		case closed && (err == io.EOF || errors.Is(err, syscall.ECONNRESET)): // it lingers for a while only
			return lines
		case err != nil:
			return append(lines, "lost: "+err.Error())
		case closed:
			return append(lines, fmt.Sprintf("frame %#x after the close", f.First))
		}
		switch f.Opcode() {
		case wsconf.Text:
			if line := heardText(f); line != "" {
				lines = append(lines, line)
			}
		case wsconf.Pong:
			lines = append(lines, "pong "+brief(string(f.Payload)))
		case wsconf.Close:
			closed = true
			lines = append(lines, fmt.Sprint("close ", f.Code()))
			c.CloseWrite()
		case wsconf.Ping:
		default:
			lines = append(lines, fmt.Sprintf("frame %#x", f.First))
		}
	}
}

func heardText(f wsconf.Received) string {
	text, err := f.Text()
	if err != nil {
		return "bad frame: " + err.Error()
	}
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return "bad object: " + err.Error()
	}
	switch {
	case o.Code != "":
		return strings.TrimRight("code "+o.Code+" "+o.ID, " ")
	case o.Type == "message" || o.Type == "private":
		return "msg " + brief(o.Message)
	case o.Type == "system" || o.Type == "welcome":
		return ""
	}
	return strings.TrimRight(o.Type+" "+o.ID, " ")
}

// brief is s, or what tells a long s from others.
func brief(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%d bytes %08x", len(s), crc32.ChecksumIEEE([]byte(s)))
	}
	return s
}

// witness is a healthy member who notes what happens.
type witness struct {
	*peer
	done chan struct{}

	mu   sync.Mutex
	seen []string
	err  error
}

// watch has a witness join a room.
func watch(t testing.TB, base, room string) *witness {
	t.Helper()
	w := &witness{peer: dial(t, base, room, true, "username", "Witness"), done: make(chan struct{})}
	w.until("welcome")
	go w.run()
	return w
}

const theEnd = "the witness goes home"

func (w *witness) run() {
	defer close(w.done)
	for {
		o, err := w.read()
		w.mu.Lock()
		switch {
		case err != nil:
			w.err = err
		case o.Type == "message" && o.Message == theEnd:
			w.err = errDone
		case o.Type == "message":
			w.seen = append(w.seen, "msg "+brief(o.Message))
		case o.Type != "system" && o.Type != "typing" && o.Type != "presence":
			w.seen = append(w.seen, o.Type+" "+o.Code)
		}
		ended := w.err != nil
		w.mu.Unlock()
		if ended {
			return
		}
	}
}

var errDone = errors.New("seen all")

// check fails the test if the witness has lost its connection, cannot send, or
// has seen anything but the messages in want, in their order.
func (w *witness) check(want []string) {
	w.t.Helper()
	w.send(`{"type":"message","message":"` + theEnd + `"}`)
	select {
	case <-w.done:
	case <-time.After(patience):
		w.t.Fatal("the witness does not get its own message")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != errDone {
		w.t.Fatalf("the witness: %v", w.err)
	}
	if diff := cmp.Diff(want, w.seen); diff != "" {
		w.t.Errorf("the witness saw (-want +got):\n%s", diff)
	}
	w.conn.Close(1000, "")
}

// messagesIn returns the lines that tell of messages.
func messagesIn(lines []string) (m []string) {
	for _, l := range lines {
		if strings.HasPrefix(l, "msg ") {
			m = append(m, l)
		}
	}
	return m
}
