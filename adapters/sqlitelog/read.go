package sqlitelog

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A row is a row of the table event.
type row struct {
	pos, lane, ms          int64
	user, to               string
	event                  chatlog.Event // without offset, time and what rowColumns has of the room
	amended, amendedAt     int64
	edited, previousOfSame int64
}

const rowColumns = "pos, lane, time, type, user, name, dest, dest_name, id, text, data, target, removed, amended, amended_at, edited, prev"

func (v *row) scan(s *sqlite3.Stmt) {
	*v = row{pos: s.ColumnInt64(0), lane: s.ColumnInt64(1), ms: s.ColumnInt64(2)}
	v.user, v.to = s.ColumnText(4), s.ColumnText(6)
	v.amended, v.amendedAt, v.edited, v.previousOfSame = s.ColumnInt64(13), s.ColumnInt64(14), s.ColumnInt64(15), s.ColumnInt64(16)
	e := &v.event
	e.Offset, e.Time = offsetOf(v.pos), time.UnixMilli(v.ms).UTC()
	if v.kind() == kindErased {
		e.Type = chatlog.TypePrivate
		return
	}
	e.Type, e.UserID, e.Username, e.To, e.ToUsername = chatlog.Type(s.ColumnText(3)), v.user, s.ColumnText(5), v.to, s.ColumnText(7)
	e.ID, e.Text = s.ColumnText(8), s.ColumnText(9)
	if b := s.ColumnRawText(10); len(b) > 0 {
		e.Data = json.RawMessage(slices.Clone(b))
	}
	target := uint64(s.ColumnInt64(11))
	if !e.Amends() {
		e.ReplyTo = target
		return
	}
	e.Target, e.Remove = target, s.ColumnBool(12)
	e.Reaction, e.Text = e.Text, ""
}

func (v *row) kind() int64 { return v.lane & 7 }

// message reports whether v is a message that was not deleted.
func (v *row) message() bool { return v.kind() == kindMessage || v.kind() == kindPrivate }

// event returns v as a reader gets it: with messages, what has become of it.
func (c *conn) event(v *row, messages bool) (chatlog.Event, error) {
	e := v.event
	if e.Type == chatlog.TypeEdit {
		_, err := c.one(func(s *sqlite3.Stmt) {
			e.Text = s.ColumnText(0)
			if b := s.ColumnRawText(1); len(b) > 0 {
				e.Data = json.RawMessage(slices.Clone(b))
			}
		}, "SELECT text, data FROM event WHERE pos = ?", v.pos&^maxOffset|int64(e.Target))
		return e, err
	}
	if !messages || v.amended == 0 {
		return e, nil
	}
	e.Amended = offsetOf(v.amended)
	if v.edited != 0 {
		e.Edited = time.UnixMilli(v.edited).UTC()
	}
	return e, c.reactions(v.pos, &e)
}

func (c *conn) reactions(pos int64, e *chatlog.Event) error {
	var ns []int64
	few := true
	err := c.each(func(s *sqlite3.Stmt) {
		r := chatlog.Reaction{Reaction: s.ColumnText(1), Count: s.ColumnInt(2)}
		few = few && r.Count <= chatlog.MaxReactionListed
		ns, e.Reactions = append(ns, s.ColumnInt64(0)), append(e.Reactions, r)
	}, "SELECT n, text, count FROM reaction WHERE pos = ? ORDER BY n", pos)
	if err != nil || len(ns) == 0 {
		return err
	}
	if few { // all users of all reactions
		i := 0
		return c.each(func(s *sqlite3.Stmt) {
			for n := s.ColumnInt64(0); i < len(ns)-1 && ns[i] < n; {
				i++
			}
			r := &e.Reactions[i]
			r.Users = append(r.Users, s.ColumnText(1))
		}, "SELECT n, user FROM reacted WHERE pos = ? ORDER BY n", pos)
	}
	for i := 0; i < len(ns) && err == nil; i++ {
		r := &e.Reactions[i]
		r.Users = make([]string, 0, min(r.Count, chatlog.MaxReactionListed))
		err = c.each(func(s *sqlite3.Stmt) { r.Users = append(r.Users, s.ColumnText(0)) },
			"SELECT user FROM reacted WHERE pos = ? AND n = ? LIMIT ?", pos, ns[i], int64(chatlog.MaxReactionListed))
	}
	return err
}

