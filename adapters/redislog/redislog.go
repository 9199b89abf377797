package redislog

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

// A Log keeps rooms in Redis. Make one with [New], one per process and Redis; several
// servers of the process may share it.
type Log struct {
	// Immutable.
	client    redis.UniversalClient
	cluster   *redis.ClusterClient // client, if it is that
	prefix    string
	history   int
	bytes     int
	expiry    time.Duration
	window    time.Duration // in which ids are known
	unwritten time.Duration // life of a room that was only asked for
	lease     time.Duration // of a server that has entered a user but not called Beat
	tag       string        // what this Log's fresh epochs begin with
	lanes     []*lane       // one, or with a cluster one a bucket

	fresh    atomic.Uint64
	evidence [buckets]evidence

	sinks fanout.Sinks // interrupted by feeders

	mu      sync.RWMutex
	rooms   map[string]*watch // by name
	feeders []*feeder         // like lanes; nil where no room is watched

	servers servers
}

var _ chatlog.Log = (*Log)(nil)

// An Option sets one thing of a [Log].
type Option func(*Log)

// The defaults of the options, and what has none.
const (
	defaultPrefix  = "chat:"
	defaultHistory = 1000
	defaultBytes   = 4 << 20
	defaultExpiry  = 7 * 24 * time.Hour
	idWindow       = 5 * time.Minute
	maxIDs         = 1 << 18
	leastExpiry    = 2 * idWindow
)

// New returns a Log over client: a [redis.Client], one with Sentinel
// ([redis.NewFailoverClient]) or a [redis.ClusterClient]. The client stays the
// caller's to close, after the servers, and its options decide on addresses, TLS,
// users and timeouts. New connects to nothing yet.
//
// A client with ContextTimeoutEnabled recovers soonest from a Redis that does not
// answer. Whatever MaxRetries it has, the Log sends no command twice.
//
// A [redis.Ring] panics: it moves rooms to another Redis when one is away.
func New(client redis.UniversalClient, opts ...Option) *Log {
	if _, ok := client.(*redis.Ring); ok {
		panic("redislog: a Ring cannot keep a log; use a Cluster")
	}
	l := &Log{
		client:    client,
		prefix:    defaultPrefix,
		history:   defaultHistory,
		bytes:     defaultBytes,
		expiry:    defaultExpiry,
		window:    idWindow,
		unwritten: time.Minute,
		lease:     15 * time.Second,
		tag:       strings.ToLower(rand.Text()[:12]),
		rooms:     map[string]*watch{},
	}
	n, waiting := 1, 1024
	if l.cluster, _ = client.(*redis.ClusterClient); l.cluster != nil {
		n, waiting = buckets, 128
	}
	for range n {
		l.lanes = append(l.lanes, newLane(client, waiting))
	}
	l.feeders = make([]*feeder, n)
	l.servers.known = map[string]*server{}
	for _, o := range opts {
		o(l)
	}
	return l
}

// WithPrefix sets what the names of all keys and channels begin with, and so which
// Logs of a Redis share their rooms. The default, and the meaning of "", is "chat:".
// A prefix with a brace panics: braces say which keys of a cluster stay together.
func WithPrefix(prefix string) Option {
	if strings.ContainsAny(prefix, "{}") {
		panic(fmt.Sprintf("redislog: %q cannot be a prefix", prefix))
	}
	return func(l *Log) {
		if l.prefix = prefix; prefix == "" {
			l.prefix = defaultPrefix
		}
	}
}

// WithHistory sets how many events Redis keeps of each room; there may be some more,
// because it trims by whole blocks of about 100. The default is 1,000; zero or less
// restores it.
func WithHistory(events int) Option {
	return func(l *Log) {
		if l.history = events; events <= 0 {
			l.history = defaultHistory
		}
	}
}

// WithHistoryBytes bounds the bytes that Redis keeps of each room's events, whatever
// their number: it keeps between half of them and all. The default is 4 MiB; zero or
// less restores it.
func WithHistoryBytes(bytes int) Option {
	return func(l *Log) {
		if l.bytes = bytes; bytes <= 0 {
			l.bytes = defaultBytes
		}
	}
}

// WithRoomExpiry sets how long Redis remembers a room after the last event, or after
// the last server has ceased to watch it. Clients that resume later are told of the
// gap. The default is 7 days; zero or less restores it, and it is at least ten
// minutes.
func WithRoomExpiry(d time.Duration) Option {
	return func(l *Log) {
		if d <= 0 {
			d = defaultExpiry
		}
		l.expiry = max(d, leastExpiry)
	}
}

// newWord returns a word that no epoch or age was before.
func (l *Log) newWord() string {
	return l.tag + "-" + strconv.FormatUint(l.fresh.Add(1), 36)
}

// do runs a script in a bucket and returns its reply.
func (l *Log) do(ctx context.Context, s *script, bucket int, keys []string, args ...any) (any, error) {
	c, err := l.start(ctx, s, bucket, keys, args...)
	if err != nil {
		return nil, err
	}
	return c.wait()
}

// start has a script run, and returns before it has.
func (l *Log) start(ctx context.Context, s *script, bucket int, keys []string, args ...any) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return l.lanes[bucket%len(l.lanes)].start(ctx, s, keys, args)
}

// ms returns d in milliseconds, as scripts take it.
func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
