package chattest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// amendWith is a log with another Amend.
func amendWith(amend func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error)) func() func() chatlog.Log {
	return amending(func() *brokenAmender { return &brokenAmender{amend: amend} })
}

// messageOf returns the message that e amends.
func messageOf(l chatlog.Store, room string, e chatlog.Event) (m chatlog.Event) {
	p, _ := l.Read(context.Background(), room, chatlog.Range{From: max(e.Target, 1), Limit: 1, Messages: true})
	if len(p.Events) > 0 && p.Events[0].Offset == e.Target {
		m = p.Events[0]
	}
	return m
}

// impersonating is a log that amends as the message's author if asks is true for the event.
func impersonating(ask func(e, m chatlog.Event, moderator bool) bool) func() func() chatlog.Log {
	return amendWith(func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
		user := e.UserID
		if m := messageOf(l, room, e); m.Offset > 0 && ask(e, m, moderator) {
			e.UserID = m.UserID
		}
		a, err := l.Amend(ctx, room, e, moderator)
		a.Event.UserID = user
		return a, err
	})
}

// reencoded returns data as a log changes it that stores values instead of bytes.
func reencoded(data json.RawMessage) json.RawMessage {
	var v any
	if data == nil || json.Unmarshal(data, &v) != nil {
		return data
	}
	b, _ := json.Marshal(v)
	return b
}

