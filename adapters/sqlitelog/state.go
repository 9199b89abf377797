package sqlitelog

import (
	"crypto/rand"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// A stateFile is the file beside the database that says who has it open, and how far it has
// come. It is a database of its own, whose lock is held from openState to close and ends with
// the process. What it says is compared with the database when that is opened: a database that
// is older than its stateFile was restored or cut.
type stateFile struct {
	c       *conn
	session string // of the last run
	next    string // of a run that had begun to begin
	events  int64  // at least so many entries were stored
	clean   bool   // the last run has called close
	boot    string // of the operating system, in the last run

	saved int64 // the events that were written last
}

func openState(uri string) (*stateFile, error) {
	c, err := dial(uri, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = NORMAL; PRAGMA journal_mode = TRUNCATE")
	if err == nil {
		err = c.db.Exec("BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS state (session TEXT, next TEXT, events INTEGER, clean INTEGER, boot TEXT); COMMIT")
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}
	if errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.LOCKED) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, err
	}
	s := &stateFile{c: c}
	_, err = c.one(func(row *sqlite3.Stmt) {
		s.session, s.next, s.events = row.ColumnText(0), row.ColumnText(1), row.ColumnInt64(2)
		s.clean, s.boot = row.ColumnBool(3), row.ColumnText(4)
	}, "SELECT session, next, events, clean, boot FROM state")
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return s, nil
}

// save writes s.
func (s *stateFile) save() error {
	if err := s.c.db.Exec("BEGIN; DELETE FROM state"); err != nil {
		return errors.Join(err, s.c.rollback())
	}
	_, err := s.c.exec("INSERT INTO state VALUES (?, ?, ?, ?, ?)", s.session, s.next, s.events, s.clean, s.boot)
	if err == nil {
		err = s.c.db.Exec("COMMIT")
	}
	if err != nil {
		return errors.Join(err, s.c.rollback())
	}
	s.saved = s.events
	return nil
}

// close gives up the file. events is how many entries were stored, and clean whether the
// database was closed.
func (s *stateFile) close(events int64, clean bool) error {
	var err error
	if clean {
		s.events, s.clean = events, true
		err = s.save()
	}
	return errors.Join(err, s.c.close())
}

const countEntries = "SELECT sum(last) FROM room"

// begin compares the database with the stateFile, and begins a run. If the database cannot
// vouch for its past, all rooms get new epochs.
func (l *Log) begin(c *conn) error {
	if err := migrate(c); err != nil {
		return err
	}
	session, err := c.metaOf("session")
	if err != nil {
		return err
	}
	if l.origin, err = c.metaOf("origin"); err != nil {
		return err
	}
	events, err := c.number(countEntries)
	if err != nil {
		return err
	}
	s, boot := l.state, bootID()
	known := session != "" && (session == s.session || session == s.next) && events >= s.events
	if l.sync == Normal && !s.clean && (boot == "" || boot != s.boot) {
		known = false // the power may have failed
	}
	s.next = strings.ToLower(rand.Text()[:16])
	if err := s.save(); err != nil {
		return err
	}
	if !known {
		l.origin = strings.ToLower(rand.Text()[:16])
		if err := c.setMeta("origin", l.origin); err != nil {
			return err
		}
	}
	if err := c.setMeta("session", s.next); err != nil {
		return err
	}
	s.session, s.next, s.events, s.clean, s.boot = s.next, "", events, false, boot
	l.places.init(events)
	return s.save()
}

// bootID returns what identifies this run of the operating system, or "" if it is not known.
// While it stays the same, nothing that was written can be lost.
var bootID = func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// syncFolder makes a new file in folder durable. Some systems cannot, and need not.
func syncFolder(folder string) {
	if d, err := os.Open(folder); err == nil {
		d.Sync()
		d.Close()
	}
}

// posOf returns the key of the entry numbered offset of a room.
func posOf(room int64, offset uint64) int64 { return room<<offsetBits | int64(offset) }

func offsetOf(pos int64) uint64 { return uint64(pos & (1<<offsetBits - 1)) }

const (
	offsetBits = 36
	maxOffset  = 1<<offsetBits - 1
)

// The kinds of entries: the last three bits of a lane.
const (
	kindMessage = iota
	kindAmend
	kindPrivate
	kindPrivateAmend
	kindErased
)

func laneOf(room int64, kind int64) int64 { return room<<3 | kind }

// epoch returns the epoch of a room. own is the part that Renew changes.
func (l *Log) epoch(own string) string {
	if own == "" {
		return l.origin
	}
	return l.origin + "-" + own
}

func newOwn() string { return strings.ToLower(rand.Text()[:10]) }

var errFull = errors.New("sqlitelog: the room has " + strconv.FormatInt(maxOffset, 10) + " entries")
