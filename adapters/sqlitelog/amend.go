package sqlitelog

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Amend implements [chatlog.Amender]. It shares transactions with [Log.Append]. When Amend
// returns from a TypeDelete, no row of the file holds what was deleted, and the freed bytes of
// its pages are zero. Old copies of the pages leave the file path-wal in the next step of
// retention (see [Log.Beat]).
func (l *Log) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (a chatlog.Appended, err error) {
	if !e.Amends() {
		return a, errors.New("sqlitelog: not an event that amends a message")
	}
	var out chatlog.Appended
	err = l.writer.write(ctx, len(e.Text)+len(e.Data), func(t *tx) (err error) {
		out, err = t.amend(room, e.Amendment(), moderator)
		return err
	})
	if err != nil {
		return a, err
	}
	return out, nil
}

func (t *tx) amend(name string, e chatlog.Event, moderator bool) (a chatlog.Appended, err error) {
	r, err := t.room(name)
	if err != nil {
		return a, err
	}
	if r.id == 0 {
		return a, chatlog.ErrNoSuchMessage
	}
	if a, err := t.known(r, e); err != nil || a.Repeated {
		return a, err
	}
	if e.Target < r.first || e.Target > r.last {
		return a, chatlog.ErrNoSuchMessage
	}
	var m row
	ok, err := t.one(m.scan, "SELECT "+rowColumns+" FROM event WHERE pos = ?", posOf(r.id, e.Target))
	if err != nil {
		return a, err
	}
	switch {
	case !ok || !m.message() || !m.event.VisibleTo(e.UserID):
		return a, chatlog.ErrNoSuchMessage
	case e.Type == chatlog.TypeReaction || m.user == e.UserID || e.Type == chatlog.TypeDelete && moderator:
	default:
		return a, chatlog.ErrNoSuchMessage
	}
	kind := int64(kindAmend)
	if m.kind() == kindPrivate {
		kind = kindPrivateAmend
		for _, e.To = range []string{m.user, m.to, e.UserID} {
			if e.To != "" && e.To != e.UserID {
				break
			}
		}
	}
	if e.Type == chatlog.TypeReaction {
		if done, err := t.react(&m, &e); err != nil || !done {
			return chatlog.Appended{Event: e, Epoch: t.w.log.epoch(r.own), Repeated: true}, err
		}
	}
	if ok, err = t.insert(r, &e, kind, m.amended); err != nil || !ok {
		return a, errors.Join(err, errWithout(ok))
	}
	if r.others++; e.Type == chatlog.TypeDelete {
		err = t.erase(r, &m)
	} else {
		err = t.change(r, &m, &e)
	}
	if err != nil {
		return a, err
	}
	return t.announce(r, e), nil
}

// errWithout makes the transaction fail if an entry was not stored whose ID is new.
func errWithout(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("sqlitelog: the entry was not stored")
}

// change notes in the message m that e has amended it.
func (t *tx) change(r *room, m *row, e *chatlog.Event) (err error) {
	at, ms := posOf(r.id, e.Offset), e.Time.UnixMilli()
	if e.Type == chatlog.TypeEdit {
		_, err = t.exec("UPDATE event SET text = ?, data = ?, edited = ?, amended = ?, amended_at = ? WHERE pos = ?",
			e.Text, []byte(e.Data), ms, at, ms, m.pos)
	} else {
		_, err = t.exec("UPDATE event SET amended = ?, amended_at = ? WHERE pos = ?", at, ms, m.pos)
	}
	return err
}

// react adds a reaction to the message m or removes one. It reports false if that changes
// nothing, and gives e the place of the last change of m.
func (t *tx) react(m *row, e *chatlog.Event) (done bool, err error) {
	n, count, kinds, last := int64(-1), int64(0), 0, int64(0)
	err = t.each(func(s *sqlite3.Stmt) {
		kinds++
		if last = s.ColumnInt64(0); s.ColumnText(1) == e.Reaction {
			n, count = last, s.ColumnInt64(2)
		}
	}, "SELECT n, text, count FROM reaction WHERE pos = ? ORDER BY n", m.pos)
	if err != nil {
		return false, err
	}
	given := false
	if n >= 0 {
		if given, err = t.one(func(*sqlite3.Stmt) {}, "SELECT 1 FROM reacted WHERE pos = ? AND n = ? AND user = ?", m.pos, n, e.UserID); err != nil {
			return false, err
		}
	}
	switch {
	case given != e.Remove:
		e.Offset, e.Time = offsetOf(m.pos), m.event.Time
		if m.amended != 0 {
			e.Offset, e.Time = offsetOf(m.amended), time.UnixMilli(m.amendedAt).UTC()
		}
		return false, nil
	case e.Remove:
		_, err = t.exec("DELETE FROM reacted WHERE pos = ? AND n = ? AND user = ?", m.pos, n, e.UserID)
		if err == nil && count == 1 {
			_, err = t.exec("DELETE FROM reaction WHERE pos = ? AND n = ?", m.pos, n)
		} else if err == nil {
			_, err = t.exec("UPDATE reaction SET count = count - 1 WHERE pos = ? AND n = ?", m.pos, n)
		}
		return true, err
	case n < 0 && kinds >= chatlog.MaxReactions:
		return false, chatlog.ErrTooManyReactions
	case n < 0:
		n = last + 1
		_, err = t.exec("INSERT INTO reaction VALUES (?, ?, ?, 1)", m.pos, n, e.Reaction)
	default:
		_, err = t.exec("UPDATE reaction SET count = count + 1 WHERE pos = ? AND n = ?", m.pos, n)
	}
	if err == nil {
		_, err = t.exec("INSERT INTO reacted VALUES (?, ?, ?)", m.pos, n, e.UserID)
	}
	return true, err
}

// erase deletes the message m, and what was said by all that has amended it.
func (t *tx) erase(r *room, m *row) error {
	t.w.log.scrub.Store(true)
	if err := t.eraseAmending(r, m.amended); err != nil {
		return err
	}
	if r.messages--; offsetOf(m.pos) >= r.firstEntry {
		r.others++
	}
	return t.erasePlace(r, m.pos)
}

// eraseAmending erases the entries that amend one message, from the last one back, as far as
// they are held.
func (t *tx) eraseAmending(r *room, pos int64) error {
	for pos >= posOf(r.id, r.firstEntry) {
		prev, err := t.number("SELECT prev FROM event WHERE pos = ?", pos)
		if err != nil {
			return err
		}
		if err := t.erasePlace(r, pos); err != nil {
			return err
		}
		pos = prev
	}
	return nil
}

// erasePlace leaves nothing of an entry but its place and its ids.
func (t *tx) erasePlace(r *room, pos int64) error {
	_, err := t.exec(`UPDATE event SET lane = ?, type = 'erased', name = '', dest = '', dest_name = '', text = '', data = NULL,
		target = 0, removed = 0, amended = 0, amended_at = 0, edited = 0, prev = 0 WHERE pos = ?`, laneOf(r.id, kindErased), pos)
	return err
}
