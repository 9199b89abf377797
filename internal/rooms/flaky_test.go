package rooms

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/memlog"
)

var errFlaky = errors.New("made to fail")

// flakyLog is one server's way to a memory log: calls fail, before or after they are carried
// out, and pushes are lost, late and doubled.
type flakyLog struct {
	*memlog.Log
	mu   sync.Mutex
	rng  *rand.Rand
	rate float64 // of what goes wrong, from 0 to 1
}

func (l *flakyLog) set(rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate = rate
}

// fate returns 0, or with the rate's probability a number from 1 to n.
func (l *flakyLog) fate(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rng.Float64() >= l.rate {
		return 0
	}
	return 1 + l.rng.IntN(n)
}

func flaky[T any](l *flakyLog, f func() (T, error)) (v T, err error) {
	switch l.fate(2) {
	case 1:
		return v, errFlaky
	case 2:
		f()
		return v, errFlaky
	}
	return f()
}

func (l *flakyLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	return flaky(l, func() (chatlog.Appended, error) { return l.Log.Append(ctx, room, e) })
}

func (l *flakyLog) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	return flaky(l, func() (chatlog.Appended, error) { return l.Log.Amend(ctx, room, e, moderator) })
}

func (l *flakyLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	return flaky(l, func() (chatlog.Page, error) {
		if r.Limit > 3 && l.fate(2) == 1 { // a log may return less than was asked for
			r.Limit = 3
		}
		return l.Log.Read(ctx, room, r)
	})
}

func (l *flakyLog) Open(ctx context.Context, s chatlog.Sink) error {
	return l.Log.Open(ctx, flakySink{s, l})
}

func (l *flakyLog) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	return l.Log.Watch(ctx, flakySink{s, l}, room)
}

func (l *flakyLog) Unwatch(s chatlog.Sink, room string) { l.Log.Unwatch(flakySink{s, l}, room) }
func (l *flakyLog) Close(s chatlog.Sink) error          { return l.Log.Close(flakySink{s, l}) }

type flakySink struct {
	chatlog.Sink
	log *flakyLog
}

func (s flakySink) Push(room, epoch string, e chatlog.Event) {
	switch fate := s.log.fate(40); {
	case fate == 1:
		return
	case fate == 2:
		s.Sink.Push(room, epoch, e)
	case fate > 2:
		time.AfterFunc(time.Duration(fate)*time.Millisecond, func() { s.Sink.Push(room, epoch, e) })
		return
	}
	s.Sink.Push(room, epoch, e)
}
