//go:build unix

package verify

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// ledger is everything that servers and clients have seen of one room, and the log's entries at
// the end.
type ledger struct {
	run    *clusterRun
	room   string
	epoch  string
	first  uint64
	final  map[uint64]*chatlog.Event
	last   uint64
	places map[[2]string]*told // by epoch and offset
	acked  map[[2]string]*told // by epoch and user and id: the offset
	*changed
	found []string
}

// told is the entry at a place, as a client first received it.
type told struct {
	what content
	life *life
	who  string
	at   time.Time
	at2  uint64
	in   map[*life]content // what each process has sent
	all  []string          // the same as text, for the trace
}

// String is short: the text begins with the sender and a number.
func (c content) String() string {
	text, _, _ := strings.Cut(c.text, " ")
	return c.kind + " " + text
}

func (l *ledger) bad(format string, args ...any) {
	if len(l.found) < 20 {
		l.found = append(l.found, l.room+": "+fmt.Sprintf(format, args...))
	}
}

// readFinal reads the whole log of a room.
func (l *ledger) readFinal() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	from := uint64(1)
	for {
		p, err := l.run.log.Read(ctx, l.room, chatlog.Range{From: from, Limit: 500})
		if err != nil {
			return err
		}
		if l.epoch == "" {
			l.epoch, l.first = p.Position.Epoch, p.First
		} else if l.epoch != p.Position.Epoch {
			return fmt.Errorf("the epoch changed while nobody wrote")
		}
		l.last = p.Position.Offset
		for i := range p.Events {
			l.final[p.Events[i].Offset] = &p.Events[i]
			from = p.Events[i].Offset + 1
		}
		if len(p.Events) == 0 || from > l.last {
			return nil
		}
	}
}

// lossBetween reports whether the log lost something between two times.
func (l *ledger) lossBetween(a, b time.Time) bool {
	if b.Before(a) {
		a, b = b, a
	}
	for _, s := range l.run.losses {
		if a.Before(s.to) && b.After(s.from) {
			return true
		}
	}
	return false
}

// forgotten reports whether the process that sent an entry ended about when the log lost it.
// Then only clients know of the entry.
func (l *ledger) forgotten(f *life, at time.Time) bool {
	for _, s := range l.run.losses {
		if at.Before(s.to) && l.run.nodes[f.node].ended(f, s.to.Add(5*time.Second)) {
			return true
		}
	}
	return false
}

// see checks an entry that a process has sent to a client.
func (l *ledger) see(v *visit, s *sighting) {
	how := "saw"
	if s.ack {
		how = "was acknowledged"
	}
	key := [2]string{v.epoch, fmt.Sprint(s.offset)}
	s.what = l.lasting(s.offset, s.what)
	t := l.places[key]
	if t == nil {
		t = &told{what: s.what, life: v.life, who: v.member.name, at: s.at, in: map[*life]content{}}
		l.places[key] = t
	}
	if c, ok := t.in[v.life]; ok && c != s.what {
		l.bad("%s %s %v at %v, where the same process has told %v", v.member.name, how, s.what, key, c)
	}
	t.in[v.life] = s.what
	if len(t.all) < 100 {
		t.all = append(t.all, fmt.Sprintf("%s %s %s %v server %d %p", s.at.Format("05.000"), v.member.name, how, s.what, v.life.node, v.life))
	}
	if t.what != s.what {
		older := t.life
		if s.at.Before(t.at) {
			older = v.life
		}
		if !l.lossBetween(s.at, t.at) || v.epoch == l.epoch && !l.forgotten(older, t.at) && !l.forgotten(older, s.at) {
			l.bad("%s %s %v at %v, where %s received %v", v.member.name, how, s.what, key, t.who, t.what)
		}
	}
	if s.ack {
		id := [2]string{v.epoch, s.what.user + " " + s.what.id}
		if a := l.acked[id]; a == nil {
			l.acked[id] = &told{at: s.at, at2: s.offset, life: v.life}
		} else if a.at2 != s.offset && !l.lossBetween(a.at, s.at) {
			l.bad("%s: %s was acknowledged with both offsets %d and %d in %s", v.member.name, s.what.id, a.at2, s.offset, v.epoch)
		}
	}
	if v.epoch != l.epoch || s.offset < l.first {
		return
	}
	e := l.final[s.offset]
	if !l.holds(e, s.what) && !l.forgotten(v.life, s.at) {
		l.bad("%s %s %v at %v on server %d, where the log has %v", v.member.name, how, s.what, key, v.life.node, show(e))
	}
}

