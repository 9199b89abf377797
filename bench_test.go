package chat

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// benchRoom returns a room with members on real sockets whose other ends throw
// away what they get.
func benchRoom(b *testing.B, members int) *room {
	srv := New(WithPresenceSize(1), WithFlushInterval(-1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	r, err := srv.acquire(b.Context(), "r")
	if err != nil {
		b.Fatal(err)
	}
	for range members {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			buf := make([]byte, 64<<10)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		}()
		m := &member{room: r, start: &start{}}
		m.attach(s, nil)
		m.occupant = &occupant{}
		r.enlist(m)
		go m.drain()
		b.Cleanup(func() { c.Close(); m.kill() })
	}
	b.Cleanup(func() { l.Close(); srv.release(r); srv.Close() })
	return r
}

// One message from a member's socket through the room to two members, and its
// acknowledgement.
func BenchmarkSend(b *testing.B) {
	send := func(b *testing.B, text, answer string, header ...string) {
		srv := New(WithLogger(slog.New(slog.DiscardHandler)))
		defer srv.Close()
		ts := httptest.NewServer(srv)
		defer ts.Close()
		var conns [2]*wsconf.Conn
		for i := range conns {
			c, err := wsconf.Dial(ts.Listener.Addr().String(), wsconf.Handshake("/ws/r", header...), time.Time{})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			conns[i] = c
		}
		go io.Copy(io.Discard, conns[1].Conn)
		frame, buf, end := wsconf.Frame(finBit|opText, text), make([]byte, 64<<10), []byte(answer)
		from := strings.Index(text, "00000000")
		counter, mask := frame[6+from:][:8], frame[2:6]
		b.ReportAllocs()
		for n := 1; b.Loop(); n++ {
			for i, rest := 7, n; i >= 0; i, rest = i-1, rest/10 {
				counter[i] = byte('0'+rest%10) ^ mask[(from+i)&3]
			}
			if _, err := conns[0].Write(frame); err != nil {
				b.Fatal(err)
			}
			for got := 0; !bytes.Contains(buf[:got], end); {
				n, err := conns[0].Conn.Read(buf[got:])
				if err != nil {
					b.Fatal(err)
				}
				got += n
			}
		}
	}
	b.Run("plain", func(b *testing.B) { send(b, "Hello, everybody! 00000000", "everybody!") })
	b.Run("chat.v1", func(b *testing.B) {
		send(b, `{"type":"message","message":"Hello, everybody!","id":"c00000000"}`, `"type":"ack"`, "Sec-WebSocket-Protocol: chat.v1")
	})
}

// One message to every member: an append, an encoding, a round.
func BenchmarkBroadcast(b *testing.B) {
	for _, members := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			r := benchRoom(b, members)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := r.srv.append(r.srv.ctx, "r", r, Event{Type: TypeMessage, User: "u1", Username: "Alice", Message: "Hello, everybody in the room!"}); err != nil {
					b.Fatal(err)
				}
				for r.state.Load() != idle {
					time.Sleep(10 * time.Microsecond)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	e := Event{Type: TypeMessage, Offset: 12345, Time: time.Now(), User: "anon-abcdefghijklmnop", Username: "Alice", Message: "Hello, everybody in the room!", ID: "c1"}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = chatlog.AppendJSON(buf[:0], &e)
	}
}

func BenchmarkStreamAppend(b *testing.B) {
	s := newStream(0, 1<<20)
	payload := make([]byte, 200)
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		s.append(payload, i, nil, nil)
		s.trim(256, s.next())
	}
}

func BenchmarkParseObject(b *testing.B) {
	text := []byte(`{"type":"message","message":"Hello, everybody in the room!","id":"c1"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, e := proto.ParseObject(text); e != nil {
			b.Fatal(e)
		}
	}
}

// One text frame from the bytes that were read to the handler.
func BenchmarkRead(b *testing.B) {
	frame := append(appendFrameHeader(nil, finBit|opText, 80), make([]byte, 84)...) // with a mask of zeros
	frame[1] |= maskBit
	var got int
	in := input{
		limit: 1 << 20, buf: frame, handle: func(text []byte) { got += len(text) },
		closed: func() bool { return false }, now: func() time.Duration { return 0 },
	}
	b.ReportAllocs()
	for b.Loop() {
		in.start, in.end = 0, len(frame)
		h, _ := parseFrameHeader(in.unread())
		if done, err := in.frame(h); !done || err != nil {
			b.Fatal(done, err)
		}
	}
	if got != 80*b.N {
		b.Fatalf("%d bytes of %d messages", got, b.N)
	}
}
