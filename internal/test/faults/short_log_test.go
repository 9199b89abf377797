package faults

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// shortLog is a log that several servers share. It can be set back to an older state, as a
// restored copy is, without knowing it. Feed and Presence are those of the memory log. Every
// appended entry is pushed to all sinks.
type shortLog struct {
	chat.Log

	mu    sync.Mutex
	rooms map[string]shortRoom
	sinks []chatlog.Sink
	epoch int
	mute  bool // nothing is pushed
}

type shortRoom struct {
	epoch  string
	events []chatlog.Event // never changed, only replaced
}

func newShortLog() *shortLog {
	return &shortLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 10}), rooms: map[string]shortRoom{}}
}

// roomLocked returns a room. A new room begins with its own epoch.
func (l *shortLog) roomLocked(name string) shortRoom {
	r, ok := l.rooms[name]
	if !ok {
		l.epoch++
		r.epoch = fmt.Sprint("e", l.epoch)
		l.rooms[name] = r
	}
	return r
}

// set replaces the state of a room.
func (l *shortLog) set(room string, r shortRoom) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rooms[room] = r
}

func (l *shortLog) get(room string) shortRoom {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.roomLocked(room)
}

// cut removes from a room all entries after the first n.
func (l *shortLog) cut(room string, n int) {
	r := l.get(room)
	r.events = r.events[:n:n]
	l.set(room, r)
}

func (l *shortLog) Open(ctx context.Context, sink chatlog.Sink) error {
	l.mu.Lock()
	l.sinks = append(l.sinks, sink)
	l.mu.Unlock()
	return l.Log.Open(ctx, sink)
}

func (l *shortLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	l.mu.Lock()
	r := l.roomLocked(room)
	e.Offset, e.Time = uint64(len(r.events))+1, time.Now().UTC().Truncate(time.Millisecond)
	r.events = append(slices.Clone(r.events), e)
	l.rooms[room] = r
	sinks := slices.Clone(l.sinks)
	if l.mute {
		sinks = nil
	}
	l.mu.Unlock()
	for _, s := range sinks {
		s.Push(room, r.epoch, e)
	}
	return chatlog.Appended{Event: e, Epoch: r.epoch}, nil
}

func (l *shortLog) Read(ctx context.Context, room string, rg chatlog.Range) (chatlog.Page, error) {
	r := l.get(room)
	p := chatlog.Page{Position: chatlog.Position{Epoch: r.epoch, Offset: uint64(len(r.events))}, First: 1, Events: r.events}
	n := max(rg.Limit, 0)
	if rg.From > 0 {
		p.Events = r.events[min(int(rg.From)-1, len(r.events)):]
		p.More = len(p.Events) > n
		p.Events = slices.Clone(p.Events[:min(n, len(p.Events))])
		return p, nil
	}
	if rg.Before > 0 {
		p.Events = r.events[:min(int(rg.Before)-1, len(r.events))]
	}
	p.More = len(p.Events) > n
	p.Events = slices.Clone(p.Events[max(0, len(p.Events)-n):])
	return p, nil
}

func (l *shortLog) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	at := make([]chatlog.Position, len(rooms))
	for i, room := range rooms {
		r := l.get(room)
		at[i] = chatlog.Position{Epoch: r.epoch, Offset: uint64(len(r.events))}
	}
	return at, nil
}

func (l *shortLog) Renew(ctx context.Context, room, seen string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.roomLocked(room)
	if r.epoch == seen {
		l.epoch++
		r.epoch = fmt.Sprint("e", l.epoch)
		l.rooms[room] = r
	}
	return r.epoch, nil
}

// fill publishes messages from..to into r.
func fill(t testing.TB, srv *chat.Server, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		harness.Publish(t, srv, "r", fmt.Sprint(i))
	}
}
