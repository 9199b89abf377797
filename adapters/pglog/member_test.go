package pglog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// chatServer returns a server on l for tests. It believes each user's name.
func chatServer(l chatlog.Log) *chat.Server {
	quiet := chat.WithLogger(slog.New(slog.DiscardHandler))
	return chat.New(quiet, chat.WithLog(l), chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
		name := r.URL.Query().Get("username")
		return chat.User{ID: name, Name: name}, nil
	}))
}

// serve runs a server with a pool and a Log of its own until the test ends.
func serve(t testing.TB, c *cluster) (s *chat.Server, url string) {
	t.Helper()
	s = chatServer(pglog.New(c.pool(t)))
	hs := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); hs.Close() })
	return s, "ws" + strings.TrimPrefix(hs.URL, "http")
}

// An object is an object from the server, with the fields that the tests read.
type object struct {
	Type, ID, User, Message, Code, Event, Position string
	Offset                                         uint64
	Resumed, Gap                                   bool
}

// A member is a chat.v1 client that runs until the test ends. After each loss it reconnects to
// any server, resumes, and sends again every message without an acknowledgement.
type member struct {
	t          testing.TB
	urls       []string
	room, name string
	done       chan struct{}

	mu      sync.Mutex
	conn    *ws.Conn
	events  []object // of type message, since the last gap
	systems []object
	epoch   string
	acked   map[string]uint64
	replies map[string]chan object
	gaps    int
	twice   int // events that arrived twice
	slowest time.Duration
}

func join(t testing.TB, room, name string, urls ...string) *member {
	t.Helper()
	m := &member{
		t: t, urls: urls, room: room, name: name, done: make(chan struct{}),
		acked: map[string]uint64{}, replies: map[string]chan object{},
	}
	ctx, cancel := context.WithCancel(context.Background())
	go m.run(ctx)
	t.Cleanup(func() { cancel(); <-m.done })
	eventually(t, name+" is welcome", func() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.conn != nil })
	return m
}

func (m *member) run(ctx context.Context) {
	defer close(m.done)
	for i := 0; ctx.Err() == nil; i++ {
		m.connected(ctx, m.urls[i%len(m.urls)])
		m.mu.Lock()
		m.conn = nil
		for _, reply := range m.replies {
			answer(reply, object{Type: "error", Code: "lost"})
		}
		m.mu.Unlock()
		pause(ctx, 20*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func answer(reply chan object, o object) {
	select {
	case reply <- o:
	default:
	}
}

// connected uses one connection until it is lost.
func (m *member) connected(ctx context.Context, base string) {
	m.mu.Lock()
	q := url.Values{"username": {m.name}}
	if m.epoch != "" {
		q.Set("since", fmt.Sprint(m.epoch, ":", m.lastLocked()))
	}
	m.mu.Unlock()
	dialing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, _, err := ws.Dial(dialing, base+"/ws/"+url.PathEscape(m.room)+"?"+q.Encode(), &ws.DialOptions{Subprotocols: []string{"chat.v1"}})
	if err != nil {
		return
	}
	defer conn.Close(1000, "")
	conn.SetReadLimit(1 << 20)
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var o object
		if err := json.Unmarshal(data, &o); err != nil {
			m.t.Errorf("%s: %v", m.name, err)
			return
		}
		m.mu.Lock()
		m.takeLocked(conn, o)
		m.mu.Unlock()
	}
}

func (m *member) lastLocked() uint64 {
	if len(m.events) == 0 {
		return 0
	}
	return m.events[len(m.events)-1].Offset
}

func (m *member) takeLocked(conn *ws.Conn, o object) {
	switch o.Type {
	case "welcome":
		m.conn = conn
		if o.Gap {
			m.gaps++
			m.events = nil
		}
		m.epoch, _, _ = strings.Cut(o.Position, ":")
	case "message":
		if o.Offset <= m.lastLocked() {
			m.twice++
			return
		}
		m.events = append(m.events, o)
	case "system":
		m.systems = append(m.systems, o)
	case "ack", "error":
		if reply := m.replies[o.ID]; reply != nil {
			answer(reply, o)
		}
	}
}

// send sends a message until it is acknowledged or ctx ends.
func (m *member) send(ctx context.Context, id string) {
	reply := make(chan object, 1)
	m.mu.Lock()
	m.replies[id] = reply
	m.mu.Unlock()
	defer func() { m.mu.Lock(); delete(m.replies, id); m.mu.Unlock() }()
	for ctx.Err() == nil {
		m.mu.Lock()
		conn := m.conn
		m.mu.Unlock()
		began := time.Now()
		if conn == nil || conn.Write(ctx, ws.MessageText, []byte(`{"type":"message","message":"text of `+id+`","id":"`+id+`"}`)) != nil {
			pause(ctx, 10*time.Millisecond)
			continue
		}
		select {
		case o := <-reply:
			m.mu.Lock()
			if o.Code != "lost" {
				m.slowest = max(m.slowest, time.Since(began))
			}
			if o.Type == "ack" {
				m.acked[id] = o.Offset
			}
			m.mu.Unlock()
			if o.Type == "ack" {
				return
			}
			pause(ctx, 20*time.Millisecond)
		case <-ctx.Done():
		}
	}
}

// chatter lets every member send n messages at about the given pace. When it returns, all are
// acknowledged. It returns the longest time that a member waited for an acknowledgement.
func chatter(t testing.TB, members []*member, n int, pace time.Duration) (slowest time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for _, m := range members {
		m.mu.Lock()
		from := len(m.acked)
		m.mu.Unlock()
		wg.Go(func() {
			for i := range n {
				m.send(ctx, fmt.Sprint(m.name, "-", from+i))
				pause(ctx, pace)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		t.Error("some messages were not acknowledged in a minute")
	}
	for _, m := range members {
		m.mu.Lock()
		slowest = max(slowest, m.slowest)
		m.mu.Unlock()
	}
	return slowest
}

// agree waits until all members have seen the whole log. It fails the test unless every
// acknowledged message is in the log exactly once, and all members have seen the same events.
func agree(t testing.TB, c *cluster, room string, members []*member, gaps int) {
	t.Helper()
	log := readAll(t, pglog.New(c.pool(t)), room)
	checkDense(t, log)
	offsets := map[string]uint64{}
	for _, e := range log {
		if offsets[e.ID] != 0 {
			t.Errorf("%s is in the log twice", e.ID)
		}
		offsets[e.ID] = e.Offset
	}
	for _, m := range members {
		eventually(t, m.name+" has seen everything", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.lastLocked() == uint64(len(log))
		})
		m.mu.Lock()
		if m.gaps != gaps || m.twice != 0 {
			t.Errorf("%s was told of %d gaps, want %d, and got %d events twice", m.name, m.gaps, gaps, m.twice)
		}
		for id, o := range m.acked {
			if offsets[id] != o && gaps == 0 {
				t.Errorf("%s was acknowledged with offset %d and has offset %d in the log", id, o, offsets[id])
			}
		}
		var got, want []string
		for _, e := range m.events {
			got = append(got, e.ID)
		}
		for _, e := range log[len(log)-min(len(m.events), len(log)):] {
			want = append(want, e.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the events of %s differ from the log (-want +got)\n%s", m.name, cmp.Diff(want, got))
		}
		m.mu.Unlock()
	}
}
