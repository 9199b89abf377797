package memlog

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A logModel is the simplest possible memory log: slices and maps, and only the promised limits.
// It calls a real log and compares the results.
type logModel struct {
	t       *testing.T
	log     *Log
	bytes   []byte // the actions to do
	rooms   map[string]*modelRoom
	sinks   [2]*modelSink
	servers map[string]time.Time
	removed map[string]time.Time
	beaten  time.Time
	entered int // calls of Enter so far
}

type modelRoom struct {
	epoch   string // "" if it was never seen
	events  []chatlog.Event
	last    uint64
	ids     map[[2]string]chatlog.Event
	used    time.Time
	watched [2]bool
	users   map[string]map[string]modelEntered // user to server
}

// modelSink records pushes.
type modelSink struct {
	pushes []modelPush
}

type modelPush struct {
	Room, Epoch string
	Event       chatlog.Event
}

func (s *modelSink) Push(room, epoch string, e chatlog.Event) {
	s.pushes = append(s.pushes, modelPush{room, epoch, e})
}
func (s *modelSink) Interrupted(error) {}
func (s *modelSink) Resumed()          {}

var bg = context.Background()

// costOf returns the approximate size of a message in bytes.
func costOf(e *chatlog.Event) int {
	var n entry
	n.set(e, flagsOf(e))
	return n.cost()
}

func newLogModel(t *testing.T, b []byte) *logModel {
	m := &logModel{t: t, bytes: b, rooms: map[string]*modelRoom{}, servers: map[string]time.Time{}, removed: map[string]time.Time{}, beaten: time.Now()}
	forget := []time.Duration{-1, time.Minute, time.Hour}[m.next(3)]
	m.log = New(m.next(9), 200+100*m.next(20), forget)
	for i := range m.sinks {
		m.sinks[i] = &modelSink{}
		m.log.Open(bg, m.sinks[i])
	}
	for i := range 4 {
		m.rooms[fmt.Sprint("r", i)] = &modelRoom{ids: map[[2]string]chatlog.Event{}, users: map[string]map[string]modelEntered{}}
	}
	return m
}

// next returns a number below n, from the bytes.
func (m *logModel) next(n int) int {
	if len(m.bytes) == 0 {
		return 0
	}
	b := m.bytes[0]
	m.bytes = m.bytes[1:]
	return int(b) % n
}

func (m *logModel) run() {
	for len(m.bytes) > 0 {
		name := fmt.Sprint("r", m.next(len(m.rooms)))
		r := m.rooms[name]
		switch m.next(12) {
		case 0, 1, 2, 3:
			m.append(name, r)
		case 4, 5:
			m.read(name, r)
		case 6:
			m.renew(name, r)
		case 7:
			m.watch(name, r)
		case 8, 9:
			m.presence(name, r)
		case 10:
			m.beat()
		case 11:
			time.Sleep(time.Duration(1+m.next(100)) * time.Duration(1+m.next(100)) * time.Second)
		}
		m.check()
		if m.t.Failed() {
			return
		}
	}
}

// inUse reports whether a room may not be forgotten.
func (r *modelRoom) inUse() bool { return r.watched[0] || r.watched[1] || len(r.users) > 0 }

// settle records a use of a room, and what the room loses when it is not in use.
func (m *logModel) settle(r *modelRoom) {
	r.used = time.Now()
	if !r.inUse() && m.log.forget < 0 {
		r.events = nil
	}
}

// incarnate compares the epoch that the log gives a room with the previous one. It may change if
// the room was not in use for long enough.
func (m *logModel) incarnate(name string, r *modelRoom, epoch string) {
	if r.epoch == epoch {
		return
	}
	idle := time.Since(r.used)
	switch {
	case r.last == 0 && !r.inUse():
	case r.inUse():
		m.t.Fatalf("%s is in use and went from %s to %s", name, r.epoch, epoch)
	case idle < m.log.forget:
		m.t.Fatalf("%s was forgotten after only %v", name, idle)
	}
	for id, e := range r.ids {
		if time.Since(e.Time) < idWindow {
			m.t.Fatalf("%s was forgotten although it has the id %v from %v ago", name, id, time.Since(e.Time))
		}
	}
	r.epoch, r.events, r.last = epoch, nil, 0
	clear(r.ids)
}

