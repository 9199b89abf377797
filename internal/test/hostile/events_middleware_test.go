package hostile

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestEventsBehindMiddleware serves streams through writers that wrap others.
func TestEventsBehindMiddleware(t *testing.T) {
	t.Parallel()
	srv := chat.New(harness.Quiet, chat.WithLeaveGrace(0))
	defer srv.Close()
	var wrap func(http.ResponseWriter) http.ResponseWriter
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { srv.ServeHTTP(wrap(w), r) }))
	defer hs.Close()
	for _, test := range []struct {
		name   string
		wrap   func(http.ResponseWriter) http.ResponseWriter
		status int
	}{
		{"nothing", func(w http.ResponseWriter) http.ResponseWriter { return w }, 200},
		{"one with Unwrap", func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{w} }, 200},
		{"one that hides all", func(w http.ResponseWriter) http.ResponseWriter { return struct{ http.ResponseWriter }{w} }, 501},
		{"one that can only flush", func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				http.ResponseWriter
				http.Flusher
			}{w, w.(http.Flusher)}
		}, 501},
		{"one that can be taken over", func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				http.ResponseWriter
				http.Hijacker
			}{w, w.(http.Hijacker)}
		}, 200},
		{"one that only says so", func(w http.ResponseWriter) http.ResponseWriter {
			return harness.FailingHijacker{ResponseWriter: w}
		}, 501},
		{"one that says so and can be written to", func(w http.ResponseWriter) http.ResponseWriter {
			return struct {
				writeOnly
				http.Hijacker
			}{writeOnly{w}, harness.FailingHijacker{ResponseWriter: w}}
		}, 200},
	} {
		wrap = test.wrap
		l, answer := harness.TryListen(t, http.DefaultClient, hs.URL, "r")
		harness.Expect(t, test.name, answer.StatusCode, test.status)
		if l != nil {
			harness.Expect(t, test.name, l.Next().Type, "welcome")
			harness.Publish(t, srv, "r", "hello")
			harness.Expect(t, test.name, l.Until("message").Message, "hello")
			l.Leave()
		}
		harness.Eventually(t, "nobody", func() bool { return srv.Stats().Connections == 0 && srv.Stats().Members == 0 })
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

type unwrapper struct{ http.ResponseWriter }

func (u unwrapper) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// writeOnly hides that a connection can be taken over.
type writeOnly struct{ http.ResponseWriter }

func (w writeOnly) FlushError() error { return http.NewResponseController(w.ResponseWriter).Flush() }
func (w writeOnly) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(t)
}

// TestEventsEnd ends streams over each way that there is, with all that the client is owed
// and an end that it can tell from a loss.
func TestEventsEnd(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name              string
		tls, http2, write bool
	}{
		{name: "HTTP/1.1"}, {name: "HTTP/1.1 with TLS", tls: true}, {name: "HTTP/2", tls: true, http2: true},
		{name: "not taken over", write: true}, {name: "not taken over, with TLS", write: true, tls: true},
	} {
		t.Run(way.name, func(t *testing.T) {
			srv := chat.New(harness.Quiet)
			var open atomic.Int32 // requests that ServeHTTP has not returned from
			hs := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				open.Add(1)
				defer open.Add(-1)
				if way.write {
					w = writeOnly{w}
				}
				w.Header().Set("X-Around", "kept")
				srv.ServeHTTP(w, r)
			}))
			if hs.EnableHTTP2 = way.http2; way.tls {
				hs.StartTLS()
			} else {
				hs.Start()
			}
			defer hs.Close()
			defer srv.Close()
			listen := func() *harness.Listener {
				l, answer := harness.TryListen(t, hs.Client(), hs.URL, "r")
				if l == nil {
					t.Fatal(answer.Status)
				}
				harness.Expect(t, "protocol", answer.ProtoMajor, map[bool]int{true: 2, false: 1}[way.http2])
				harness.Expect(t, "headers", answer.Header.Get("Content-Type")+" "+answer.Header.Get("X-Around"), "text/event-stream kept")
				l.Until("welcome")
				return l
			}
			gone := listen()
			gone.Leave()
			harness.Eventually(t, "the server notices who has left", func() bool { return srv.Stats().Connections == 0 })
			l := listen()
			if way.http2 || way.write {
				harness.Eventually(t, "one request to be open", func() bool { return open.Load() == 1 })
			} else {
				harness.Eventually(t, "ServeHTTP to return", func() bool { return open.Load() == 0 })
			}
			for i := range 50 {
				harness.Publish(t, srv, "r", fmt.Sprint(i))
			}
			if err := srv.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			got := map[string]int{}
			var last harness.Object
			for last.Type != "left" {
				if last = l.Next(); last.Type == "message" { // goodbye may come between them
					harness.Expect(t, "owed", last.Message, fmt.Sprint(got["message"]))
				}
				got[last.Type]++
			}
			harness.Expect(t, "in all", got, map[string]int{"message": 50, "goodbye": 1, "left": 1})
			harness.Expect(t, "after the last", l.Ended(), harness.Object{})
		})
	}
}
