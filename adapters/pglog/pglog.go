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

// A Log keeps rooms in a PostgreSQL database. Make one with [New], one per
// process and database; several servers of the process may share it.
type Log struct {
	// Immutable.
	pool    *pgxpool.Pool
	schema  string
	channel string // of NOTIFY
	tag     string // marks this Log's own notices
	keep    int
	keepFor time.Duration
	direct  *pgx.ConnConfig

	sql atomic.Pointer[statements] // nil before the first use

	opening chan struct{} // holds one token: who opens or closes the feed
	opened  bool          // the feed is; guarded by opening
	stop    context.CancelFunc
	running sync.WaitGroup // what Open started, and Beat since; added to under mu

	sinks fanout.Sinks // interrupted by the Log itself

	mu      sync.RWMutex
	rooms   map[string]*watch // by name
	keys    map[string]*watch // by the name's key
	servers map[string]bool   // that the database knows
	run     context.Context   // of what Open started; nil if it has not

	seen    seen
	batches batches
	notices notices
	pruner  pruner
}

var _ chatlog.Log = (*Log)(nil)

// An Option sets one thing of a [Log].
type Option func(*Log)

// New returns a Log over pool, which stays the caller's to close, after the
// servers. It connects to nothing yet. Beside the pool's connections, a Log in
// use has one of its own to listen on, made with the pool's configuration.
//
// A pool whose connections have a connect timeout of a few seconds
// (connect_timeout in the connection string) recovers soonest from a database
// that was out of reach.
func New(pool *pgxpool.Pool, opts ...Option) *Log {
	l := &Log{
		pool:    pool,
		schema:  "chat",
		tag:     strings.ToLower(rand.Text()[:12]),
		opening: make(chan struct{}, 1),
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

// WithSchema sets the PostgreSQL schema that holds the tables, and so which Logs
// of a database share their rooms. The default, and the meaning of "", is "chat".
// A name over 50 bytes, or with a NUL byte, panics.
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

// WithKeep sets how many of its newest events each room keeps. The default, and
// the meaning of zero or less, is all. Older events are hidden and then deleted
// step by step, as servers call Beat.
func WithKeep(events int) Option {
	return func(l *Log) { l.keep = max(events, 0) }
}

// WithKeepFor sets how long events are kept. The default, and the meaning of zero
// or less, is for ever. Older events are hidden and then deleted step by step, as
// servers call Beat.
func WithKeepFor(age time.Duration) Option {
	return func(l *Log) { l.keepFor = max(age, 0) }
}

// WithListenConfig sets how to connect for LISTEN, for a pool that reaches the
// database through a pooler of transactions such as PgBouncer, which cannot pass
// on notifications: it must lead to the same database directly. The default, and
// the meaning of nil, is the pool's own configuration.
func WithListenConfig(c *pgx.ConnConfig) Option {
	return func(l *Log) { l.direct = c }
}
