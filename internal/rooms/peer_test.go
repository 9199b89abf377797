package rooms

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// newSet returns a set over log whose members are test peers. Its goroutines end with t,
// which runs in a bubble.
func newSet(t *testing.T, log chatlog.Log, change func(*Config)) *Set {
	t.Helper()
	var panics atomic.Uint64
	cfg := Config{
		Log:    log,
		Limits: Limits{History: 10, Resume: 64, Lag: 1 << 20, Rooms: 10, Presence: -1},
		Times:  Times{Log: time.Second, PingInterval: time.Minute, PingTimeout: time.Minute},
		Pack:   wsconn.Deflate,
		Logger: logging.New(slog.New(slog.DiscardHandler), &panics),
		Clock:  pipeConfig.Clock,
		Ping:   func(time.Duration) {},
		Sweep:  func() {}, Control: func(chatlog.Event) {},
		Panicked: func(method, _ string, p any, stack []byte) { t.Errorf("%s panicked: %v\n%s", method, p, stack) },
	}
	if change != nil {
		change(&cfg)
	}
	s := New(cfg)
	t.Cleanup(func() {
		s.BeginClosing()
		<-s.End()
	})
	return s
}

// A gotten is an object that a peer got.
type gotten struct {
	chatlog.Event
	Room     string
	Code     int // of a left object
	Position string
	Resumed  bool
	Gap      bool
	raw      string
}

// A peer is a member of a room, and the other end of its connection.
type peer struct {
	t      *testing.T
	member Member // unless it has many
	many   *Many
	conn   wsconn.Conn
	end    net.Conn
	paused chan struct{} // has a value while the peer does not read
	asleep bool          // pause was called

	mu     sync.Mutex
	got    []gotten
	code   int           // of the close frame
	frames chan struct{} // with a value, or closed, when a slow peer may read a frame
}

var pipeConfig = &wsconn.Config{Clock: func() time.Duration { return time.Duration(time.Now().UnixNano()) }, ReadLimit: 1 << 20, WriteTimeout: time.Minute}

// join makes a peer a member of the room r. In j only the user, the dialect, the encoding and
// Since count.
func join(t *testing.T, s *Set, j Joining) *peer {
	t.Helper()
	p := joinPaused(t, s, j)
	p.resume()
	synctest.Wait()
	return p
}

// joinPaused is join for a peer that does not read yet.
func joinPaused(t *testing.T, s *Set, j Joining) *peer {
	t.Helper()
	p, err := tryJoin(t, s, j)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tryJoin is joinPaused with the error of Join.
func tryJoin(t *testing.T, s *Set, j Joining) (*peer, error) {
	t.Helper()
	p := &peer{t: t, paused: make(chan struct{}, 1)}
	p.conn.Init(pipeConfig, p.member.Source(), silent{}, j.Deflate)
	j.Conn, j.Greet = &p.conn, p.greet
	if err := s.Join(t.Context(), "r", &p.member, j); err != nil {
		return nil, err
	}
	p.open()
	p.member.Announce()
	synctest.Wait()
	return p, nil
}

// open connects a peer, which does not read yet.
func (p *peer) open() {
	var server net.Conn
	p.end, server = net.Pipe()
	p.conn.Attach(server, nil)
	p.pause()
	go p.read()
	if err := p.conn.Open([]byte("open")); err != nil {
		p.t.Fatal(err)
	}
}

// greet greets with the fields of a welcome that rooms knows.
func (p *peer) greet(g *Greeting) []byte {
	if !p.member.V1 {
		return nil
	}
	b, _ := json.Marshal(map[string]any{"type": "welcome", "position": g.At.Place(), "resumed": g.Resumed, "gap": g.Gap})
	return wsconn.AppendText(nil, b)
}

// read takes what the server writes until the connection ends.
func (p *peer) read() {
	r := bufio.NewReader(p.end)
	if _, err := io.ReadFull(r, make([]byte, len("open"))); err != nil {
		return
	}
	for {
		p.paused <- struct{}{} // waits while paused
		<-p.paused
		p.mu.Lock()
		frames := p.frames
		p.mu.Unlock()
		if frames != nil {
			<-frames
		}
		op, b, err := readFrame(r)
		if err != nil {
			return
		}
		p.mu.Lock()
		switch op {
		case wsconn.OpText:
			o := gotten{raw: string(b)}
			if err := json.Unmarshal(b, &o); err != nil {
				p.t.Errorf("%q: %v", b, err)
			}
			p.got = append(p.got, o)
		case 8:
			p.code = int(binary.BigEndian.Uint16(b))
		}
		p.mu.Unlock()
	}
}

// readFrame reads a frame of the server, and inflates it.
func readFrame(r io.Reader) (op byte, b []byte, err error) {
	var h [10]byte
	if _, err := io.ReadFull(r, h[:2]); err != nil {
		return 0, nil, err
	}
	first, n := h[0], uint64(h[1])
	switch n {
	case 126:
		_, err = io.ReadFull(r, h[:2])
		n = uint64(binary.BigEndian.Uint16(h[:]))
	case 127:
		_, err = io.ReadFull(r, h[2:])
		n = binary.BigEndian.Uint64(h[2:])
	}
	if err != nil {
		return 0, nil, err
	}
	b = make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, nil, err
	}
	if first&wsconn.RSV1Bit != 0 {
		z := io.MultiReader(bytes.NewReader(b), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))
		b, err = io.ReadAll(flate.NewReader(z))
	}
	return first & 15, b, err
}

// pause ends reading until resume.
func (p *peer) pause() {
	p.paused <- struct{}{}
	p.asleep = true
}

func (p *peer) resume() {
	<-p.paused
	p.asleep = false
}

// slow has a paused peer read on, a frame for each call of the function that it returns, which
// returns what came. The peer reads freely after free.
func (p *peer) slow() (frame func() []gotten, free func()) {
	frames := make(chan struct{})
	p.mu.Lock()
	p.frames = frames
	p.mu.Unlock()
	p.resume()
	frame = func() []gotten {
		frames <- struct{}{}
		return p.take()
	}
	return frame, func() { close(frames) }
}

// take returns what the peer has got since the last call.
func (p *peer) take() []gotten {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}

// types returns the types and offsets of objects, for messages.
func types(objects []gotten) string {
	var b strings.Builder
	for i := range objects {
		o := &objects[i]
		b.WriteString(string(o.Type))
		if o.Offset != 0 {
			b.WriteString(" " + chatlog.Position{Epoch: "e", Offset: o.Offset}.Place()[2:])
		}
		b.WriteString(";")
	}
	return b.String()
}

// gone reports whether the server has closed the connection.
func (p *peer) gone() bool {
	_, closing := p.conn.Closing()
	return closing
}

// leave ends the peer.
func (p *peer) leave() {
	if p.asleep {
		p.resume()
	}
	p.conn.Kill()
	if p.many != nil {
		p.many.LeaveAll(true)
	} else {
		p.member.Leave(true)
	}
	p.end.Close()
	synctest.Wait()
}
