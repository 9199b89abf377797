package chattest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// readerDefects are the possible defects with a user's own and visible events.
var readerDefects = []defect{
	{"looks up nothing", "Lookup", wrap(&broken{lookup: func(a *chatlog.Appended, _, _ string) { *a = chatlog.Appended{} }})},
	{"looks up only held events", "Lookup", wrap(&broken{lookup: func(a *chatlog.Appended, _, _ string) {
		if a.Event.Type == "" {
			*a = chatlog.Appended{}
		}
	}})},
	{"finds nothing in an epoch", "LookupNot", wrap(&broken{lookup: func(a *chatlog.Appended, _, _ string) {
		if !a.Repeated {
			a.Epoch = "x"
		}
	}})},
	{"looks up only offsets", "Lookup", wrap(&broken{lookup: func(a *chatlog.Appended, _, _ string) { a.Event.Text = "" }})},
	{"looks up ids that were never stored", "LookupNot", wrap(&broken{lookup: func(a *chatlog.Appended, userID, id string) {
		if !a.Repeated {
			a.Event, a.Repeated = chatlog.Event{Offset: 1, UserID: userID, ID: id}, true
		}
	}})},
	{"ignores the case of ids in Lookup", "LookupNot", func() func() chatlog.Log {
		var mu sync.Mutex
		ids := map[string]chatlog.Appended{}
		l := &broken{Log: chat.NewMemoryLog(chat.MemoryOptions{}), append: func(l chatlog.Log, ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
			a, err := l.Append(ctx, room, e)
			mu.Lock()
			defer mu.Unlock()
			ids[e.UserID+strings.ToLower(e.ID)] = a
			return a, err
		}, lookup: func(a *chatlog.Appended, userID, id string) {
			mu.Lock()
			defer mu.Unlock()
			if found, ok := ids[userID+strings.ToLower(id)]; ok && id != "" {
				found.Repeated = true
				*a = found
			}
		}}
		return func() chatlog.Log { return l }
	}},
	{"shows everything", "Visible", wrap(&broken{readRange: func(r *chatlog.Range) { r.Visible = false }})},
	{"shows only public events", "Visible", wrap(&broken{readRange: func(r *chatlog.Range) { r.Reader = "" }})},
	{"hides events after it has applied the limit", "Visible", wrap(&broken{readRange: func(r *chatlog.Range) { r.Visible = false }, read: hide})},
	{"hides events after it has applied the limit", "VisibleKept", wrap(&broken{readRange: func(r *chatlog.Range) { r.Visible = false }, read: hide})},
	{"hides a user's own private messages", "Visible", wrap(&broken{read: func(p *chatlog.Page, r chatlog.Range) {
		p.Events = slices.DeleteFunc(p.Events, func(e chatlog.Event) bool { return r.Visible && e.Type == chatlog.TypePrivate && e.To != r.Reader })
	}})},
	{"has More set for hidden events", "Visible", wrap(&broken{read: func(p *chatlog.Page, r chatlog.Range) {
		p.More = p.More || r.Visible && r.From == 0 && len(p.Events) > 0 && p.Events[0].Offset > p.First
	}})},
	{"shows no event of a trimmed room", "VisibleKept", wrap(&broken{read: func(p *chatlog.Page, r chatlog.Range) {
		if r.Visible && p.First > 1 {
			p.Events = nil
		}
	}})},
	{"shows private events to the empty reader", "Visible", wrap(&broken{readRange: func(r *chatlog.Range) {
		if r.Reader == "" {
			r.Reader = "u1"
		}
	}})},
	{"filters by Reader without Visible", "Visible", wrap(&broken{readRange: func(r *chatlog.Range) { r.Visible = r.Visible || r.Reader != "" }})},
}