// check compares everything with the log.
func (l *ledger) check() []string {
	if err := l.readFinal(); err != nil {
		l.bad("%v", err)
		return l.found
	}
	ids := map[[2]string]uint64{}
	for o := l.first; o <= l.last && o > 0; o++ {
		e := l.final[o]
		if e == nil {
			l.bad("the log has no entry %d", o)
			continue
		}
		id := [2]string{e.UserID, e.ID}
		if at := ids[id]; at != 0 && e.ID != "" {
			l.bad("the log has %s of %s at %d and %d", e.ID, e.Username, at, o)
		}
		ids[id] = o
	}
	l.changed = l.changes()
	for _, m := range l.run.members {
		if m.room != l.room {
			continue
		}
		m.mu.Lock()
		l.found = append(l.found, m.wrong...)
		for i, v := range m.visits {
			l.visit(v)
			if *clusterTrace {
				head := fmt.Sprintf("server %d %p, since %v, over %t, mine %t\n", v.life.node, v.life, v.since, v.over, v.mine)
				os.WriteFile(fmt.Sprintf("%s/%s-%d", l.run.dir, m.base, i), []byte(head+strings.Join(v.raw, "\n")), 0o600)
			}
		}
		l.acks(m, ids)
		l.fold(m)
		m.mu.Unlock()
	}
	if *clusterTrace {
		for k, t := range l.places {
			kinds := map[string]bool{}
			for _, s := range t.all {
				kinds[strings.Fields(s)[len(strings.Fields(s))-5]] = true
			}
			n, _ := strconv.ParseUint(k[1], 10, 64)
			if e := l.final[n]; len(kinds) > 1 || k[0] == l.epoch && !l.holds(e, t.what) {
				l.run.t.Logf("%s %v: log %v\n\t%s", l.room, k, show(e), strings.Join(t.all, "\n\t"))
			}
		}
	}
	return l.found
}

func show(e *chatlog.Event) string {
	if e == nil {
		return "nothing"
	}
	return fmt.Sprintf("%v of %s", contentOf(e), e.Time.Format("05.000"))
}

// visit checks one connection.
func (l *ledger) visit(v *visit) {
	m := v.member
	if !v.welcomed {
		return
	}
	if m.plain { // it does not know the epoch, so compare it only if nothing was lost
		v.epoch = l.epoch
		if len(l.run.losses) > 0 {
			return
		}
	}
	if v.epoch != l.epoch && len(l.run.losses) == 0 {
		l.bad("%s is welcomed in %s, but the epoch at the end is %s, although nothing was lost", m.name, v.epoch, l.epoch)
	}
	if v == m.at && !v.over && v.epoch != l.epoch {
		l.bad("%s is still in the epoch %s, but the room is in %s", m.name, v.epoch, l.epoch)
	}
	for i := range v.seen {
		l.see(v, &v.seen[i])
	}
	for i := range v.acks {
		l.see(v, &v.acks[i])
	}
	if v.resumed && v.since.time != 0 && v.epoch == l.epoch && v.since.offset >= max(l.first, 1) {
		if e := l.final[v.since.offset]; (e == nil || e.Time.UnixMilli() != v.since.time) && !l.lossBetween(v.began, time.Now()) {
			l.bad("%s is resumed from %v, where the log has %v", m.name, v.since, show(e))
		}
	}
	l.holes(v)
}

// holes looks for entries that a connection missed between its first and its last one.
func (l *ledger) holes(v *visit) {
	if v.epoch != l.epoch || l.forgotten(v.life, v.heard) {
		return
	}
	seen := map[uint64]bool{}
	from, to := v.from, v.place
	for i := range v.seen {
		seen[v.seen[i].offset] = true
		to = max(to, v.seen[i].offset)
		if i == 0 && !v.resumed {
			from = v.seen[i].offset
		}
	}
	if !v.resumed && len(v.seen) == 0 {
		return
	}
	if v == v.member.at && !v.over { // it had enough time to get every entry
		to = l.last
	}
	for o := max(from+1, l.first); o <= to; o++ {
		// A history has no amendments. The fold shows which are missing.
		if e := l.final[o]; e != nil && !seen[o] && e.VisibleTo(v.user) && (e.Type == chatlog.TypeMessage || !v.member.plain && (v.resumed || !e.Amends())) {
			l.bad("%s on server %d misses %d, resumed %t: from %d to %d in %s", v.member.name, v.life.node, o, v.resumed, from, to, v.epoch)
			return
		}
	}
}

// acks checks the answers to a member's messages.
func (l *ledger) acks(m *clusterMember, ids map[[2]string]uint64) {
	for _, v := range m.visits {
		for i := range v.acks {
			a := &v.acks[i]
			if ids[[2]string{a.what.user, a.what.id}] != 0 || l.first > 1 || l.erased(a.offset, &a.what) {
				continue
			}
			l.run.count("acknowledged and lost by the log")
			// The answer may have been sent while the log lost the entry.
			if !l.lossBetween(a.asked, time.Now()) {
				l.bad("%s: %s was acknowledged at %d in %s at %s, and is not in the log, in %s", m.name, a.what.id, a.offset, v.epoch, a.at.Format("05.000"), l.epoch)
			} else if l.run.strict && !l.lossBetween(a.asked, a.at.Add(time.Second)) {
				l.bad("%s: %s was acknowledged at %d, long before a failover, and is lost in spite of min-replicas-to-write", m.name, a.what.id, a.offset)
			} else if v.epoch == l.epoch && !l.forgotten(v.life, a.at) {
				l.bad("%s: %s was acknowledged at %d and lost, and the epoch is the same", m.name, a.what.id, a.offset)
			}
		}
	}
	for _, p := range m.said {
		o := ids[[2]string{p.content.user, p.content.id}]
		if p.refused && o != 0 && l.final[o].Time.Before(p.last.Add(-100*time.Millisecond)) {
			l.bad("%s: %s was refused, but the log has it at %d", m.name, p.content.id, o)
		}
	}
}