// amendDefects are the possible defects with amended messages.
var amendDefects = []defect{
	{"ignores all edits after the first", "Amend", amendWith(func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
		own := e
		if m := messageOf(l, room, e); e.Type == chatlog.TypeEdit && !m.Edited.IsZero() {
			e.Text, e.Data = m.Text, m.Data
		}
		a, err := l.Amend(ctx, room, e, moderator)
		a.Event.Text, a.Event.Data = own.Text, own.Data
		return a, err
	})},
	{"applies the first of two edits last", "AmendConcurrently", func() func() chatlog.Log {
		type applied struct {
			text string
			at   time.Time
		}
		var mu sync.Mutex
		edits := map[string]map[uint64]applied{}
		l := reading(func(_ *brokenAmender, room string, e *chatlog.Event, r chatlog.Range) {
			if edit, ok := edits[room][e.Offset]; ok && r.Messages {
				e.Text = edit.text
			}
		})()().(*brokenAmender)
		l.amend = func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
			a, err := l.Amend(ctx, room, e, moderator)
			mu.Lock()
			defer mu.Unlock()
			if edits[room] == nil {
				edits[room] = map[uint64]applied{}
			}
			if e.Type == chatlog.TypeEdit && err == nil && time.Since(edits[room][e.Target].at) > time.Second/10 {
				edits[room][e.Target] = applied{e.Text, time.Now()}
			}
			return a, err
		}
		return func() chatlog.Log { return l }
	}},
	{"keeps the old data when an edit has none", "Amend", amendWith(func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
		own := e.Data
		if e.Type == chatlog.TypeEdit && e.Data == nil {
			e.Data = messageOf(l, room, e).Data
		}
		a, err := l.Amend(ctx, room, e, moderator)
		a.Event.Data = own
		return a, err
	})},
	{"removes the reply target of a message", "Amend", reading(func(b *brokenAmender, _ string, e *chatlog.Event, r chatlog.Range) {
		if !e.Edited.IsZero() {
			e.ReplyTo = 0
		}
	})},
	{"counts a reaction twice", "Reactions", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) {
		for i := range e.Reactions {
			e.Reactions[i].Count++
		}
	})},
	{"counts the users that it lists", "ManyReactions", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) {
		for i := range e.Reactions {
			e.Reactions[i].Count = len(e.Reactions[i].Users)
		}
	})},
	{"lists one user too few", "ManyReactions", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) {
		for i := range e.Reactions {
			e.Reactions[i].Users = e.Reactions[i].Users[:min(len(e.Reactions[i].Users), 49)]
		}
	})},
	{"sorts reactions", "Reactions", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) {
		slices.SortFunc(e.Reactions, func(a, b chatlog.Reaction) int { return strings.Compare(a.Reaction, b.Reaction) })
	})},
	{"has no limit of reactions", "Reactions", amending(func() *brokenAmender {
		return &brokenAmender{amend: func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
			a, err := l.Amend(ctx, room, e, moderator)
			if errors.Is(err, chatlog.ErrTooManyReactions) {
				return l.Amend(ctx, room, chatlog.Event{Type: chatlog.TypeReaction, UserID: e.UserID + "'", Target: e.Target, Reaction: ":0:"}, false)
			}
			return a, err
		}}
	})},
	{"does not return the time of the last edit", "Amend", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) { e.Edited = time.Time{} })},
	{"does not return the last entry that amended a message", "Amend", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) { e.Amended = 0 })},
	{"returns the current state of messages in every read", "Amend", amending(func() *brokenAmender {
		return &brokenAmender{broken: broken{readRange: func(r *chatlog.Range) { r.Messages = r.Messages || r.From == 0 && r.Limit == 2 }}}
	})},
	{"keeps the text of a deleted message", "Delete", reading(func(b *brokenAmender, room string, e *chatlog.Event, r chatlog.Range) {
		if was := b.was(room, e.Offset); e.Type == chatlog.TypePrivate && e.Username == "" && !was.Amends() {
			e.Text = was.Text
		}
	})},
	{"keeps the edits of a deleted message", "Delete", reading(func(b *brokenAmender, room string, e *chatlog.Event, r chatlog.Range) {
		if was := b.was(room, e.Offset); e.Type == chatlog.TypePrivate && was.Amends() {
			*e = was
		}
	})},
	{"looks up deleted messages", "Delete", amending(func() *brokenAmender {
		b := &brokenAmender{}
		b.lookup = func(a *chatlog.Appended, _, _ string) {
			if a.Repeated && a.Event.Type == "" {
				a.Event.Type, a.Event.Text = chatlog.TypeMessage, "secret"
			}
		}
		return b
	})},
	{"lists deleted messages", "Delete", amending(func() *brokenAmender {
		return &brokenAmender{broken: broken{readRange: func(r *chatlog.Range) { r.Messages = false }, read: func(p *chatlog.Page, r chatlog.Range) {
			p.Events = slices.DeleteFunc(p.Events, func(e chatlog.Event) bool { return r.Messages && e.Amends() })
		}}}
	})},
	{"lets amendments push out messages", "AmendHistory", amending(func() *brokenAmender {
		return &brokenAmender{broken: broken{read: func(p *chatlog.Page, r chatlog.Range) {
			if p.Position.Offset > kept {
				p.First = max(p.First, p.Position.Offset-kept)
				p.Events = slices.DeleteFunc(p.Events, func(e chatlog.Event) bool { return e.Offset < p.First })
			}
		}}}
	})},
	{"counts amendments in a page", "AmendHistory", amending(func() *brokenAmender {
		return &brokenAmender{broken: broken{readRange: func(r *chatlog.Range) { r.Messages = false }, read: func(p *chatlog.Page, r chatlog.Range) {
			p.Events = slices.DeleteFunc(p.Events, func(e chatlog.Event) bool { return r.Messages && (e.Amends() || e.UserID == "") })
		}}}
	})},
	{"keeps too few amendments", "AmendKept", amending(func() *brokenAmender {
		return &brokenAmender{broken: broken{read: func(p *chatlog.Page, r chatlog.Range) {
			if first := p.Position.Offset - min(p.Position.Offset, kept/2) + 1; !r.Messages && p.First < first {
				p.First = first
				p.Events = slices.DeleteFunc(p.Events, func(e chatlog.Event) bool { return e.Offset < first })
			}
		}}}
	})},
	{"shows an amended private message to everyone", "AmendNot", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) {
		if e.Amends() {
			e.To = ""
		}
	})},
	{"shows the amendments of a private message to everyone", "Amend", amending(func() *brokenAmender {
		return &brokenAmender{broken: broken{readRange: func(r *chatlog.Range) { r.Visible, r.Limit = false, 1000 }, read: func(p *chatlog.Page, r chatlog.Range) {
			in := slices.DeleteFunc(p.Events, func(e chatlog.Event) bool { return r.Visible && !e.Amends() && !e.VisibleTo(r.Reader) })
			r.Before = 0 // the first pass has applied Before already
			p.Events, p.More = pageOf(in, r)
		}}}
	})},
	{"lets a moderator edit", "AmendNot", impersonating(func(e, m chatlog.Event, moderator bool) bool { return moderator && e.Type == chatlog.TypeEdit })},
	{"lets anybody edit", "AmendNot", impersonating(func(e, m chatlog.Event, _ bool) bool { return e.Type == chatlog.TypeEdit && m.VisibleTo(e.UserID) })},
	{"lets anybody delete", "AmendNot", impersonating(func(e, m chatlog.Event, _ bool) bool { return e.Type == chatlog.TypeDelete && m.VisibleTo(e.UserID) })},
	{"lets a moderator delete a hidden message", "AmendNot", impersonating(func(e, m chatlog.Event, moderator bool) bool { return moderator && e.Type == chatlog.TypeDelete })},
	{"lets a user react to a hidden message", "AmendNot", impersonating(func(e, m chatlog.Event, _ bool) bool { return e.Type == chatlog.TypeReaction && !m.VisibleTo(e.UserID) })},
	{"stores reactions that change nothing", "AmendAgain", amending(func() *brokenAmender {
		return &brokenAmender{amended: func(a *chatlog.Appended, e chatlog.Event) { a.Repeated = a.Repeated && e.Type != chatlog.TypeReaction }}
	})},
	{"answers an unchanged reaction with the message", "AmendAgain", amending(func() *brokenAmender {
		return &brokenAmender{amended: func(a *chatlog.Appended, e chatlog.Event) {
			if a.Repeated && e.Type == chatlog.TypeReaction && e.Reaction != ":other:" {
				a.Event.Offset = e.Target
			}
		}}
	})},
	{"forgets the ids of amendments", "AmendAgain", amendWith(func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
		id := e.ID
		e.ID = ""
		a, err := l.Amend(ctx, room, e, moderator)
		a.Event.ID = id
		return a, err
	})},
	{"answers a repetition of a deleted message with the message", "AmendAgain", amending(func() *brokenAmender {
		b := &brokenAmender{}
		b.append = func(l chatlog.Log, ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
			a, err := l.Append(ctx, room, e)
			if was := b.was(room, a.Event.Offset); a.Repeated && !was.Amends() {
				a.Event.Text = was.Text
			}
			return a, err
		}
		return b
	})},
	{"loses the data of edits", "AmendFields", amendWith(func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
		e.Data = nil
		return l.Amend(ctx, room, e, moderator)
	})},
	{"keeps the values of data and not its bytes", "AmendFields", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) { e.Data = reencoded(e.Data) })},
	{"removes white space from data", "AmendFields", reading(func(b *brokenAmender, _ string, e *chatlog.Event, _ chatlog.Range) {
		var c bytes.Buffer
		if json.Compact(&c, e.Data) == nil {
			e.Data = c.Bytes()
		}
	})},
	{"ignores the case of reactions", "Amend", amendWith(func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
		e.Reaction = strings.ToLower(e.Reaction)
		return l.Amend(ctx, room, e, moderator)
	})},
	{"checks and stores a reaction in two steps", "AmendOnce", amendWith(func(l chatlog.Amender, ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
		m := messageOf(l, room, e)
		time.Sleep(time.Millisecond)
		a, err := l.Amend(ctx, room, e, moderator)
		i := slices.IndexFunc(m.Reactions, func(x chatlog.Reaction) bool { return x.Reaction == e.Reaction })
		a.Repeated = a.Repeated && (e.Type != chatlog.TypeReaction || i >= 0 && slices.Contains(m.Reactions[i].Users, e.UserID) != e.Remove)
		return a, err
	})},
	{"reads messages and positions in two steps", "AmendReadable", reading(func(b *brokenAmender, room string, e *chatlog.Event, _ chatlog.Range) {
		time.Sleep(time.Millisecond)
		e.Text = messageOf(b.Log, room, chatlog.Event{Target: e.Offset}).Text
	})},
	{"does not push amendments", "AmendConcurrently", func() func() chatlog.Log {
		l := deafLog{amending(func() *brokenAmender { return &brokenAmender{} })()().(*brokenAmender)}
		return func() chatlog.Log { return l }
	}},
}
