package events

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener with one connection, which is a pipe.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return noAddr{} }

// inBubble runs f with the client's side of a connection, and h for its request, in fake time.
// The connection is a pipe without a buffer. h and f share the channel told.
func inBubble(t *testing.T, h func(c *Conn, told chan error), f func(peer net.Conn, answer *bufio.Reader, told chan error)) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan error, 1)
		hs := &http.Server{ReadTimeout: time.Second, WriteTimeout: 2 * time.Second}
		hs.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := New(w, r, nil)
			if err != nil {
				t.Errorf("no stream: %v", err)
				return
			}
			h(c, told)
		})
		p := make(pipes, 1)
		go hs.Serve(p)
		defer hs.Close()
		peer, served := net.Pipe()
		defer peer.Close()
		p <- served
		go io.WriteString(peer, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		f(peer, bufio.NewReader(peer), told)
	})
}

// TestOutlivesTimeouts keeps a stream open for longer than the timeouts of the http.Server,
// until the client leaves.
func TestOutlivesTimeouts(t *testing.T) {
	var took time.Duration
	inBubble(t, func(c *Conn, ended chan error) {
		defer close(ended)
		start := time.Now()
		SetHeaders(c.w.Header())
		c.Write([]byte("a"))
		time.AfterFunc(time.Hour, func() { c.Write([]byte("b")) })
		c.Read(nil)
		took = time.Since(start)
		c.End(time.Second)
	}, func(peer net.Conn, answer *bufio.Reader, ended chan error) {
		res, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("Content-Type %q", got)
		}
		b := make([]byte, 2)
		if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != "ab" {
			t.Errorf("%q, %v", b, err)
		}
		peer.Close()
		<-ended
		if took != time.Hour {
			t.Errorf("reading ended after %v", took)
		}
	})
}

// TestCut closes a stream while a write waits for a client that does not read.
func TestCut(t *testing.T) {
	inBubble(t, func(c *Conn, wrote chan error) {
		go func() {
			_, err := c.Write([]byte("a"))
			wrote <- err
		}()
		time.Sleep(time.Minute)
		c.End(time.Second)
		c.mu.Lock()
		if c.writing != nil {
			t.Error("a write is in progress after End")
		}
		c.mu.Unlock()
		if _, err := c.Write(nil); err != net.ErrClosed {
			t.Errorf("a write after the end: %v", err)
		}
		if err := c.SetWriteDeadline(time.Time{}); err != net.ErrClosed {
			t.Errorf("a deadline after the end: %v", err)
		}
	}, func(_ net.Conn, _ *bufio.Reader, wrote chan error) {
		if err := <-wrote; err == nil {
			t.Error("the write has not failed")
		}
	})
}

// TestEnd ends streams after their last write. The client gets the whole answer, unless it does
// not read the end within the timeout.
func TestEnd(t *testing.T) {
	end := func(c *Conn, _ chan error) {
		c.Write([]byte("all"))
		c.End(time.Second)
		if _, err := c.Write(nil); err != net.ErrClosed {
			t.Errorf("a write after the end: %v", err)
		}
	}
	inBubble(t, end, func(_ net.Conn, answer *bufio.Reader, _ chan error) {
		res, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != "all" {
			t.Errorf("%q, %v", b, err)
		}
	})
	inBubble(t, end, func(_ net.Conn, answer *bufio.Reader, _ chan error) {
		for line := ""; line != "all\r\n"; {
			line, _ = answer.ReadString('\n')
		}
		time.Sleep(2 * time.Second)
		if b, err := io.ReadAll(answer); err != nil || len(b) > 0 {
			t.Errorf("after the timeout the client read %q, %v", b, err)
		}
	})
}

// TestHTTP2 serves two streams over HTTP/2. It ends one, and the client leaves the other.
func TestHTTP2(t *testing.T) {
	ended := make(chan struct{})
	hs := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := New(w, r, nil)
		if err != nil {
			t.Errorf("no stream: %v", err)
			return
		}
		c.Write([]byte("all"))
		if r.URL.Path == "/left" {
			c.Read(nil)
			defer close(ended)
		}
		c.End(time.Minute)
	}))
	hs.EnableHTTP2 = true
	hs.StartTLS()
	defer hs.Close()
	get := func(path string) *http.Response {
		res, err := hs.Client().Get(hs.URL + path)
		if err != nil || res.ProtoMajor != 2 {
			t.Fatalf("%+v, %v", res, err)
		}
		return res
	}
	res := get("/")
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "all" {
		t.Errorf("%q, %v", b, err)
	}
	res = get("/left")
	io.ReadFull(res.Body, make([]byte, 3))
	res.Body.Close()
	<-ended
}

// Writers in the forms that middlewares make.
type (
	bareWriter     struct{ http.ResponseWriter }
	flushOnly      struct{ bareWriter }
	unwraps        struct{ bareWriter }
	flushesNothing struct{ bareWriter }
	deadlines      struct{ bareWriter }
	breaks         struct{ bareWriter }
)

func (bareWriter) SetReadDeadline(time.Time) error   { return nil }
func (flushOnly) Flush()                             {}
func (w unwraps) Unwrap() http.ResponseWriter        { return w.ResponseWriter }
func (w flushesNothing) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (flushesNothing) Flush()                        {}
func (deadlines) Flush()                             {}
func (deadlines) SetWriteDeadline(time.Time) error   { return nil }
func (breaks) Write([]byte) (int, error)             { panic("broken") }
func (breaks) Flush()                                {}
func (breaks) SetWriteDeadline(time.Time) error      { return nil }

// TestWriters distinguishes writers that can stream from others. Nothing of the others is used.
func TestWriters(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	rec := httptest.NewRecorder()
	for _, test := range []struct {
		name string
		w    http.ResponseWriter
		want error
	}{
		{"hides all", bareWriter{rec}, ErrNoFlush},
		{"unwraps to nothing", unwraps{bareWriter{bareWriter{rec}}}, ErrNoFlush},
		{"a flush of nothing", flushesNothing{bareWriter{bareWriter{rec}}}, ErrNoFlush},
		{"no deadlines", flushOnly{bareWriter{rec}}, ErrNoDeadline},
		{"a recorder", rec, ErrNoDeadline},
		{"all", deadlines{bareWriter{rec}}, nil},
		{"unwraps to all", unwraps{bareWriter{deadlines{bareWriter{rec}}}}, nil},
	} {
		if _, err := New(test.w, r, nil); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if test.want != nil && (len(rec.Header()) > 0 || rec.Flushed) {
			t.Errorf("%s: something was set or sent", test.name)
		}
		clear(rec.Header())
	}
}

// TestPanickingWriter survives a writer that panics in a goroutine for which net/http does not
// recover panics.
func TestPanickingWriter(t *testing.T) {
	var told any
	c, err := New(breaks{bareWriter{httptest.NewRecorder()}}, httptest.NewRequest("GET", "/", nil), func(v any, stack []byte) {
		if strings.Contains(string(stack), "breaks") {
			told = v
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("a")); err == nil || told != "broken" {
		t.Errorf("error %v, told %v", err, told)
	}
	c.End(time.Second)
}
