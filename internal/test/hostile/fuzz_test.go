package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// target is a server that fuzz tests send to, over a Unix socket, which uses up
// no ports. Panics of hooks and handlers, which the server survives, fail the
// test. A healthy member sits in the room.
type target struct {
	t       testing.TB
	srv     *chat.Server
	addr    string
	panics  chan string
	healthy line
	inputs  int
}

// line is a connection that is used again for a while.
type line struct {
	*wsconf.Conn
	uses int
	used time.Time
}

// ready dials anew if the connection was lost, has used up what an unthrottled
// client may, or was idle for so long that the server may have dropped it.
func (l *line) ready(g *target) {
	if l.Conn == nil || l.uses >= 50 || time.Since(l.used) > 5*time.Second {
		if l.Conn != nil {
			l.Close()
		}
		*l = line{Conn: g.dial(harness.OfferV1)}
	}
	l.uses++
	l.used = time.Now()
	l.SetDeadline(l.used.Add(harness.Patience))
}

func newTarget(f *testing.F) *target {
	dir, err := os.MkdirTemp("", "chat")
	if err != nil {
		f.Fatal(err)
	}
	g := &target{t: f, addr: filepath.Join(dir, "s"), panics: make(chan string, 1)}
	l, err := net.Listen("unix", g.addr)
	if err != nil {
		f.Fatal(err)
	}
	srv := chat.New(chat.WithCompression(true), chat.WithHistory(0), chat.WithLeaveGrace(0), chat.WithLogger(slog.New(panicHandler{slog.DiscardHandler, g.panics})))
	g.srv = srv
	hs := &http.Server{Handler: srv}
	go hs.Serve(l)
	f.Cleanup(func() {
		srv.Close()
		hs.Close()
		os.RemoveAll(dir)
	})
	return g
}

// panicHandler notes what is logged as an error.
type panicHandler struct {
	slog.Handler
	panics chan string
}

func (panicHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h panicHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		s := r.Message
		r.Attrs(func(a slog.Attr) bool {
			s += "\n" + a.String()
			return true
		})
		select {
		case h.panics <- s:
		default:
		}
	}
	return nil
}

func (g *target) dial(header ...string) *wsconf.Conn {
	g.t.Helper()
	return g.dialAt("/ws/r", header...)
}

func (g *target) dialAt(path string, header ...string) *wsconf.Conn {
	g.t.Helper()
	conn, err := net.Dial("unix", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	c, err := wsconf.Open(conn, wsconf.Handshake(path, header...), time.Now().Add(harness.Patience))
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// check asks the healthy member whether all is well.
func (g *target) check(t *testing.T) {
	t.Helper()
	select {
	case s := <-g.panics:
		t.Fatal(s)
	default:
	}
	g.healthy.ready(g)
	harness.RawWrite(g.healthy.Conn, fr(finText, `{"type":"ping","id":"well?"}`), 0)
	for _, seen := range harness.UntilPong(g.healthy.Conn, "well?", 0) {
		if kind, _, _ := strings.Cut(seen, " "); !slices.Contains([]string{"msg", "typing", "position", "edit", "delete", "reaction", "signal"}, kind) {
			t.Fatalf("the healthy member got %q", seen)
		}
	}
}

// FuzzFrames sends any bytes after the handshake. The first says which dialect
// and extension, and how the rest is cut into segments.
func FuzzFrames(f *testing.F) {
	f.Add(append([]byte{0}, fr(finText, "hello")...))
	f.Add(append([]byte{1}, fr(finText, `{"type":"ping"}`)...))
	f.Add(append([]byte{2}, fr(finText|wsconf.RSV1, wsconf.Deflate("hello"))...))
	f.Add(append([]byte{7}, pingedText("x")...))
	f.Add(append([]byte{0}, harness.Join(wsconf.Header(finPing, 1<<62), frClose(1000, "x"))...))
	g := newTarget(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || len(b) > 1500 { // longer ones are made to wait by the flood meter
			return
		}
		g.t = t
		var header []string
		if b[0]&1 != 0 {
			header = append(header, harness.OfferV1)
		}
		if b[0]&2 != 0 {
			header = append(header, harness.OfferDeflate)
		}
		c := g.dial(header...)
		defer c.Close()
		go func() {
			harness.RawWrite(c, b[1:], int(b[0]>>2))
			c.CloseWrite()
		}()
		closed := false
		for {
			frame, err := c.ReadFrame()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the server neither answers nor ends")
			}
			var wire net.Error
			if err != nil {
				if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &wire) {
					t.Fatalf("the server is at fault: %v", err)
				}
				break
			}
			if closed {
				t.Fatalf("frame %#x after a close", frame.First)
			}
			closed = frame.Opcode() == wsconf.Close
			if frame.Opcode() == wsconf.Text {
				s, err := frame.Text()
				if err != nil || !utf8.ValidString(s) || !json.Valid([]byte(s)) {
					t.Fatalf("the server sends %q, %v", s, err)
				}
			}
		}
		g.check(t)
	})
}
