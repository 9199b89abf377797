package sqlitelog

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
)

const (
	pruneRooms  = 200              // rooms in one transaction
	pruneEvents = 5000             // rows that one transaction deletes
	pruneFor    = time.Second      // how long one step runs
	idWindow    = 10 * time.Minute // how long the row of a hidden event is kept for its id
	leastOthers = 256              // entries that amend, kept with any limit
)

// keeper is the state of retention; only the writer uses it.
type keeper struct {
	after int64 // the id of the room where the last transaction ended
}

// maintain begins a step, unless one runs: it notes how far the file has come, hides and
// deletes old events, and clears the write-ahead log after something was deleted.
func (l *Log) maintain() {
	if l.keeping.Swap(true) {
		return
	}
	l.writer.mu.Lock()
	defer l.writer.mu.Unlock()
	if l.writer.ending {
		return
	}
	l.writer.running.Go(func() {
		defer l.keeping.Store(false)
		ctx := context.Background()
		if events := l.places.events(); events != l.saved.Swap(events) {
			_ = l.writer.write(ctx, 0, func(*tx) error {
				l.state.events = events
				_ = l.state.save() // an old number tells less, and nothing wrong
				return nil
			})
		}
		if l.keep > 0 || l.keepFor > 0 {
			again := true
			for began := time.Now(); again && time.Since(began) < pruneFor; {
				// After an error, the next step tries again.
				if err := l.writer.write(ctx, 0, func(t *tx) (err error) { again, err = t.prune(); return err }); err != nil {
					return
				}
			}
		}
		if l.scrub.Swap(false) && l.readers.with(ctx, emptyWAL) != nil {
			l.scrub.Store(true) // the next step tries again
		}
	})
}

// emptyWAL writes the write-ahead log into the database, and cuts it off. It waits for readers
// only for a moment, because the writer waits for it meanwhile.
func emptyWAL(c *conn) error {
	if err := c.db.BusyTimeout(50 * time.Millisecond); err != nil {
		return err
	}
	busy, err := c.number("PRAGMA wal_checkpoint(TRUNCATE)")
	if err == nil && busy != 0 {
		err = errReaders
	}
	return errors.Join(err, c.db.BusyTimeout(busyFor))
}

// prune hides and deletes events of the next rooms, and reports whether there is more to do.
func (t *tx) prune() (again bool, err error) {
	l := t.w.log
	var names []string
	last := int64(0)
	err = t.each(func(s *sqlite3.Stmt) { last = s.ColumnInt64(0); names = append(names, s.ColumnText(1)) },
		"SELECT id, name FROM room WHERE id > ? ORDER BY id LIMIT ?", t.w.keeper.after, int64(pruneRooms))
	if err != nil {
		return false, err
	}
	left := int64(pruneEvents)
	for _, name := range names {
		r, err := t.room(name)
		if err != nil {
			return false, err
		}
		if err := t.hide(r, l.keep, l.keepFor); err != nil {
			return false, err
		}
		n, err := t.drop(r, left)
		if err != nil {
			return false, err
		}
		if left -= n; left <= 0 {
			return true, nil // the same rooms may have more
		}
	}
	if t.w.keeper.after = last; len(names) < pruneRooms {
		t.w.keeper.after = 0
		return false, nil
	}
	return true, nil
}

