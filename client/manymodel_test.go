package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/client"
)

// faulty is a log whose calls fail at random, half of them after they were carried out.
type faulty struct {
	chatlog.Log
	mu   sync.Mutex
	rand *rand.Rand
	off  bool
}

var errFault = errors.New("made to fail")

// fails reports whether a call fails before, or after it was carried out.
func (l *faulty) fails() (before, after bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.rand.IntN(20)
	return n == 0 && !l.off, n == 1 && !l.off
}

func (l *faulty) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	before, after := l.fails()
	if before {
		return chatlog.Appended{}, errFault
	}
	a, err := l.Log.Append(ctx, room, e)
	if after {
		return chatlog.Appended{}, errFault
	}
	return a, err
}

func (l *faulty) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	if before, after := l.fails(); before || after {
		return chatlog.Page{}, errFault
	}
	return l.Log.Read(ctx, room, r)
}

// TestManyModel has several users in several rooms of a real server, each over one connection,
// while connections are cut, the server ends single visits, its log fails, and some rooms are
// read slowly or left and joined again. Every Room gets the entries of its log without a hole,
// in order, each once; what was sent is there once, in order.
func TestManyModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testManyModel(t, seed) })
	}
}

func testManyModel(t *testing.T, seed uint64) {
	const users, each = 3, 60
	rooms := []string{"a", "b", "c", "d"}
	random := rand.New(rand.NewPCG(seed, 0))
	log := &faulty{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 1 << 16, Bytes: 1 << 30}), rand: random, off: true}
	inServerBubble(t, func(f *fake, srv *chat.Server) {
		var k cuts
		k.through = f.l.dial
		var conns []*client.Conn
		var readers, senders sync.WaitGroup
		var visits, left atomic.Int64
		for i := range users {
			c := f.connect(client.WithUsername(fmt.Sprint("u", i)), client.WithDialer(k.dial), client.WithDialRetry(), client.WithBackoff(10*time.Millisecond, 100*time.Millisecond))
			conns = append(conns, c)
			for j, room := range rooms {
				var opts []client.Option
				pause := time.Duration(0)
				if (i+j)%2 == 0 {
					opts, pause = append(opts, client.WithBuffer(8, 0)), 5*time.Millisecond
				}
				u := f.enter(c, room, opts...)
				readers.Go(func() { visits.Add(u.readUntil("end", pause)) })
				senders.Go(func() {
					for n := range each {
						if _, err := u.Send(bg, fmt.Sprintf("u%d %d", i, n)); err != nil {
							f.t.Errorf("u%d in %s: %v", i, room, err)
						}
					}
				})
			}
			senders.Go(func() { // a room that is left and joined again
				for n := range each / 4 {
					u := f.enter(c, "changing", client.WithDialRetry())
					if _, err := u.Send(bg, fmt.Sprintf("u%d %d", i, n)); err != nil {
						f.t.Errorf("u%d: %v", i, err)
					}
					u.Close()
				}
			})
		}
		log.mu.Lock()
		log.off = false
		log.mu.Unlock()
		stop := make(chan struct{})
		var trouble sync.WaitGroup
		trouble.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 1))
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rng.IntN(100)) * time.Millisecond):
				}
				if rng.IntN(3) == 0 {
					k.cut()
					continue
				}
				user := conns[rng.IntN(users)].Welcome().User
				code := []int{1008, 1011, 1013, 4999}[rng.IntN(4)]
				if srv.Disconnect(bg, user, chat.Disconnect{Room: rooms[rng.IntN(len(rooms))], Code: code, Reason: "trouble"}) == nil {
					left.Add(1)
				}
			}
		})
		senders.Wait()
		close(stop)
		trouble.Wait()
		log.mu.Lock()
		log.off = true
		log.mu.Unlock()
		for _, room := range rooms {
			for _, err := srv.Publish(bg, room, chat.Message{Text: "end"}); err != nil; {
				f.t.Fatal(err)
			}
		}
		readers.Wait()
		for _, room := range append(rooms, "changing") {
			all := history(f.t, srv, room)
			for i := range users {
				n := each
				if room == "changing" {
					n = each / 4
				}
				sentOnce(f.t, all, fmt.Sprint("u", i), n)
			}
		}
		f.t.Logf("%d connections, %d ends of visits, %d visits", k.total, left.Load(), visits.Load())
		for _, c := range conns {
			c.Close()
		}
	}, chat.WithLog(log), chat.WithResume(1<<16), chat.WithRateLimit(0, 0))
}
