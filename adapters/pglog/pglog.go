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
	sinks fanout.Sinks // the Log itself calls Interrupted and Resumed

	mu         sync.RWMutex      // guards the fields down to runContext
	rooms      map[string]*watch // by name: the rooms that are watched
	keys       map[string]*watch // the same rooms, by the key of the name
	servers    map[string]bool   // servers that this Log has stored in the database
	commits    commits
	runContext context.Context // ends with the feed; nil if it is not open

	lastSeen lastSeen
	batches  batches
	notices  notices
	pruner   pruner
}

// settings are set by New and the options. They never change after New, so they may be read
// without a lock.
type settings struct {
	schema       string
	channel      string // of NOTIFY
	tag          string // marks the notices that this Log sends
	keep         int
	keepFor      time.Duration
	listenConfig *pgx.ConnConfig
	txSQL        txStatements // of AppendTx
}

// feed is the state of the listening connection. Open and Close use it, and hold the token
// meanwhile. Code that holds mu may use running too.
type feed struct {
	token   chan struct{} // has a buffer of one; the goroutine that puts the value in holds the token
	open    bool
	stop    context.CancelFunc
	running sync.WaitGroup // goroutines of Open, Beat and AppendTx; add while holding mu
}

var (
	_ chatlog.Log     = (*Log)(nil)
	_ chatlog.Amender = (*Log)(nil)
	_ chatlog.Marker  = (*Log)(nil)
	_ chatlog.Pacer   = (*Log)(nil)
	_ chatlog.Tracker = (*Log)(nil)
)

// An Option sets one thing of a [Log]. Options are arguments of [New].
type Option func(*Log)

// New returns a Log over pool. The caller closes the pool, after the servers. New does not
// connect to the database. A Log in use has one connection of its own for LISTEN, beside the
// pool's connections; it uses the pool's configuration unless [WithListenConfig] sets another
// one. Call [Log.Migrate] before the first use.
//
// Give the pool a connect timeout of a few seconds (connect_timeout in the connection string).
// Then the Log recovers sooner after an outage of the database.
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
	l.txSQL = newTxStatements(l.schema)
	l.commits.open = map[string]*openTx{}
	connections := 1
	if pool != nil {
		connections = int(pool.Config().MaxConns)
	}
	l.batches.init(connections)
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

// WithKeep sets how many of the newest messages are kept per room. It also limits the entries
// that amend them, but keeps at least 256 of these. By default all are kept; zero or a negative
// number means the default. Each call of [Log.Beat] hides some of the older events. It also
// deletes some that are at least ten minutes old.
func WithKeep(messages int) Option {
	return func(l *Log) { l.keep = max(messages, 0) }
}

// WithKeepFor sets how long events are kept. By default they are kept forever; zero or a
// negative duration means the default. Each call of [Log.Beat] hides some of the older events.
// It also deletes some that are at least ten minutes old.
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
