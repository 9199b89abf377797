package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
	"github.com/seed-08328bfd/chat/internal/memlog"
)

// ErrLocked says that another Log has the file open, in this process or in another one.
var ErrLocked = errors.New("sqlitelog: the file is in use by another process")

var errFileClosed = errors.New("sqlitelog: the file was closed")

// A Log keeps rooms in a file. Make it with [Open]. Several servers of one process may share
// a Log. All methods may be called concurrently. The zero Log cannot be used.
type Log struct {
	settings

	origin string // a part of all epochs
	state  *stateFile
	writer *writer
	closed struct { // by CloseFile
		once sync.Once
		err  error
	}
	readers   readers
	places    places
	consumers consumers
	presence  *memlog.Log // who is there, and whose turn it is; nothing else

	keeping atomic.Bool  // a step of retention runs
	scrub   atomic.Bool  // the write-ahead log may have what was deleted
	saved   atomic.Int64 // the entries that the stateFile has noted

	sinks fanout.Sinks
	mu    sync.RWMutex
	rooms map[string]*fanout.Watchers // guarded by mu: the rooms that are watched
}

// settings are set by Open and never change.
type settings struct {
	path    string
	params  string // further parameters of the URI; for tests
	sync    Sync
	keep    int
	keepFor time.Duration
}

var (
	_ chatlog.Log     = (*Log)(nil)
	_ chatlog.Amender = (*Log)(nil)
	_ chatlog.Marker  = (*Log)(nil)
	_ chatlog.Pacer   = (*Log)(nil)
	_ chatlog.Tracker = (*Log)(nil)
)

// A Sync says when the file is synced to the disk (SQLite's PRAGMA synchronous, for a
// database with a write-ahead log).
type Sync int

const (
	// Full syncs before a message is acknowledged. Nothing acknowledged is lost, even if the
	// power fails, as far as the disk keeps what it has synced.
	Full Sync = iota
	// Normal syncs at checkpoints, that is every few thousand messages. If the process is
	// killed, nothing is lost. If the power or the operating system fails, the last seconds
	// or minutes may be lost, and the file stays whole. All rooms get a new epoch then.
	Normal
)

// An Option sets one thing of a [Log]. Options are arguments of [Open].
type Option func(*Log)

// WithSync sets when the file is synced to the disk. The default is [Full].
func WithSync(s Sync) Option { return func(l *Log) { l.sync = s } }

// WithKeep sets how many of the newest messages are kept per room. It also limits the entries
// that amend them, but keeps at least 256 of these. By default all are kept; zero or a
// negative number means the default. Each call of [Log.Beat] hides some of the older events.
// It also deletes some that are at least ten minutes old.
func WithKeep(messages int) Option {
	return func(l *Log) { l.keep = max(messages, 0) }
}

// WithKeepFor sets how long events are kept. By default they are kept forever; zero or a
// negative duration means the default. Each call of [Log.Beat] hides some of the older events.
// It also deletes some that are at least ten minutes old.
func WithKeepFor(age time.Duration) Option {
	return func(l *Log) { l.keepFor = max(age, 0) }
}

// Open opens the file at path, a path of the operating system, and makes it if it is not
// there; its folder must exist. Beside it are the files path-wal and path-shm of SQLite, and
// path-lock, which this package uses to know that no other process has it open.
//
// Open returns [ErrLocked] if another Log has the file open, and other errors if the file
// cannot be read and written, is no file of this package, or is of a newer version of it.
// It updates the tables of an older version. Call [Log.CloseFile] after the servers are closed.
func Open(path string, opts ...Option) (*Log, error) {
	l := &Log{
		presence: memlog.New(0, 0, -1),
		rooms:    map[string]*fanout.Watchers{},
	}
	for _, o := range opts {
		o(l)
	}
	var err error
	if l.path, err = filepath.Abs(path); err == nil {
		err = l.open()
	}
	if err != nil && !errors.Is(err, ErrLocked) {
		err = fmt.Errorf("sqlitelog: %s: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// busyFor is how long a connection waits for a lock of the file, which another program that
// reads or copies the file may hold.
const busyFor = 2 * time.Second

func (l *Log) open() (err error) {
	if !vfs.SupportsFileLocking || !vfs.SupportsSharedMemory {
		return errors.New("this platform cannot share a file between connections")
	}
	if l.state, err = openState(l.uri("-lock")); err != nil {
		return err
	}
	w := &writer{log: l}
	w.wake.L = &w.mu
	if err := w.connect(); err != nil {
		return errors.Join(err, l.state.close(l.places.events(), false))
	}
	if err := l.begin(w.conn); err != nil {
		return errors.Join(err, w.conn.close(), l.state.close(l.places.events(), false))
	}
	syncFolder(filepath.Dir(l.path))
	l.readers.init(l)
	l.writer = w
	w.running.Go(w.run)
	return nil
}

// uri returns the name of the file with suffix, as SQLite takes it.
func (l *Log) uri(suffix string) string {
	p := filepath.ToSlash(l.path + suffix)
	if p[0] != '/' {
		p = "/" + p // C:/chat.db
	}
	u := url.URL{Scheme: "file", Path: p, RawQuery: l.params}
	return u.String()
}

// pragmas returns the settings of a connection.
func (l *Log) pragmas() string {
	level := "FULL"
	if l.sync == Normal {
		level = "NORMAL"
	}
	return fmt.Sprintf(`PRAGMA busy_timeout = %d; PRAGMA journal_mode = WAL; PRAGMA synchronous = %s;
		PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;
		PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = ON`, busyFor.Milliseconds(), level)
}

// CloseFile writes what waits, and closes the file. Calls of other methods that come later
// return errors. A second call waits for the first, and returns the same. Without CloseFile
// nothing that was acknowledged is lost; with [Normal] the rooms may begin new epochs.
func (l *Log) CloseFile() error {
	l.closed.once.Do(func() {
		l.writer.stop()
		err := l.readers.close()
		err = errors.Join(err, l.writer.conn.closeIf())
		l.closed.err = errors.Join(err, l.state.close(l.places.events(), err == nil))
	})
	return l.closed.err
}

// Backup writes a copy of the file, as it is now, to path, where no file may be. Servers go on
// meanwhile. The copy is compact and has no other files. Rooms of a restored copy have new
// epochs, so that clients learn that the last messages may be missing.
func (l *Log) Backup(ctx context.Context, path string) error {
	return l.readers.with(ctx, func(c *conn) error {
		_, err := c.exec("VACUUM INTO ?", path)
		return err
	})
}
