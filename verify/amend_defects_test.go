package verify

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// wrongChanges is a memory log that amends messages with a defect.
type wrongChanges struct {
	changeable
	defect string
	n      atomic.Int64
}

// turn reports whether the defect must act in this call.
func (l *wrongChanges) turn(defect string) bool {
	return l.defect == defect && l.n.Add(1)%3 == 0
}

func (l *wrongChanges) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	switch {
	case e.Type == chatlog.TypeDelete && l.defect == "deletes for everybody":
		moderator = true
	case l.turn("refuses what it does"):
		l.changeable.Amend(ctx, room, e, moderator)
		return chatlog.Appended{}, chatlog.ErrNoSuchMessage
	case l.turn("acknowledges what it does later"):
		p, err := l.Positions(ctx, []string{room})
		if p[0].Offset < e.Target || e.Target == 0 {
			break
		}
		late := e
		time.AfterFunc(2*time.Millisecond, func() { l.changeable.Amend(context.Background(), room, late, moderator) })
		e.Offset = p[0].Offset + 1
		return chatlog.Appended{Event: e, Epoch: p[0].Epoch}, err
	case l.defect == "knows no id of a change":
		e.ID = ""
	}
	return l.changeable.Amend(ctx, room, e, moderator)
}

func (l *wrongChanges) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	hidden := r
	if l.turn("shows private messages of others") {
		hidden.Visible = false
	}
	p, err := l.changeable.Read(ctx, room, hidden)
	p.Events = slices.Clone(p.Events)
	for i := range p.Events {
		e := &p.Events[i]
		switch {
		case len(e.Reactions) > 0 && l.turn("counts a reaction twice"):
			e.Reactions = slices.Clone(e.Reactions)
			e.Reactions[0].Count++
			e.Reactions[0].Users = append(slices.Clip(e.Reactions[0].Users), e.Reactions[0].Users[0])
		case !e.Edited.IsZero() && l.turn("forgets an edit"):
			e.Text = "the text before"
		case e.Amended > 0 && l.turn("forgets what it has applied"):
			e.Amended--
		}
	}
	if len(p.Events) > 1 && l.turn("lets an entry that amends push a message out") {
		p.Events = p.Events[1:]
	}
	return p, err
}

func (l *wrongChanges) MarkRead(ctx context.Context, room, userID string, offset uint64) (uint64, bool, error) {
	if l.defect == "lets another user's marker count" {
		userID = "u0"
	}
	return l.changeable.MarkRead(ctx, room, userID, offset)
}

func (l *wrongChanges) Unread(ctx context.Context, userID string, rooms []string) ([]chatlog.Unread, error) {
	u, err := l.changeable.Unread(ctx, userID, rooms)
	if err == nil && l.defect == "counts private messages of others" {
		p, err := l.changeable.Read(ctx, rooms[0], chatlog.Range{From: u[0].Read + 1, Limit: keep})
		for i := range p.Events {
			if e := &p.Events[i]; e.Type == chatlog.TypePrivate && !e.VisibleTo(userID) && e.UserID != "" {
				u[0].Unread = min(u[0].Unread+1, chatlog.MaxUnread)
			}
		}
		return u, err
	}
	return u, err
}

// The check must find each of these defects.
func TestChangesDefects(t *testing.T) {
	for _, defect := range []string{
		"deletes for everybody",
		"refuses what it does",
		"acknowledges what it does later",
		"knows no id of a change",
		"shows private messages of others",
		"counts a reaction twice",
		"forgets an edit",
		"forgets what it has applied",
		"lets an entry that amends push a message out",
		"lets another user's marker count",
		"counts private messages of others",
	} {
		t.Run(defect, func(t *testing.T) {
			log := chat.NewMemoryLog(chat.MemoryOptions{Entries: keep}).(changeable)
			history := changes(t, 150, false, 50*time.Microsecond, time.Now(), &wrongChanges{changeable: log, defect: defect})
			if got := porcupine.CheckOperationsTimeout(amendModel, history, time.Minute); got != porcupine.Illegal {
				t.Errorf("%s", got)
			}
		})
	}
}
