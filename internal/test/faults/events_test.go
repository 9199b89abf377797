package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// listenIn opens a stream in fake time.
func listenIn(b *harness.Bubble, params ...string) *harness.Listener {
	b.T.Helper()
	l, answer := harness.TryListen(b.T, &b.Client, "http://pipe", "r", params...)
	if l == nil {
		b.T.Fatal(answer.Status)
	}
	return l
}

// TestStreamOfLostEvents checks that a listener is told that events were lost, and of the gap.
func TestStreamOfLostEvents(t *testing.T) {
	log := newLostLog()
	harness.InBubble(t, func(b *harness.Bubble) {
		l := listenIn(b)
		session := l.Until("welcome").Session
		for i := range 5 {
			harness.Publish(b.T, b.Server, "r", fmt.Sprint(i))
			l.Until("message")
		}
		log.lost.Store(true)
		left := l.Until("left")
		if left.Code != "1013" || !strings.HasPrefix(left.Reason, "events were lost") {
			t.Errorf("left with %+v", left)
		}
		harness.Expect(t, "after it", l.Ended(), harness.Object{})
		w := listenIn(b, "Last-Event-ID:", l.ID, "session", session).Until("welcome")
		harness.Expect(t, "resumed, gap", fmt.Sprint(w.Resumed, w.Gap), "false true")
		harness.Expect(t, "slow", b.Stats().SlowCloses, 0)
	}, chat.WithLog(log), harness.Quiet)
}

// TestStreamOfEndedLog lets the log end the goroutine that writes to a stream. That stream is
// cut, its request ends, and nothing else happens.
func TestStreamOfEndedLog(t *testing.T) {
	t.Parallel()
	l := ending()
	srv, base := harness.Serve(t, harness.Quiet, chat.WithLog(l), chat.WithHistory(2), chat.WithResume(2))
	for range 20 {
		harness.Publish(t, srv, "r", "x")
	}
	other := harness.Listen(t, base, "r")
	epoch, _, _ := strings.Cut(other.Until("welcome").Position, ":")
	l.Set("Read")
	cut := harness.Listen(t, base, "r", "since", epoch+":1")
	if id, object, err := cut.Record(); err == nil {
		t.Errorf("got %s %s", id, object)
	}
	l.Set("")
	harness.Eventually(t, "the stream to end", func() bool { return srv.Stats().Connections == 1 })
	harness.Publish(t, srv, "r", "last")
	for other.Until("message").Message != "last" {
	}
}

// TestEventHooksFail lets hooks panic, end the goroutine, and not decide, in requests for
// streams and in posts. Each gets an answer, and nothing is left of it.
func TestEventHooksFail(t *testing.T) {
	t.Parallel()
	for _, hook := range []string{"authenticator", "authorizer", "filter"} {
		for what, fails := range map[string]func() error{
			"panics": func() error { panic("broken") },
			"ends":   func() error { runtime.Goexit(); return nil },
			"errs":   func() error { return errors.New("no answer") },
		} {
			t.Run(hook+" "+what, func(t *testing.T) {
				t.Parallel()
				var wrong atomic.Bool
				at := func(name string) error {
					if name == hook && wrong.Load() {
						return fails()
					}
					return nil
				}
				srv, base := harness.Serve(t, harness.Quiet, chat.WithLeaveGrace(0),
					chat.WithAuthenticator(func(*http.Request) (chat.User, error) { return chat.User{ID: "u"}, at("authenticator") }),
					chat.WithAuthorizer(func(context.Context, chat.User, string, chat.Action) error { return at("authorizer") }),
					chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error { return at("filter") }))
				wrong.Store(true)
				want := map[string]int{
					"authenticator panics": 500, "authenticator ends": 500, "authenticator errs": 401,
					"authorizer panics": 500, "authorizer ends": 500, "authorizer errs": 503,
					"filter panics": 422, "filter ends": 500, "filter errs": 503,
				}[hook+" "+what]
				status, body := harness.Say(t, base, "r", "hello")
				harness.Expect(t, "the answer to a post: "+body, status, want)
				if hook != "filter" {
					if l, answer := harness.TryListen(t, http.DefaultClient, base, "r"); l != nil || answer.StatusCode != want {
						t.Errorf("a stream is answered with %s", answer.Status)
					}
				}
				wrong.Store(false)
				harness.Eventually(t, "nobody", func() bool { s := srv.Stats(); return s.Connections == 0 && s.Members == 0 })
				l := harness.Listen(t, base, "r")
				l.Until("welcome")
				harness.Say(t, base, "r", "hello again")
				harness.Expect(t, "kept", l.Until("message").Message, "hello again")
			})
		}
	}
}

// watched is a writer that notes a use after its handler has returned. Each write ends so much
// later than the one that it wraps.
type watched struct {
	http.ResponseWriter
	over, late *atomic.Bool
	later      time.Duration
}

