package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// said is a message in a room's log.
type said struct {
	Offset            uint64
	User, ID, Message string
}

// A talker is a client that stays in a room, talks, and records what it receives.
type talker struct {
	name, room string
	home       int   // the server that it joins
	order      []int // the servers, home first
	rng        *rand.Rand
	conn       *client.Room
	joined     uint64 // the room's last offset at that time
	done       chan struct{}

	mu       sync.Mutex
	welcomes int
	latest   time.Time // when the latest welcome came
	gaps     []client.Gap
	seen     []said
	left     map[string]int
	sent     int
	acked    map[string]uint64
}

func newTalker(i int, rng *rand.Rand) *talker {
	k := &talker{
		name: fmt.Sprint("k", i), home: i % crashServers, room: fmt.Sprint("crash-", i/crashServers%crashRooms),
		order: []int{i % crashServers}, rng: rand.New(rand.NewPCG(rng.Uint64(), 0)),
		done: make(chan struct{}), left: map[string]int{}, acked: map[string]uint64{},
	}
	for _, s := range rng.Perm(crashServers) {
		if s != k.home {
			k.order = append(k.order, s)
		}
	}
	return k
}

// join joins the room at the home server.
func (k *talker) join(ctx context.Context, url string, addrs []string) (err error) {
	var first sync.Once
	k.conn, err = client.Dial(ctx, url, k.room,
		client.WithUsername(k.name), client.WithDialer(dialer(addrs, k.order)), client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithBackoff(100*time.Millisecond, time.Second), client.WithDialRetry(),
		client.OnConnect(func(w client.Welcome) { first.Do(func() { k.joined = w.Position.Offset }) }))
	if err != nil {
		return err
	}
	go func() {
		defer close(k.done)
		for e, err := range k.conn.Events(context.Background()) {
			if err != nil {
				return
			}
			k.take(e)
		}
	}()
	return nil
}

func (k *talker) take(e client.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case e.Type == client.TypeWelcome:
		k.welcomes++
		k.latest = time.Now()
	case e.Type == client.TypeGap:
		k.gaps = append(k.gaps, *e.Gap)
	case e.Type == chat.TypeMessage:
		k.seen = append(k.seen, said{e.Offset, e.UserID, e.ID, e.Text})
	case e.Type == chat.TypeSystem && e.Event.Kind == "leave":
		k.left[e.UserID]++
	}
}

// talk sends a message now and then.
func (k *talker) talk(ctx context.Context, t *testing.T, stop <-chan struct{}) {
	for {
		select {
		case <-time.After(upTo(k.rng, 2*crashPace)):
		case <-stop:
			return
		case <-ctx.Done():
			return
		}
		k.say(ctx, t)
	}
}

// say sends a message again and again until it is acknowledged.
func (k *talker) say(ctx context.Context, t *testing.T) {
	k.mu.Lock()
	id := fmt.Sprint(k.name, "-", k.sent)
	k.sent++
	k.mu.Unlock()
	offset, err := k.conn.Publish(ctx, chat.Message{ID: id, Text: "text of " + id})
	if err != nil {
		if !errors.Is(err, context.Canceled) { // the test has ended
			t.Errorf("%s: %v", id, err)
		}
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.acked[id] = offset
}

// welcomed returns how often k was welcomed, and the time of the last welcome.
func (k *talker) welcomed() (n int, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.welcomes, k.latest
}

// last returns the largest offset that k has received.
func (k *talker) last() (offset uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.seen {
		offset = max(offset, s.Offset)
	}
	return offset
}

// goodbyes returns how often k was told of the leave of each user.
func (k *talker) goodbyes() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.left)
}

// checkRoom compares a room's log with the messages that its talkers sent and received. It
// returns what is wrong.
func checkRoom(log []said, talkers []*talker) (found []string) {
	bad := func(format string, args ...any) {
		if len(found) < 20 {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	at := map[string]uint64{}
	for i, s := range log {
		if s.Offset != uint64(i+1) {
			bad("%s is at the place %d in the log, but has the offset %d", s.ID, i+1, s.Offset)
		}
		if at[s.ID] != 0 {
			bad("%s is in the log at %d and %d", s.ID, at[s.ID], s.Offset)
		}
		if s.Message != "text of "+s.ID {
			bad("%s is in the log with the text %q", s.ID, s.Message)
		}
		at[s.ID] = s.Offset
	}
	acked := 0
	for _, k := range talkers {
		k.mu.Lock()
		acked += len(k.acked)
		user := k.conn.Welcome().User
		for id, offset := range k.acked {
			if offset == 0 || at[id] != offset {
				bad("%s was acknowledged with offset %d and has offset %d in the log", id, offset, at[id])
			} else if s := log[offset-1]; s.User != user || !strings.HasPrefix(id, k.name+"-") {
				bad("%s of %s is in the log as %+v", id, user, s)
			}
		}
		if len(k.gaps) > 0 {
			bad("%s was told of gaps: %+v", k.name, k.gaps)
		}
		// From its join on, and some history before that, it has all messages of the log.
		from := max(0, len(log)-len(k.seen))
		if !slices.Equal(log[from:], k.seen) || uint64(from) > k.joined {
			bad("%s joined at %d and has not received the log from %d on (-log +seen):\n%s", k.name, k.joined, from, cmp.Diff(log[from:], k.seen))
		}
		k.mu.Unlock()
	}
	if acked != len(log) {
		bad("%d messages are in the log, and %d were acknowledged", len(log), acked)
	}
	return found
}
