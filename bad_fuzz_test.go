package chat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
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
	srv := chat.New(chat.WithCompression(true), chat.WithHistory(0), chat.WithLeaveGrace(-1), chat.WithLogger(slog.New(panicHandler{slog.DiscardHandler, g.panics})))
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
	conn, err := net.Dial("unix", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	c, err := wsconf.Open(conn, wsconf.Handshake("/ws/r", header...), time.Now().Add(harness.Patience))
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
	for _, seen := range untilPong(g.healthy.Conn, "well?", 0) {
		if !strings.HasPrefix(seen, "msg") && seen != "typing" && seen != "position" {
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

// FuzzObjects sends any text as an object. It gets at most one error, the one
// that encoding/json gives reason for, and the connection stays.
func FuzzObjects(f *testing.F) {
	for _, row := range objects {
		if len(row.text) <= 2000 {
			f.Add([]byte(row.text))
		}
	}
	g := newTarget(f)
	var c line
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 2000 { // the flood meter again
			return
		}
		g.t = t
		c.ready(g)
		// A pong may overtake messages, so that those of the last text come now.
		before, err := g.srv.History(context.Background(), "r", "", chatlog.Range{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		end := fmt.Sprint("end", c.uses)
		harness.RawWrite(c.Conn, harness.Join(fr(finText, string(text)), fr(finText, `{"type":"ping","id":"`+end+`"}`)), 0)
		var answers []harness.Object
		for {
			frame, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("after %q: %v", text, err)
			}
			if frame.Opcode() == wsconf.Close {
				if frame.Code() != 1007 || utf8.Valid(text) {
					t.Fatalf("%q: closed with %d", text, frame.Code())
				}
				c.Close()
				c.Conn = nil
				return
			}
			var o harness.Object
			if frame.Opcode() != wsconf.Text || json.Unmarshal(frame.Payload, &o) != nil {
				continue
			}
			if o.Type == "pong" && o.ID == end {
				break
			}
			old := o.Offset != 0 && o.Offset <= before.Position.Offset && o.Type != "ack"
			if o.Type != "welcome" && o.Type != "system" && o.Type != "position" && !old {
				answers = append(answers, o)
			}
		}
		judge(t, text, answers)
		if c.uses%10 == 1 {
			g.check(t)
		}
	})
}

// judge compares what came back with what encoding/json makes of the text.
func judge(t *testing.T, text []byte, answers []harness.Object) {
	t.Helper()
	var codes []string
	var message *harness.Object
	for i, a := range answers {
		switch a.Type {
		case "error":
			codes = append(codes, a.Code)
		case "message", "private":
			message = &answers[i]
		}
	}
	if len(codes) > 1 || len(codes) == 1 && message != nil {
		t.Fatalf("%q: %+v", text, answers)
	}
	if bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) {
		return // encoding/json replaces what chat refuses
	}
	fields, ok := fieldsOf(text)
	if bad := len(codes) == 1 && codes[0] == "bad_json"; bad == ok {
		t.Fatalf("%q: errors %v, but encoding/json: %v", text, codes, ok)
	}
	if !ok {
		return
	}
	var typ, said string
	isText := json.Unmarshal(fields["type"], &typ) == nil && fields["type"][0] == '"'
	switch known := strings.Contains(" message private typing history ping auth ", " "+typ+" "); {
	case message != nil:
		if json.Unmarshal(fields["message"], &said) != nil || said != message.Message || typ != message.Type {
			t.Fatalf("%q: %+v", text, message)
		}
	case isText && !known && len(codes) == 0, isText && known && len(codes) == 1 && codes[0] == "unknown_type", !isText && len(codes) == 0:
		t.Fatalf("%q: errors %v", text, codes)
	}
}

// fieldsOf returns the fields of an object in which no key stands twice.
func fieldsOf(text []byte) (map[string]json.RawMessage, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		key, isKey := token.(string)
		var value json.RawMessage
		if err != nil || !isKey || d.Decode(&value) != nil || fields[key] != nil {
			return nil, false
		}
		fields[key] = value
	}
	return fields, true
}
