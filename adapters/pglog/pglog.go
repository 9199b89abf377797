package pglog

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

// A Log keeps rooms in a PostgreSQL database. Make it with [New]: one Log per process and
// database. Several servers of one process may share a Log. All methods may be called
// concurrently. The zero Log cannot be used.
type Log struct {
	pool *pgxpool.Pool
	settings
	sql atomic.Pointer[statements] // nil before the first use

	feed  feed
	sinks fanout.Sinks // interrupted by the Log itself

	mu         sync.RWMutex      // guards what follows, down to runContext
	rooms      map[string]*watch // by name: the rooms that are watched
	keys       map[string]*watch // the same by the name's key
	servers    map[string]bool   // servers that the database knows
	runContext context.Context   // ends with the feed; nil if it is not open

	lastSeen lastSeen
	batches  batches
	notices  notices
	pruner   pruner
}

// settings are what New and the options set. They never change after New, so anybody may
// read them.
type settings struct {
	schema       string
	channel      string // of NOTIFY
	tag          string // marks the notices that this Log sends
	keep         int
	keepFor      time.Duration
	listenConfig *pgx.ConnConfig
}

// feed is the state of the Log's listening. Only Open and Close use it, while they hold
// the token; running is also used while mu is held.
type feed struct {
	token   chan struct{} // has room for one value: whoever puts it in holds the token
	open    bool
	stop    context.CancelFunc
	running sync.WaitGroup // goroutines of Open and Beat; they are added while mu is held
}

var (
	_ chatlog.Log     = (*Log)(nil)
	_ chatlog.Amender = (*Log)(nil)
	_ chatlog.Marker  = (*Log)(nil)
	_ chatlog.Pacer   = (*Log)(nil)
)

// An Option sets one thing of a [Log]. Options are arguments of [New].
type Option func(*Log)

// New returns a Log over pool. The caller closes the pool, after the servers. New does not
// connect to the database. A Log in use has one connection of its own for LISTEN, beside
// the pool's connections; it has the pool's configuration unless [WithListenConfig] sets
// another one. Call [Log.Migrate] before the first use.
//
// Give the pool a connect timeout of a few seconds (connect_timeout in the connection
// string): then the Log recovers fastest after the database was not reachable.
func New(pool *pgxpool.Pool, opts ...Option) *Log {
	l := &Log{
		pool: pool,
		settings: settings{
			schema: "chat",
			tag:    strings.ToLower(rand.Text()[:12]),
		},
		feed:    feed{token: make(chan struct{}, 1)},
		rooms:   map[string]*watch{},
		keys:    map[string]*watch{},
		servers: map[string]bool{},
	}
	for _, o := range opts {
		o(l)
	}
	l.channel = "chat:" + l.schema
	l.batches.init()
	l.notices.init()
	return l
}

// WithSchema sets the PostgreSQL schema of the tables. Logs with the same schema in the
// same database share their rooms. The default is "chat", and "" means the default.
// WithSchema panics if name is longer than 50 bytes or contains a NUL byte.
func WithSchema(name string) Option {
	if len(name) > 50 || strings.ContainsRune(name, 0) {
		panic(fmt.Sprintf("pglog: %q cannot be a schema's name", name))
	}
	return func(l *Log) {
		if l.schema = name; name == "" {
			l.schema = "chat"
		}
	}
}

// WithKeep sets how many of the newest messages are kept per room, and of the entries that
// amend them, but at least 256 of these. By default all are kept; zero or a negative number
// means the default. Each call of [Log.Beat] hides some of the older events, and deletes
// some that are at least ten minutes old.
func WithKeep(messages int) Option {
	return func(l *Log) { l.keep = max(messages, 0) }
}

// WithKeepFor sets how long events are kept. By default they are kept forever; zero or a
// negative duration means the default. Each call of [Log.Beat] hides some of the older
// events, and deletes some that are at least ten minutes old.
func WithKeepFor(age time.Duration) Option {
	return func(l *Log) { l.keepFor = max(age, 0) }
}

// WithListenConfig sets the configuration of the connection for LISTEN. It is needed if
// the pool uses a transaction pooler such as PgBouncer, which does not pass on
// notifications: c must connect to the same database directly. The default is the pool's
// own configuration, and nil means the default.
func WithListenConfig(c *pgx.ConnConfig) Option {
	return func(l *Log) { l.listenConfig = c }
}
