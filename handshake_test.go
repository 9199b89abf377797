package chat_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// hooked calls then when the answer to a handshake is about to be sent.
type hooked struct {
	http.ResponseWriter
	then func()
}

func (h hooked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.then()
	return conn, rw, err
}

// TestCloseDuringHandshake closes a connection between its hijacking and the answer to its
// handshake. A connection that is closed with a code gets the answer and the code. Close sends
// no codes and leaves the handshake unanswered.
func TestCloseDuringHandshake(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*chat.Server)
		want int
	}{
		{"disconnect", func(s *chat.Server) {
			s.Disconnect(context.Background(), "u", chat.Disconnect{Room: "r", Code: chat.CloseForbidden})
		}, 4003},
		{"shutdown", func(s *chat.Server) { go s.Shutdown(context.Background()); waitRefused(s) }, 1001},
		{"close", func(s *chat.Server) { go s.Close(); waitRefused(s) }, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := chat.New(chat.WithAuthenticator(func(*http.Request) (chat.User, error) { return chat.User{ID: "u"}, nil }))
			hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				srv.ServeHTTP(hooked{w, func() { tt.do(srv) }}, r)
			}))
			defer hs.Close()
			defer srv.Close()
			p, resp, err := harness.TryDial(t, hs.URL, "r", true)
			if tt.want == -1 && err != nil { // Close may cut the connection before the answer, or after it
				if resp != nil {
					t.Errorf("a handshake refused after Close: %v, %v", resp, err)
				}
			} else if err != nil {
				t.Errorf("dial: %v", err)
			} else if code := p.Closed(); code != tt.want {
				t.Errorf("closed with %d, want %d", code, tt.want)
			}
			harness.Eventually(t, "the end of the connection", func() bool { return srv.Stats().Connections == 0 })
		})
	}
}

// waitRefused returns when s accepts no more connections.
func waitRefused(s *chat.Server) {
	for {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/rooms", nil))
		if w.Code == http.StatusServiceUnavailable {
			return
		}
	}
}

// TestOvertakenDuringHandshake sends so many messages during a handshake that the server no
// longer holds all entries since the member joined.
func TestOvertakenDuringHandshake(t *testing.T) {
	srv := chat.New(harness.Quiet, chat.WithMaxLag(1), chat.WithResume(0))
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv.ServeHTTP(hooked{w, func() {
			for range 300 {
				harness.Publish(t, srv, "r", strings.Repeat("x", 4<<10))
			}
		}}, r)
	}))
	defer hs.Close()
	defer srv.Close()
	p := harness.Dial(t, hs.URL, "r", true)
	harness.Expect(t, "gap", p.Until("welcome").Gap, false)
	harness.Expect(t, "closed with", p.Closed(), 1013)
}

// answeredConn calls then when its first bytes, the answer to a handshake, are sent.
type answeredConn struct {
	net.Conn
	then func()
}

func (c *answeredConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if then := c.then; then != nil {
		c.then = nil
		then()
	}
	return n, err
}

type answering struct {
	http.ResponseWriter
	then func()
}

func (a answering) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	return &answeredConn{conn, a.then}, rw, err
}

// TestAnsweredIsThere lets a second user join at the moment when the first gets the answer. A
// connected user must be in the lists of later users.
func TestAnsweredIsThere(t *testing.T) {
	srv := chat.New(harness.Quiet)
	var welcome harness.Object
	var hs *httptest.Server
	hs = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("username") == "Ann" {
			w = answering{w, func() { welcome = harness.Dial(t, hs.URL, "r", true, "username", "Bob").Until("welcome") }}
		}
		srv.ServeHTTP(w, r)
	}))
	defer hs.Close()
	defer srv.Close()
	ann := harness.Dial(t, hs.URL, "r", true, "username", "Ann")
	harness.Expect(t, "members in Ann's welcome", ann.Until("welcome").Count, 1)
	harness.Expect(t, "Bob's notice", ann.Until("system").Username, "Bob")
	harness.Expect(t, "members in Bob's welcome", welcome.Count, 2)
}

// endingLog answers like a log whose caller's context was canceled. A server's context is
// canceled when the server closes.
type endingLog struct{ chat.Log }

func (endingLog) Members(context.Context, string, int) (chatlog.MemberList, error) {
	return chatlog.MemberList{}, context.Canceled
}

func (endingLog) Enter(context.Context, string, string, chatlog.Member) (bool, error) {
	return false, context.Canceled
}

// TestCanceledIsAnswered checks that a client gets an answer when the server has canceled the
// call. It must never get net/http's 200 for a handler that writes nothing.
func TestCanceledIsAnswered(t *testing.T) {
	_, base := harness.Serve(t, harness.Quiet, chat.WithLog(endingLog{chat.NewMemoryLog(chat.MemoryOptions{})}))
	status, _ := harness.Get(t, base+"/rooms/r/members")
	harness.Expect(t, "status of the members", status, http.StatusServiceUnavailable)
	_, resp, err := harness.TryDial(t, base, "r", true)
	if err == nil || resp == nil {
		t.Fatalf("a handshake passed, or had no answer: %v", err)
	}
	harness.Expect(t, "status of the handshake", resp.StatusCode, http.StatusServiceUnavailable)
}
