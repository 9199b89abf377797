package torture

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// amender is a log whose messages can change.
type amender interface {
	chat.Log
	chatlog.Amender
}

// newLog returns a log that keeps all that one test says.
func newLog() amender {
	return chat.NewMemoryLog(chat.MemoryOptions{Entries: 1_000_000, Bytes: 1 << 30}).(amender)
}

// brittleLog says of one message in fifty that it is kept although it is not.
type brittleLog struct {
	amender
	n atomic.Int64
}

func (l *brittleLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	if l.n.Add(1)%50 == 0 {
		p, err := l.amender.Read(ctx, room, chatlog.Range{})
		e.Offset = p.Position.Offset
		return chatlog.Appended{Event: e, Epoch: p.Position.Epoch, Repeated: true}, err
	}
	return l.amender.Append(ctx, room, e)
}

// changedLog tells servers of entries after it has changed them.
type changedLog struct {
	amender
	change func(chatlog.Event) chatlog.Event
	sink   *changedSink
}

type changedSink struct {
	chatlog.Sink
	change func(chatlog.Event) chatlog.Event
}

func (s *changedSink) Push(room, epoch string, e chatlog.Event) {
	s.Sink.Push(room, epoch, s.change(e))
}

func (l *changedLog) Open(ctx context.Context, s chatlog.Sink) error {
	l.sink = &changedSink{s, l.change}
	return l.amender.Open(ctx, l.sink)
}

func (l *changedLog) Watch(ctx context.Context, _ chatlog.Sink, room string) error {
	return l.amender.Watch(ctx, l.sink, room)
}

func (l *changedLog) Unwatch(_ chatlog.Sink, room string) { l.amender.Unwatch(l.sink, room) }

func (l *changedLog) Close(chatlog.Sink) error { return l.amender.Close(l.sink) }

// forgetfulLog does not know a message again when the connection is another: it
// keeps each under an id of its own, and gives it back under the client's.
type forgetfulLog struct {
	changedLog
	n atomic.Int64
}

func newForgetfulLog() *forgetfulLog {
	return &forgetfulLog{changedLog: changedLog{amender: newLog(), change: forget}}
}

func forget(e chatlog.Event) chatlog.Event {
	e.ID, _, _ = strings.Cut(e.ID, "#")
	return e
}

func (l *forgetfulLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	e.ID += "#" + fmt.Sprint(l.n.Add(1))
	a, err := l.amender.Append(ctx, room, e)
	a.Event = forget(a.Event)
	return a, err
}

func (l *forgetfulLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	p, err := l.amender.Read(ctx, room, r)
	for i := range p.Events {
		p.Events[i] = forget(p.Events[i])
	}
	return p, err
}

// dropFrames loses one frame in a thousand on its way to the members.
func dropFrames(srv *chat.Server) *planted {
	return &planted{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv.ServeHTTP(&lossyWriter{w}, r)
	}), time.Second, false}
}

type lossyWriter struct{ http.ResponseWriter }

func (w *lossyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	return &lossyConn{Conn: conn}, rw, err
}

type lossyConn struct {
	net.Conn
	answered bool // the handshake was
	partial  []byte
}

// Write takes whole frames apart and drops some of those with messages.
func (c *lossyConn) Write(p []byte) (int, error) {
	if !c.answered {
		c.answered = true
		return c.Conn.Write(p)
	}
	c.partial = append(c.partial, p...)
	var out []byte
	for {
		b := c.partial
		if len(b) < 4 {
			break
		}
		n := int(b[1]) + 2
		if b[1] == 126 {
			n = int(b[2])<<8 + int(b[3]) + 4
		} else if b[1] == 127 {
			return 0, io.ErrShortWrite
		}
		if len(b) < n {
			break
		}
		if !bytes.Contains(b[:n], []byte(`{"type":"message"`)) || rand.IntN(1000) > 0 {
			out = append(out, b[:n]...)
		}
		c.partial = append([]byte(nil), b[n:]...)
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// planted is a server with, perhaps, a bug planted around it.
type planted struct {
	http.Handler
	patience time.Duration // how long a client may take to catch up
	all      bool          // clients come in all ways, and the server moves them; otherwise in one
}

func sound(srv *chat.Server) *planted { return &planted{srv, harness.Patience, false} }

// mixed is sound with clients of all kinds.
func mixed(srv *chat.Server) *planted { return &planted{srv, harness.Patience, true} }
