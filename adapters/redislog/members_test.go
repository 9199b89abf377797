package redislog_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/client"
)

// serve runs a server with a new Log until the test ends. It believes each user's name.
func serve(t testing.TB, c redis.UniversalClient, opts ...redislog.Option) *chattest.Server {
	t.Helper()
	return chattest.NewServer(t,
		chat.WithLog(redislog.New(c, opts...)), chat.WithLogger(slog.New(slog.DiscardHandler)), chat.WithHistory(100),
		chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
			name := r.URL.Query().Get("username")
			return chat.User{ID: name, Name: name}, nil
		}))
}

// A member is a client that stays in a room until the test ends, and records what it receives.
type member struct {
	name string
	conn *client.Room

	mu      sync.Mutex
	events  []client.Event // of type message, since the last gap
	gaps    []client.Gap
	twice   int // events that came twice or out of order
	welcome int
	shown   map[string]string // position of every event ever received, to its id
	sent    int
	acked   map[string]uint64
}

const room = "the room: {x} * 😀"

func join(t testing.TB, s *chattest.Server, name string, opts ...client.Option) *member {
	t.Helper()
	opts = append([]client.Option{
		client.WithUsername(name), client.WithDialRetry(), client.WithBackoff(20*time.Millisecond, 200*time.Millisecond), client.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)
	c, err := client.Dial(within(t), s.URL, room, opts...)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{name: name, conn: c, acked: map[string]uint64{}, shown: map[string]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range c.Events(context.Background()) {
			if err != nil {
				return
			}
			m.take(e)
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return m
}

func (m *member) take(e client.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e.Type {
	case client.TypeWelcome:
		m.welcome++
	case client.TypeGap:
		m.gaps = append(m.gaps, *e.Gap)
		m.events = nil
	case chatlog.TypeMessage:
		if n := len(m.events); n > 0 && e.Offset <= m.events[n-1].Offset {
			m.twice++
		}
		m.events = append(m.events, e)
		m.shown[e.Position.String()] = e.ID
	}
}

// last returns the offset of the newest event that m has received.
func (m *member) last() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.events) == 0 {
		return 0
	}
	return m.events[len(m.events)-1].Offset
}

// say sends one message again and again until it is acknowledged.
func (m *member) say(ctx context.Context) error {
	m.mu.Lock()
	id := fmt.Sprint(m.name, "-", m.sent)
	m.sent++
	m.mu.Unlock()
	offset, err := m.conn.Publish(ctx, chat.Message{ID: id, Text: "text of " + id})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acked[id] = offset
	return err
}

// sayAll makes every member send n messages, with a pause of pace between them. It returns
// when all are acknowledged.
func sayAll(t testing.TB, members []*member, n int, pace time.Duration) {
	t.Helper()
	ctx := within(t)
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() {
			for range n {
				if err := m.say(ctx); err != nil {
					t.Errorf("%s: %v", m.name, err)
					return
				}
				if pace > 0 {
					time.Sleep(pace)
				}
			}
		})
	}
	wg.Wait()
}

// during runs fault. The members send messages until it returns.
func during(t testing.TB, members []*member, fault func()) {
	t.Helper()
	over := make(chan struct{})
	go func() { defer close(over); fault() }()
	for talking := true; talking; {
		select {
		case <-over:
			talking = false
		default:
		}
		sayAll(t, members, 10, 5*time.Millisecond)
	}
}

// newMembers returns two members on each of n servers.
func newMembers(t testing.TB, n int, c func(testing.TB) redis.UniversalClient) (servers []*chattest.Server, members []*member) {
	t.Helper()
	for range n {
		s := serve(t, c(t), redislog.WithHistory(1<<20), redislog.WithHistoryBytes(1<<30))
		servers = append(servers, s)
		for range 2 {
			members = append(members, join(t, s, fmt.Sprint("m", len(members))))
		}
	}
	return servers, members
}

// forgetAcknowledged drops the record of acknowledged messages, because Redis has lost them.
func forgetAcknowledged(members []*member) {
	for _, m := range members {
		m.mu.Lock()
		clear(m.acked)
		m.mu.Unlock()
	}
}

// waitForGap waits until every member has been told of a gap.
func waitForGap(t testing.TB, members []*member) {
	t.Helper()
	for _, m := range members {
		eventually(t, m.name+" is told of the gap", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return len(m.gaps) > 0
		})
	}
}

// checkAgreement waits until all members have seen the log to its end. It fails the test
// unless every acknowledged message is in the log once, all members have seen the same
// events, and each member was told of that many gaps.
func checkAgreement(t testing.TB, l chatlog.Log, members []*member, gaps int) {
	t.Helper()
	page := read(t, l, room, chatlog.Range{From: 1, Limit: 1 << 30})
	offsets := map[string]uint64{}
	for i, e := range page.Events {
		if e.Offset != page.First+uint64(i) {
			t.Fatalf("entry %d is at the place of %d", e.Offset, page.First+uint64(i))
		}
		if offsets[e.ID] != 0 {
			t.Errorf("%s is in the log twice", e.ID)
		}
		offsets[e.ID] = e.Offset
	}
	acks := 0
	for _, m := range members {
		eventually(t, m.name+" has seen everything", func() bool { return m.last() == page.Position.Offset })
		m.mu.Lock()
		if len(m.gaps) != gaps || m.twice != 0 {
			t.Errorf("%s was told of %d gaps, want %d, and got %d events twice: %v", m.name, len(m.gaps), gaps, m.twice, m.gaps)
		}
		for id, o := range m.acked {
			if acks++; offsets[id] != o {
				t.Errorf("%s was acknowledged with offset %d and has offset %d in the log", id, o, offsets[id])
			}
		}
		var got, want []string
		for _, e := range m.events {
			got = append(got, fmt.Sprint(e.Offset, " ", e.ID))
		}
		for _, e := range page.Events[len(page.Events)-min(len(m.events), len(page.Events)):] {
			want = append(want, fmt.Sprint(e.Offset, " ", e.ID))
		}
		if !slices.Equal(got, want) {
			t.Errorf("the events of %s differ from the log (-want +got):\n%s", m.name, cmp.Diff(want, got))
		}
		m.mu.Unlock()
	}
	t.Logf("%d entries, %d acknowledged, received by %d members", len(page.Events), acks, len(members))
}
