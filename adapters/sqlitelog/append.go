package sqlitelog

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Append implements [chatlog.Store]. Calls that arrive while others are written share one
// transaction. At most 8,192 calls wait; further ones fail immediately. After another error,
// for example because ctx has ended, the event may still be stored: append it again with the
// same ID.
func (l *Log) Append(ctx context.Context, room string, e chatlog.Event) (a chatlog.Appended, err error) {
	var out chatlog.Appended // of the writer, which may come after ctx has ended
	err = l.writer.write(ctx, len(e.Text)+len(e.Data), func(t *tx) (err error) {
		out, err = t.append(room, e)
		return err
	})
	if err != nil {
		return a, err
	}
	return out, nil
}

func (t *tx) append(name string, e chatlog.Event) (a chatlog.Appended, err error) {
	r, err := t.made(name)
	if err != nil {
		return a, err
	}
	kind := int64(kindMessage)
	if e.Private() {
		kind = kindPrivate
	}
	ok, err := t.insert(r, &e, kind, 0)
	if err != nil {
		return a, err
	}
	if !ok {
		return t.known(r, e)
	}
	r.messages++
	return t.announce(r, e), nil
}

// announce returns e, which was stored in r, and has the watchers told after the commit.
func (t *tx) announce(r *room, e chatlog.Event) chatlog.Appended {
	a := chatlog.Appended{Event: e, Epoch: t.w.log.epoch(r.own)}
	t.pushes = append(t.pushes, push{r.name, a.Epoch, e})
	return a
}

// insert stores e as the next entry of r, and sets its offset and time. It reports false, and
// stores nothing, if the user's ID is known.
func (t *tx) insert(r *room, e *chatlog.Event, kind, prev int64) (ok bool, err error) {
	if r.last >= maxOffset {
		return false, errFull
	}
	offset, ms := r.last+1, max(r.ms, time.Now().UnixMilli())
	text, data, target := e.Text, []byte(e.Data), e.ReplyTo
	switch e.Type {
	case chatlog.TypeEdit: // its message has the text
		text, data, target = "", nil, e.Target
	case chatlog.TypeDelete, chatlog.TypeReaction:
		text, data, target = e.Reaction, nil, e.Target
	}
	n, err := t.exec(`INSERT INTO event (pos, lane, time, type, user, name, dest, dest_name, id, text, data, target, removed, prev)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pos >> 36, user, id) WHERE id <> '' DO NOTHING`,
		posOf(r.id, offset), laneOf(r.id, kind), ms, string(e.Type), e.UserID, e.Username, e.To, e.ToUsername, e.ID,
		text, data, int64(target), e.Remove, prev)
	if err != nil || n == 0 {
		return false, err
	}
	if kind == kindPrivate || kind == kindPrivateAmend {
		for _, user := range []string{e.UserID, e.To} {
			if user == "" {
				continue
			}
			if _, err := t.exec("INSERT OR IGNORE INTO party VALUES (?, ?, ?)", laneOf(r.id, kind), user, posOf(r.id, offset)); err != nil {
				return false, err
			}
		}
	}
	r.last, r.ms = offset, ms
	e.Offset, e.Time = offset, time.UnixMilli(ms).UTC()
	t.changed[r] = true
	t.stored++
	return true, nil
}

// lookup returns the entry of a room that has the user and id, Repeated, or the zero Appended.
func (c *conn) lookup(l *Log, room int64, own, userID, id string) (a chatlog.Appended, err error) {
	if id == "" {
		return a, nil
	}
	var v row
	ok, err := c.one(v.scan, "SELECT "+rowColumns+" FROM event WHERE pos >> 36 = ? AND user = ? AND id = ? AND id <> ''", room, userID, id)
	if err != nil || !ok {
		return a, err
	}
	if a.Event, err = c.event(&v, false); err != nil {
		return a, err
	}
	if v.kind() == kindErased {
		a.Event.Type, a.Event.UserID, a.Event.ID = "", userID, id
	}
	a.Epoch, a.Repeated = l.epoch(own), true
	return a, nil
}

// known returns the entry of r that has the user and ID of e, Repeated, or the zero Appended.
func (t *tx) known(r *room, e chatlog.Event) (chatlog.Appended, error) {
	return t.lookup(t.w.log, r.id, r.own, e.UserID, e.ID)
}

// Lookup implements [chatlog.Store].
func (l *Log) Lookup(ctx context.Context, room, userID, id string) (a chatlog.Appended, err error) {
	err = l.readers.inSnapshot(ctx, func(c *conn) error {
		r, err := c.find(room)
		if err == nil && r.id != 0 {
			a, err = c.lookup(l, r.id, r.own, userID, id)
		}
		return err
	})
	return a, err
}

// Renew implements [chatlog.Store].
func (l *Log) Renew(ctx context.Context, room, seen string) (epoch string, err error) {
	var out string
	err = l.writer.write(ctx, 0, func(t *tx) error {
		r, err := t.room(room)
		if err == nil && l.epoch(r.own) == seen {
			if r, err = t.made(room); err == nil {
				r.own, t.changed[r] = newOwn(), true
			}
		}
		if err == nil {
			out = l.epoch(r.own)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return out, nil
}

// find reads the row of a room; its id is 0 if there is none.
func (c *conn) find(name string) (r room, err error) {
	r = room{name: name, first: 1, firstEntry: 1}
	_, err = c.one(func(s *sqlite3.Stmt) {
		r.id, r.own, r.last = s.ColumnInt64(0), s.ColumnText(1), uint64(s.ColumnInt64(2))
		r.first, r.firstEntry = uint64(s.ColumnInt64(3)), uint64(s.ColumnInt64(4))
	}, "SELECT id, epoch, last, first, first_entry FROM room WHERE name = ?", name)
	return r, err
}
