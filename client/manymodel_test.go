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
	on   bool
}

var errFault = errors.New("made to fail")

// fails reports whether a call fails before, or after it was carried out.
func (l *faulty) fails() (before, after bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.rand.IntN(20)
	return n == 0 && l.on, n == 1 && l.on
}

func (l *faulty) set(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on = on
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

func (l *faulty) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	before, after := l.fails()
	if before {
		return chatlog.Appended{}, errFault
	}
	a, err := l.Log.(chatlog.Amender).Amend(ctx, room, e, moderator)
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

// trouble cuts connections and ends visits, until end is called, which returns how many visits.
func trouble(seed uint64, srv *chat.Server, k *cuts, conns []*client.Conn, rooms []string) (end func() int) {
	stop, n := make(chan struct{}), make(chan int)
	go func() {
		ends, random := 0, rand.New(rand.NewPCG(seed, 1))
		for {
			select {
			case <-stop:
				n <- ends
				return
			case <-time.After(time.Duration(random.IntN(100)) * time.Millisecond):
			}
			if random.IntN(3) == 0 {
				k.cut()
				continue
			}
			user, room := conns[random.IntN(len(conns))].Welcome().User, rooms[random.IntN(len(rooms))]
			code := []int{1008, 1011, 1013, 4999}[random.IntN(4)]
			if srv.Disconnect(bg, user, chat.Disconnect{Room: room, Code: code, Reason: "trouble"}) == nil {
				ends++
			}
		}
	}()
	return func() int {
		close(stop)
		return <-n
	}
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
	log := &faulty{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 1 << 16, Bytes: 1 << 30}), rand: rand.New(rand.NewPCG(seed, 0))}
	inServerBubble(t, func(f *fake, srv *chat.Server) {
		var k cuts
		k.through = f.l.dial
		var conns []*client.Conn
		var readers, senders sync.WaitGroup
		var visits atomic.Int64
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
		log.set(true)
		end := trouble(seed, srv, &k, conns, rooms)
		senders.Wait()
		ends := end()
		log.set(false)
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
		f.t.Logf("%d connections, %d ends of visits, %d visits", k.total, ends, visits.Load())
		for _, c := range conns {
			c.Close()
		}
	}, chat.WithLog(log), chat.WithResume(1<<16), chat.WithRateLimit(0, 0))
}