// Read implements [chatlog.Store].
func (l *Log) Read(ctx context.Context, room string, rg chatlog.Range) (p chatlog.Page, err error) {
	err = l.readers.inSnapshot(ctx, func(c *conn) error {
		r, err := c.find(room)
		if err != nil {
			return err
		}
		p = chatlog.Page{Position: chatlog.Position{Epoch: l.epoch(r.own), Offset: r.last}, First: r.firstEntry}
		if rg.Messages {
			p.First = r.first
		}
		return c.fill(&p, &r, rg)
	})
	if err != nil {
		return chatlog.Page{}, err
	}
	return p, nil
}

// fill reads the events of a page.
func (c *conn) fill(p *chatlog.Page, r *room, rg chatlog.Range) error {
	from, end := p.First, r.last+1 // the entries of the range, without the limit
	switch {
	case rg.From > 0:
		from = min(max(from, rg.From), end)
	case rg.Before > 0:
		end = max(min(end, rg.Before), from)
	}
	if from >= end {
		return nil
	}
	limit := min(max(rg.Limit, 0), math.MaxInt32)
	all, err := c.positions(r, rg, from, end, limit+1)
	if err != nil {
		return err
	}
	if p.More = len(all) > limit; p.More {
		all = all[:limit]
	}
	if rg.From == 0 {
		slices.Reverse(all)
	}
	if len(all) > 0 {
		p.Events = make([]chatlog.Event, len(all))
	}
	var v row
	for i, pos := range all {
		ok, err := c.one(v.scan, "SELECT "+rowColumns+" FROM event WHERE pos = ?", pos)
		if err != nil {
			return err
		}
		if !ok { // somebody has deleted the row by hand
			p.Events[i] = chatlog.Event{Type: chatlog.TypePrivate, Offset: offsetOf(pos), Time: time.UnixMilli(r.ms).UTC()}
			continue
		}
		if p.Events[i], err = c.event(&v, rg.Messages); err != nil {
			return err
		}
	}
	return nil
}

// positions returns the keys of the entries of a range, from the offset from to below end, in
// the direction of the reading: n at most. Each kind of entries is in one index, so what the
// reader does not get costs nothing.
func (c *conn) positions(r *room, rg chatlog.Range, from, end uint64, n int) (all []int64, err error) {
	a, b := posOf(r.id, from), posOf(r.id, end-1)
	if !rg.Visible && !rg.Messages {
		for range min(uint64(n), end-from) {
			if rg.From > 0 {
				all = append(all, a)
				a++
			} else {
				all = append(all, b)
				b--
			}
		}
		return all, nil
	}
	kinds, own := []int64{kindMessage, kindAmend}, []int64{kindPrivate, kindPrivateAmend}
	if rg.Messages {
		kinds, own = kinds[:1], own[:1]
	}
	if !rg.Visible {
		kinds, own = append(kinds, own...), nil
	}
	order := " ORDER BY pos DESC LIMIT ?"
	if rg.From > 0 {
		order = " ORDER BY pos LIMIT ?"
	}
	add := func(s *sqlite3.Stmt) { all = append(all, s.ColumnInt64(0)) }
	for _, k := range kinds {
		err := c.each(add, "SELECT pos FROM event WHERE lane = ? AND pos BETWEEN ? AND ?"+order, laneOf(r.id, k), a, b, int64(n))
		if err != nil {
			return nil, err
		}
	}
	for _, k := range own {
		if rg.Reader == "" {
			break
		}
		err := c.each(add, "SELECT pos FROM party WHERE lane = ? AND user = ? AND pos BETWEEN ? AND ?"+order, laneOf(r.id, k), rg.Reader, a, b, int64(n))
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	if rg.From == 0 {
		slices.Reverse(all)
	}
	return all[:min(n, len(all))], nil
}