// hide moves the first offsets of r over what is too much or too old.
func (t *tx) hide(r *room, keep int, age time.Duration) error {
	first, firstEntry := r.first, r.firstEntry
	if keep > 0 && r.messages > int64(keep) {
		pos, err := t.newest(r, int64(keep)-1, kindMessage, kindPrivate)
		if err != nil {
			return err
		}
		first = max(first, offsetOf(pos))
	}
	if age > 0 && r.last >= first {
		cut := r.last + 1
		old := time.Now().Add(-age).UnixMilli()
		_, err := t.one(func(s *sqlite3.Stmt) { cut = offsetOf(s.ColumnInt64(0)) },
			"SELECT pos FROM event WHERE pos BETWEEN ? AND ? AND time >= ? ORDER BY pos LIMIT 1", posOf(r.id, first), posOf(r.id, r.last), old)
		if err != nil {
			return err
		}
		first = max(first, cut)
	}
	if most := int64(2 * max(keep, leastOthers)); keep > 0 && r.others > most {
		pos, err := t.newest(r, most-1, kindAmend, kindPrivateAmend, kindErased)
		if err != nil {
			return err
		}
		firstEntry = max(firstEntry, offsetOf(pos))
	}
	firstEntry = max(firstEntry, first)
	if first == r.first && firstEntry == r.firstEntry {
		return nil
	}
	if err := t.count(&r.messages, r, r.first, first, kindMessage, kindPrivate); err != nil {
		return err
	}
	if err := t.count(&r.others, r, r.firstEntry, firstEntry, kindAmend, kindPrivateAmend, kindErased); err != nil {
		return err
	}
	// What has amended a hidden message says nothing without it.
	var amended []int64
	err := t.each(func(s *sqlite3.Stmt) { amended = append(amended, s.ColumnInt64(0)) },
		"SELECT amended FROM event WHERE pos BETWEEN ? AND ? AND amended >= ?", posOf(r.id, r.first), posOf(r.id, first)-1, posOf(r.id, firstEntry))
	r.first, r.firstEntry, t.changed[r] = first, firstEntry, true
	for i := 0; i < len(amended) && err == nil; i++ {
		err = t.eraseAmending(r, amended[i])
	}
	return err
}

// newest returns the key of the newest entry of the kinds but skip, or 0 if there are not so
// many.
func (t *tx) newest(r *room, skip int64, kinds ...int64) (int64, error) {
	third := kinds[len(kinds)-1]
	return t.number(`SELECT pos FROM (
			SELECT pos FROM event WHERE lane = ? UNION ALL
			SELECT pos FROM event WHERE lane = ? UNION ALL
			SELECT pos FROM event WHERE lane = ? AND ?)
		WHERE pos >= ? ORDER BY pos DESC LIMIT 1 OFFSET ?`,
		laneOf(r.id, kinds[0]), laneOf(r.id, kinds[1]), laneOf(r.id, third), len(kinds) == 3, posOf(r.id, r.first), skip)
}

// count takes from n the entries of the kinds at the offsets from to below end.
func (t *tx) count(n *int64, r *room, from, end uint64, kinds ...int64) error {
	for _, k := range kinds {
		gone, err := t.number("SELECT count(*) FROM event WHERE lane = ? AND pos BETWEEN ? AND ?", laneOf(r.id, k), posOf(r.id, from), posOf(r.id, end)-1)
		if err != nil {
			return err
		}
		*n -= gone
	}
	return nil
}

// drop deletes the rows of hidden entries that are older than idWindow: most at most.
func (t *tx) drop(r *room, most int64) (n int64, err error) {
	if r.id == 0 || r.firstEntry <= 1 {
		return 0, nil
	}
	old := time.Now().Add(-idWindow).UnixMilli()
	n, err = t.exec(`DELETE FROM event WHERE pos IN (SELECT pos FROM event WHERE pos >= ? AND pos < ? AND time < ? ORDER BY pos LIMIT ?)`,
		posOf(r.id, 0), posOf(r.id, r.first), old, most)
	for _, k := range []int64{kindAmend, kindPrivateAmend, kindErased} {
		if err == nil && n < most {
			var more int64
			more, err = t.exec(`DELETE FROM event WHERE pos IN (SELECT pos FROM event WHERE lane = ? AND pos < ? AND time < ? ORDER BY pos LIMIT ?)`,
				laneOf(r.id, k), posOf(r.id, r.firstEntry), old, most-n)
			n += more
		}
	}
	return n, err
}
