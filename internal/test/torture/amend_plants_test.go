package torture

import (
	"context"
	"slices"
	"sync"

	"github.com/seed-08328bfd/chat/chatlog"
)

// wrongLog changes messages, and is wrong about it.
type wrongLog struct {
	changedLog
	bug string

	mu   sync.Mutex
	text string // of the last edit
}

func newWrongLog(bug string) *wrongLog {
	l := &wrongLog{bug: bug}
	l.changedLog = changedLog{amender: newLog(), change: l.wrong}
	return l
}

const (
	swapsEdits    = "an edit is told with the text of the one before"
	leavesDeleted = "a delete leaves the live buffer"
	countsTwice   = "a reaction counts twice after a resume"
)

// wrong returns what servers are told of e.
func (l *wrongLog) wrong(e chatlog.Event) chatlog.Event {
	switch {
	case l.bug == swapsEdits && e.Type == chatlog.TypeEdit:
		l.mu.Lock()
		defer l.mu.Unlock()
		e.Text, l.text = l.text, e.Text
	case l.bug == leavesDeleted && e.Type == chatlog.TypeDelete:
		return hidden(&e)
	}
	return e
}

func (l *wrongLog) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	a, err := l.amender.Amend(ctx, room, e, moderator)
	if err == nil && l.bug == leavesDeleted && e.Type == chatlog.TypeDelete {
		a.Event = hidden(&a.Event)
	}
	return a, err
}

// hidden returns the place of an entry that nobody is told of.
func hidden(e *chatlog.Event) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypePrivate, Offset: e.Offset, Time: e.Time}
}

func (l *wrongLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	p, err := l.amender.Read(ctx, room, r)
	p.Events = slices.Clone(p.Events)
	for i := range p.Events {
		switch e := &p.Events[i]; {
		case l.bug == leavesDeleted && e.Type == chatlog.TypeDelete:
			*e = hidden(e)
		case l.bug == countsTwice && len(e.Reactions) > 0:
			e.Amended = e.Offset
		}
	}
	return p, err
}