func (m *logModel) append(name string, r *modelRoom) {
	e := chatlog.Event{Type: chatlog.TypeMessage, UserID: fmt.Sprint("u", m.next(2)), Text: string(make([]byte, m.next(256)))}
	if m.next(2) > 0 {
		e.Type, e.To = chatlog.TypePrivate, []string{"u0", "u1", "u2", ""}[m.next(4)]
	}
	if id := m.next(8); id > 0 {
		e.ID = fmt.Sprint(id)
	}
	for _, s := range m.sinks {
		s.pushes = nil
	}
	a, err := m.log.Append(bg, name, e)
	if err != nil {
		m.t.Fatalf("Append: %v", err)
	}
	m.incarnate(name, r, a.Epoch)
	id := [2]string{e.UserID, e.ID}
	first, known := r.ids[id]
	age := time.Since(first.Time)
	switch {
	case a.Repeated && (!known || age >= 2*idWindow):
		m.t.Fatalf("%v is repeated, but known is %t after %v", id, known, age)
	case !a.Repeated && known && age < idWindow:
		m.t.Fatalf("the id %v was forgotten after %v", id, age)
	}
	want := first
	if !a.Repeated {
		r.last++
		want = e
		want.Offset, want.Time = r.last, time.Now().UTC().Truncate(time.Millisecond)
		if e.ID != "" {
			r.ids[id] = want
		}
		r.events = append(r.events, want)
		size := 0
		for _, e := range r.events {
			size += costOf(&e)
		}
		for len(r.events) > m.log.limits.messages || size > m.log.limits.bytes {
			size -= costOf(&r.events[0])
			r.events = r.events[1:]
		}
	} else if !slices.ContainsFunc(r.events, func(e chatlog.Event) bool { return e.Offset == first.Offset }) {
		want.Type, want.To, want.Text = e.Type, e.To, e.Text // the first entry is gone
	}
	if d := cmp.Diff(want, a.Event); d != "" {
		m.t.Fatalf("Append (Repeated %t) (-want +got):\n%s", a.Repeated, d)
	}
	for i, s := range m.sinks {
		var want []modelPush
		if r.watched[i] && !a.Repeated {
			want = []modelPush{{name, a.Epoch, a.Event}}
		}
		if d := cmp.Diff(want, s.pushes); d != "" {
			m.t.Fatalf("pushes to sink %d (-want +got):\n%s", i, d)
		}
	}
	m.settle(r)
}

func (m *logModel) read(name string, r *modelRoom) {
	rg := chatlog.Range{Limit: m.next(14) - 2}
	at := uint64(max(0, int(r.last)-12+m.next(16)))
	switch m.next(3) {
	case 0:
		rg.From = at
	case 1:
		rg.Before = at
	}
	if m.next(2) > 0 {
		rg.Visible, rg.Reader = true, []string{"u0", "u1", "u2", ""}[m.next(4)]
	}
	got, err := m.log.Read(bg, name, rg)
	if err != nil {
		m.t.Fatalf("Read: %v", err)
	}
	m.incarnate(name, r, got.Position.Epoch)
	want := chatlog.Page{Position: chatlog.Position{Epoch: r.epoch, Offset: r.last}, First: r.last + 1}
	var in []chatlog.Event
	for _, e := range r.events {
		if e.Offset >= rg.From && (rg.Before == 0 || e.Offset < rg.Before) && (!rg.Visible || e.VisibleTo(rg.Reader)) {
			in = append(in, e)
		}
	}
	if len(r.events) > 0 {
		want.First = r.events[0].Offset
	}
	n := min(len(in), max(0, rg.Limit))
	want.More = n < len(in)
	if rg.From == 0 {
		in = in[len(in)-n:]
	}
	if n > 0 {
		want.Events = in[:n]
	}
	if d := cmp.Diff(want, got); d != "" {
		m.t.Fatalf("%+v of %s (-want +got):\n%s", rg, name, d)
	}
	m.settle(r)
}

func (m *logModel) renew(name string, r *modelRoom) {
	at, err := m.log.Positions(bg, []string{name})
	if err != nil {
		m.t.Fatalf("Positions: %v", err)
	}
	m.incarnate(name, r, at[0].Epoch)
	if want := (chatlog.Position{Epoch: r.epoch, Offset: r.last}); at[0] != want {
		m.t.Fatalf("%s is at %v, want %v", name, at[0], want)
	}
	seen := "x"
	if m.next(2) == 0 {
		seen = r.epoch
	}
	epoch, err := m.log.Renew(bg, name, seen)
	if err != nil || (epoch == r.epoch) == (seen == r.epoch) {
		m.t.Fatalf("Renew of %s in %s gives %s, %v", seen, r.epoch, epoch, err)
	}
	r.epoch = epoch
}

func (m *logModel) watch(name string, r *modelRoom) {
	i := m.next(2)
	if r.watched[i] {
		m.log.Unwatch(m.sinks[i], name)
		r.watched[i] = false
	} else {
		if err := m.log.Watch(bg, m.sinks[i], name); err != nil {
			m.t.Fatalf("Watch: %v", err)
		}
		at, _ := m.log.Positions(bg, []string{name})
		m.incarnate(name, r, at[0].Epoch)
		r.watched[i] = true
	}
	m.settle(r)
}
