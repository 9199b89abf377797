package chattest

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Each log in this file has one defect, and the suite must find it.

// A defect is a log that breaks the contract in one way.
type defect struct {
	name, seen string
	open       func() func() chatlog.Log
}

// defects are the possible defects, each with the subtest that must find it.
var defects = slices.Concat(readerDefects, amendDefects, markDefects, consumeDefects, []defect{
	{"forgets ids", "Repeated", wrap(&broken{append: func(l chatlog.Log, ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
		id := e.ID
		e.ID = ""
		a, err := l.Append(ctx, room, e)
		a.Event.ID = id
		return a, err
	}})},
	{"ignores the user of an id", "RepeatedNot", wrap(&broken{append: func(l chatlog.Log, ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
		user := e.UserID
		e.UserID = ""
		a, err := l.Append(ctx, room, e)
		a.Event.UserID = user
		return a, err
	}})},
	{"joins user and id into one name", "RepeatedNot", func() func() chatlog.Log {
		var mu sync.Mutex
		ids := map[string]chatlog.Appended{}
		l := &broken{Log: chat.NewMemoryLog(chat.MemoryOptions{}), append: func(l chatlog.Log, ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
			mu.Lock()
			defer mu.Unlock()
			key := room + "/" + e.UserID + ":" + e.ID
			if a, ok := ids[key]; ok && e.ID != "" {
				a.Repeated = true
				return a, nil
			}
			a, err := l.Append(ctx, room, e)
			ids[key] = a
			return a, err
		}}
		return func() chatlog.Log { return l }
	}},
	{"compares ids and appends in two steps", "RepeatedConcurrently", func() func() chatlog.Log {
		var mu sync.Mutex
		ids := map[string]chatlog.Appended{}
		l := &broken{Log: chat.NewMemoryLog(chat.MemoryOptions{}), append: func(l chatlog.Log, ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
			mu.Lock()
			a, ok := ids[room+"\xff"+e.UserID+"\xff"+e.ID]
			mu.Unlock()
			if ok && e.ID != "" {
				a.Repeated = true
				return a, nil
			}
			key := room + "\xff" + e.UserID + "\xff" + e.ID
			time.Sleep(time.Millisecond)
			id := e.ID
			e.ID = ""
			a, err := l.Append(ctx, room, e)
			a.Event.ID = id
			mu.Lock()
			defer mu.Unlock()
			ids[key] = a
			return a, err
		}}
		return func() chatlog.Log { return l }
	}},
	{"answers a repetition with itself", "Repeated", wrap(&broken{append: func(l chatlog.Log, ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
		a, err := l.Append(ctx, room, e)
		if a.Repeated {
			e.Offset, e.Time = a.Event.Offset, a.Event.Time
			a.Event = e
		}
		return a, err
	}})},
	{"leaves holes", "Dense", wrap(&broken{append: func(l chatlog.Log, ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
		a, err := l.Append(ctx, room, e)
		if a.Event.Offset%10 == 9 {
			l.Append(ctx, room, chatlog.Event{Type: chatlog.TypeMessage})
		}
		return a, err
	}})},
	{"keeps too little", "Kept", func() func() chatlog.Log {
		l := chat.NewMemoryLog(chat.MemoryOptions{Entries: kept - 1})
		return func() chatlog.Log { return l }
	}},
	{"has a separate log per server", "Empty", func() func() chatlog.Log {
		return func() chatlog.Log { return chat.NewMemoryLog(chat.MemoryOptions{}) }
	}},
	{"has a separate log per server", "Dense", func() func() chatlog.Log {
		return func() chatlog.Log { return chat.NewMemoryLog(chat.MemoryOptions{}) }
	}},
	{"never has more", "Ranges", wrap(&broken{read: func(p *chatlog.Page, _ chatlog.Range) { p.More = false }})},
	{"has more for a full page", "Ranges", wrap(&broken{read: func(p *chatlog.Page, r chatlog.Range) { p.More = r.Limit > 0 && len(p.Events) == r.Limit }})},
	{"has everything from 1", "Kept", wrap(&broken{read: func(p *chatlog.Page, _ chatlog.Range) { p.First = 1 }})},
	{"has First 0 in an empty room", "Empty", wrap(&broken{read: func(p *chatlog.Page, _ chatlog.Range) {
		if len(p.Events) == 0 {
			p.First = 0
		}
	}})},
	{"reads after From", "Ranges", wrap(&broken{readRange: func(r *chatlog.Range) {
		if r.From > 0 {
			r.From++
		}
	}})},
	{"reads up to Before", "Ranges", wrap(&broken{readRange: func(r *chatlog.Range) {
		if r.Before > 0 {
			r.Before++
		}
	}})},
	{"takes limit 0 for no limit", "Ranges", wrap(&broken{readRange: func(r *chatlog.Range) {
		if r.Limit <= 0 {
			r.Limit = 1000
		}
	}})},
	{"reads newest first", "Ranges", wrap(&broken{read: func(p *chatlog.Page, r chatlog.Range) {
		if r.From == 0 {
			slices.Reverse(p.Events)
		}
	}})},
	{"loses the receiver of a private message", "Fields", wrap(&broken{read: func(p *chatlog.Page, _ chatlog.Range) {
		for i := range p.Events {
			p.Events[i].ToUsername = ""
		}
	}})},
	{"ends texts at NUL", "Fields", wrap(&broken{read: func(p *chatlog.Page, _ chatlog.Range) {
		for i := range p.Events {
			p.Events[i].Text, _, _ = strings.Cut(p.Events[i].Text, "\x00")
		}
	}})},
	{"has local times", "Time", wrap(&broken{read: func(p *chatlog.Page, _ chatlog.Range) {
		for i := range p.Events {
			p.Events[i].Time = p.Events[i].Time.In(time.FixedZone("x", 3600))
		}
	}})},
	{"has times with microseconds", "Time", wrap(&broken{read: func(p *chatlog.Page, _ chatlog.Range) {
		for i := range p.Events {
			p.Events[i].Time = p.Events[i].Time.Add(time.Microsecond)
		}
	}})},
	{"ignores case", "Names", wrap(&broken{room: strings.ToLower})},
	{"ignores spaces", "Names", wrap(&broken{room: strings.TrimSpace})},
	{"ignores case", "PresenceNames", wrap(&broken{room: strings.ToLower})},
	{"renews always", "Renew", wrap(&broken{renew: func(_, now string) string { return now }})},
	{"renews always", "RenewConcurrently", wrap(&broken{renew: func(_, now string) string { return now }})},
	{"renews never", "Renew", wrap(&broken{renew: func(seen, _ string) string { return "x" + seen }})},
	{"announces nothing", "Announce", wrap(&broken{watch: func(chatlog.Sink) chatlog.Sink { return nil }})},
	{"pushes to one server only", "Announce", func() func() chatlog.Log {
		var mu sync.Mutex
		n := 0
		l := &broken{Log: chat.NewMemoryLog(chat.MemoryOptions{}), watch: func(s chatlog.Sink) chatlog.Sink {
			mu.Lock()
			defer mu.Unlock()
			if n++; n%3 == 2 {
				return nil
			}
			return s
		}}
		return func() chatlog.Log { return l }
	}},
	{"loses signals", "Signal", wrap(&broken{signal: func(*chatlog.Event) bool { return false }})},
	{"drops the text of signals", "Signal", wrap(&broken{signal: func(e *chatlog.Event) bool {
		e.Text = ""
		return true
	}})},
	{"keeps watching after Unwatch", "Unwatch", wrap(&broken{unwatch: func() {}})},
	{"pushes after Close", "Close", func() func() chatlog.Log {
		l := lateLog{chat.NewMemoryLog(chat.MemoryOptions{})}
		return func() chatlog.Log { return l }
	}},
	{"is always first", "Enter", wrap(&broken{enter: func(_ *chatlog.Member, first *bool) { *first = true }})},
	{"keeps the name from a server that the user has left", "EnterNames", func() func() chatlog.Log {
		var last atomic.Pointer[string]
		l := &broken{Log: chat.NewMemoryLog(chat.MemoryOptions{}), enter: func(m *chatlog.Member, _ *bool) { last.Store(&m.Username) },
			members: func(list *chatlog.MemberList) {
				for i := range list.Members {
					list.Members[i].Username = *last.Load()
				}
			}}
		return func() chatlog.Log { return l }
	}},
	{"is never first", "EnterConcurrently", wrap(&broken{enter: func(_ *chatlog.Member, first *bool) { *first = false }})},
	{"takes all servers for one", "Enter", wrap(&broken{server: func(string) string { return "one" }})},
	{"counts servers, not connections", "Members", wrap(&broken{members: func(l *chatlog.MemberList) {
		for i := range l.Members {
			l.Members[i].Connections = 1
		}
	}})},
	{"counts only what it lists", "Members", wrap(&broken{members: func(l *chatlog.MemberList) { l.Total = len(l.Members) }})},
	{"lists nobody", "Rooms", wrap(&broken{rooms: func(r map[string]int) { clear(r) }})},
	{"lists empty rooms", "Enter", func() func() chatlog.Log {
		var mu sync.Mutex
		seen := map[string]bool{}
		l := &broken{Log: chat.NewMemoryLog(chat.MemoryOptions{}), room: func(room string) string {
			mu.Lock()
			defer mu.Unlock()
			seen[room] = true
			return room
		}, rooms: func(r map[string]int) {
			mu.Lock()
			defer mu.Unlock()
			for room := range seen {
				r[room] += 0
			}
		}}
		return func() chatlog.Log { return l }
	}},
	{"has one version", "Versions", wrap(&broken{versions: func(v []uint64) {
		for i := range v {
			v[i] = min(v[i], 1)
		}
	}})},
	{"has versions for rooms without users", "Versions", wrap(&broken{versions: func(v []uint64) {
		for i := range v {
			v[i]++
		}
	}})},
	{"counts calls, not users", "Repeats", wrap(&broken{enter: func(m *chatlog.Member, first *bool) { *first = true }})},
	{"never buries", "Beat", wrap(&broken{beat: func(p *chatlog.Pulse) { p.Gone = nil }})},
	{"holds a server after its lease", "Beat", wrap(&broken{beat: func(p *chatlog.Pulse) { p.Held = true }})},
	{"holds nobody", "Return", wrap(&broken{beat: func(p *chatlog.Pulse) { p.Held = false }})},
	{"reports each departure twice", "BeatConcurrently", wrap(&broken{beat: func(p *chatlog.Pulse) { p.Gone = append(p.Gone, p.Gone...) }})},
	{"ignores contexts", "Context", wrap(&broken{ctx: context.WithoutCancel})},
})

func wrap(b *broken) func() func() chatlog.Log {
	return func() func() chatlog.Log {
		b.Log = chat.NewMemoryLog(chat.MemoryOptions{})
		return func() chatlog.Log { return b }
	}
}

const defectVar = "CHATTEST_DEFECT"

// TestDefects runs the suite with every broken log, each in a separate process.
func TestDefects(t *testing.T) {
	for _, d := range defects {
		t.Run(d.seen+"/"+d.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDefect$/^"+d.seen+"$", "-test.v", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), defectVar+"="+d.name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestDefect/"+d.seen+" ") || strings.Contains(string(out), "panic:") {
				t.Errorf("a log that %s passes %s: %v\n%s", d.name, d.seen, err, out)
			}
		})
	}
}

// TestDefect is the test that TestDefects runs in that process. Alone it does nothing.
func TestDefect(t *testing.T) {
	name := os.Getenv(defectVar)
	if name == "" {
		return
	}
	patience = time.Second
	for _, d := range defects {
		if d.name == name {
			open := d.open()
			TestLog(t, func(*testing.T) chatlog.Log { return open() })
			return
		}
	}
	t.Fatal("no such defect: ", name)
}
