package sqlitelog

import "github.com/ncruces/go-sqlite3"

// room returns the room called name; its id is 0 if there is none.
func (t *tx) room(name string) (*room, error) {
	if r := t.w.rooms[name]; r != nil {
		return r, nil
	}
	r := &room{name: name, first: 1, firstEntry: 1}
	_, err := t.one(func(s *sqlite3.Stmt) {
		r.id, r.own, r.last, r.ms = s.ColumnInt64(0), s.ColumnText(1), uint64(s.ColumnInt64(2)), s.ColumnInt64(3)
		r.first, r.firstEntry = uint64(s.ColumnInt64(4)), uint64(s.ColumnInt64(5))
		r.messages, r.others = s.ColumnInt64(6), s.ColumnInt64(7)
	}, "SELECT id, epoch, last, time, first, first_entry, messages, others FROM room WHERE name = ?", name)
	if err != nil {
		return nil, err
	}
	t.w.rooms[name] = r
	return r, nil
}

// made returns the room called name, and makes one if there is none.
func (t *tx) made(name string) (*room, error) {
	r, err := t.room(name)
	if err != nil || r.id != 0 {
		return r, err
	}
	if _, err := t.exec("INSERT INTO room (name) VALUES (?)", name); err != nil {
		return nil, err
	}
	r.id = t.db.LastInsertRowID()
	return r, nil
}

// save writes the rows of the rooms that have changed.
func (t *tx) save() error {
	for r := range t.changed {
		_, err := t.exec("UPDATE room SET epoch = ?, last = ?, time = ?, first = ?, first_entry = ?, messages = ?, others = ? WHERE id = ?",
			r.own, int64(r.last), r.ms, int64(r.first), int64(r.firstEntry), r.messages, r.others, r.id)
		if err != nil {
			return err
		}
	}
	return nil
}