func (w watched) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	time.Sleep(w.later)
	w.look()
	return n, err
}

func (w watched) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.look()
	return err
}

func (w watched) SetWriteDeadline(t time.Time) error {
	w.look()
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(t)
}

func (w watched) look() {
	if w.over.Load() {
		w.late.Store(true)
	}
}

// watching returns h with writers that are watched, and how many of its requests go on.
func watching(h http.Handler, late *atomic.Bool, later time.Duration) (w http.Handler, open *atomic.Int32) {
	open = new(atomic.Int32)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		over := new(atomic.Bool)
		open.Add(1)
		defer func() { over.Store(true); open.Add(-1) }()
		h.ServeHTTP(watched{w, over, late, later}, r)
	}), open
}

// TestCloseCutsStreams closes a server with listeners of which one does not read. Their
// requests end with it.
func TestCloseCutsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := chat.New(chat.WithPing(0, 0), chat.WithWriteTimeout(0), harness.Quiet)
		var late atomic.Bool
		h, open := watching(srv, &late, time.Second)
		hs, pipes := &http.Server{Handler: h}, harness.NewPipes()
		go hs.Serve(pipes)
		defer hs.Close()
		transport := &http.Transport{DialContext: pipes.Dial}
		defer transport.CloseIdleConnections()
		listen := func() *harness.Listener {
			l, _ := harness.TryListen(t, &http.Client{Transport: transport}, "http://pipe", "r")
			l.Until("welcome")
			return l
		}
		reader := listen()
		listen()
		go func() {
			for err := error(nil); err == nil; {
				_, err = reader.Line()
			}
		}()
		for range 3 {
			harness.Publish(t, srv, "r", strings.Repeat("x", 9000))
			time.Sleep(10 * time.Second)
		}
		start := time.Now()
		srv.Close()
		harness.Expect(t, "Close took", time.Since(start), 0)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		harness.Expect(t, "requests", open.Load(), 0)
		harness.Expect(t, "used late", late.Load(), false)
	})
}

// TestNothingIsWrittenLate lets listeners go, and has them removed, at any time. No response
// is used after its handler has returned.
func TestNothingIsWrittenLate(t *testing.T) {
	t.Parallel()
	srv := chat.New(harness.Quiet, chat.WithLeaveGrace(0))
	var late atomic.Bool
	h, open := watching(srv, &late, 0)
	hs := httptest.NewServer(h)
	defer hs.Close()
	defer srv.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				l := harness.Listen(t, hs.URL, "r")
				user := l.Until("welcome").User
				for range i % 5 {
					l.Until("message")
				}
				if i%2 == 0 {
					l.Leave()
				} else if srv.Disconnect(context.Background(), user, chat.Disconnect{Reason: "go"}) == nil {
					for o := (harness.Object{}); o.Type != "left"; {
						o = l.Next()
					}
				}
			})
		}
		wg.Wait()
	}()
	for n := 0; ; n++ {
		harness.Publish(t, srv, "r", strings.Repeat("x", n%3000+1))
		select {
		case <-done:
		case <-time.After(time.Millisecond):
			continue
		}
		break
	}
	harness.Eventually(t, "all requests to end", func() bool { return open.Load() == 0 })
	harness.Expect(t, "used late", late.Load(), false)
}

// breaking is a middleware's writer that panics after some writes.
type breaking struct {
	http.ResponseWriter
	left *atomic.Int32
}

func (b breaking) FlushError() error { return http.NewResponseController(b.ResponseWriter).Flush() }

func (b breaking) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(b.ResponseWriter).SetWriteDeadline(t)
}

func (b breaking) Write(p []byte) (int, error) {
	if b.left.Add(-1) < 0 {
		panic("a writer breaks")
	}
	return b.ResponseWriter.Write(p)
}

// TestWriterPanics lets a middleware's writer panic in the goroutine that writes to a stream,
// which net/http does not watch over. That stream ends; the server does not.
func TestWriterPanics(t *testing.T) {
	t.Parallel()
	srv := chat.New(harness.Quiet)
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("breaks") {
			left := new(atomic.Int32)
			left.Store(3)
			w = breaking{w, left}
		}
		srv.ServeHTTP(w, r)
	}))
	defer hs.Close()
	defer srv.Close() // first: hs waits for streams
	other, l := harness.Listen(t, hs.URL, "r"), harness.Listen(t, hs.URL, "r", "breaks", "1")
	other.Until("welcome")
	l.Until("welcome")
	for i := range 20 {
		harness.Publish(t, srv, "r", fmt.Sprint(i))
		harness.Expect(t, "the other one", other.Until("message").Message, fmt.Sprint(i))
	}
	for err := error(nil); err == nil; {
		_, err = l.Line()
	}
	harness.Eventually(t, "the stream to end", func() bool { return srv.Stats().Connections == 1 })
	harness.Expect(t, "panics", srv.Stats().Panics, 1)
}
