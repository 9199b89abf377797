package harness

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// OfferV1 is the header that offers the dialect of objects.
const OfferV1 = "Sec-WebSocket-Protocol: chat.v1"

// OfferDeflate is the header that offers compression.
const OfferDeflate = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover"

// RawDial opens a connection that sends and reads frames as they are.
func RawDial(t testing.TB, base, path string, header ...string) *wsconf.Conn {
	t.Helper()
	c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake(path, header...), time.Now().Add(Patience))
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	if c.Response.StatusCode != 101 {
		t.Fatalf("dial: %d %s", c.Response.StatusCode, c.Body)
	}
	return c
}

// Settle waits until the member has received everything from before its join. What it sends from
// then on comes back in the same order.
func Settle(t testing.TB, c *wsconf.Conn) {
	t.Helper()
	RawWrite(c, wsconf.Frame(wsconf.Fin|wsconf.Ping, "settled?"), 0)
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

// RawWrite sends b, in pieces of the given size if that is above 0. A write may fail if the
// server no longer reads.
func RawWrite(c *wsconf.Conn, b []byte, piece int) {
	for piece > 0 && len(b) > piece {
		if _, err := c.Write(b[:piece]); err != nil {
			return
		}
		b = b[piece:]
	}
	c.Write(b)
}

// Drip writes b again and again, one piece per pause, until a write fails.
func Drip(c *wsconf.Conn, b []byte, pause time.Duration) {
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

// Join joins frames into one byte slice.
func Join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// Repeat returns f(0) to f(n-1), one after another.
func Repeat(n int, f func(i int) []byte) []byte {
	var b []byte
	for i := range n {
		b = append(b, f(i)...)
	}
	return b
}

// LongText is a text longer than the default maximum of a message.
var LongText = strings.Repeat("*", 1<<16)

// DeflateBomb returns a payload of about 60 KB that inflates to 60 MB.
func DeflateBomb() string {
	return strings.Repeat(wsconf.Deflate(strings.Repeat("x", 1<<20))+"\x00\x00\xff\xff", 60)
}

// Tally counts the bytes that are written to it.
type Tally struct{ atomic.Int64 }

// Write implements [io.Writer].
func (n *Tally) Write(b []byte) (int, error) {
	n.Add(int64(len(b)))
	return len(b), nil
}
