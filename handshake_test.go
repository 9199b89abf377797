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

// hooked calls then when the answer to a handshake is on its way.
type hooked struct {
	http.ResponseWriter
	then func()
}

func (h hooked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.then()
	return conn, rw, err
}

// TestCloseDuringHandshake closes a connection between the moment in which it was
// taken over and the answer to its handshake. Who is closed with a code gets the
// answer and the code; Close, which sends no codes, leaves the handshake unanswered.
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
			if tt.want == -1 {
				if err == nil || resp != nil {
					t.Errorf("a handshake answered after Close: %v, %v", resp, err)
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

// waitRefused returns when s takes no more connections.
func waitRefused(s *chat.Server) {
	for {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/rooms", nil))
		if w.Code == http.StatusServiceUnavailable {
			return
		}
	}
}

// TestOvertakenDuringHandshake has so much said meanwhile that the server no longer
// holds all that came after the member did.
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

// answeredConn calls then when its first bytes, the answer to a handshake, are out.
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

// TestAnsweredIsThere has a second user join at the moment in which the first has
// its answer: whoever is connected is in the lists of those who come later.
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

// endingLog answers as a log does whose caller's context was canceled, as a server's
// is when it ends.
type endingLog struct{ chat.Log }

func (endingLog) Members(context.Context, string, int) (chatlog.MemberList, error) {
	return chatlog.MemberList{}, context.Canceled
}

func (endingLog) Enter(context.Context, string, string, chatlog.Member) (bool, error) {
	return false, context.Canceled
}

// TestCanceledIsAnswered holds that a client which is there gets an answer when it is
// the server that has canceled, and never net/http's 200 for a handler without a word.
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
