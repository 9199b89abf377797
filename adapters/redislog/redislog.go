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

// A Log keeps rooms in Redis. Make it with [New]: one Log per process and Redis. Several
// servers of one process may share a Log. All methods may be called concurrently. The
// zero Log cannot be used.
type Log struct {
	// The connections to Redis. They never change after New.
	client     redis.UniversalClient
	cluster    *redis.ClusterClient // the same client if it is for a cluster, otherwise nil
	pipeliners []*pipeliner         // one; in a cluster one per bucket

	settings
	words    words
	lastSeen [buckets]lastSeen
	servers  servers
	sinks    fanout.Sinks // subscribers call Interrupted and Resumed

	mu          sync.RWMutex      // guards the fields below
	rooms       map[string]*watch // by name: the rooms that are watched
	subscribers []*subscriber     // indexed like pipeliners; nil where no room is watched
}

// settings are set by the options. They never change after New, so they may be read without a
// lock.
type settings struct {
	prefix    string        // of all keys and channels
	history   int           // events that a room keeps
	bytes     int           // bytes of events that a room keeps
	expiry    time.Duration // how long a room is kept after its last use
	window    time.Duration // how long ids are known at least
	unwritten time.Duration // how long a room without events is kept
	lease     time.Duration // the lease of a server that has entered a user but has not called Beat
}

// words makes words that are unique among all Logs. It may be used concurrently.
type words struct {
	tag   string // what the words of this Log begin with; never changes after New
	count atomic.Uint64
}

var (
	_ chatlog.Log     = (*Log)(nil)
	_ chatlog.Amender = (*Log)(nil)
	_ chatlog.Marker  = (*Log)(nil)
	_ chatlog.Pacer   = (*Log)(nil)
)

// An Option sets one thing of a [Log]. Options are arguments of [New].
type Option func(*Log)

// The defaults of the options, and bounds that no option changes.
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
// ([redis.NewFailoverClient]) or a [redis.ClusterClient]. The caller closes the client,
// after the servers. The client's options set addresses, TLS, users and timeouts. New
// does not connect to Redis.
//
// Set ContextTimeoutEnabled in the client's options. Then the Log recovers sooner when Redis
// does not answer. The Log never sends a command twice, whatever MaxRetries the client has.
//
// New panics if client is a [redis.Ring]: when a Redis is down, a Ring continues its rooms
// in another Redis, without their events.
func New(client redis.UniversalClient, opts ...Option) *Log {
	if _, ok := client.(*redis.Ring); ok {
		panic("redislog: a Ring cannot keep a log; use a Cluster")
	}
	l := &Log{
		client: client,
		settings: settings{
			prefix:    defaultPrefix,
			history:   defaultHistory,
			bytes:     defaultBytes,
			expiry:    defaultExpiry,
			window:    idWindow,
			unwritten: time.Minute,
			lease:     15 * time.Second,
		},
		words: words{tag: strings.ToLower(rand.Text()[:12])},
		rooms: map[string]*watch{},
	}
	n, waiting := 1, 1024
	if l.cluster, _ = client.(*redis.ClusterClient); l.cluster != nil {
		n, waiting = buckets, 128
	}
	for range n {
		l.pipeliners = append(l.pipeliners, newPipeliner(client, l.quickCommand, waiting))
	}
	l.subscribers = make([]*subscriber, n)
	l.servers.known = map[string]*server{}
	for _, o := range opts {
		o(l)
	}
	return l
}

// WithPrefix sets the prefix of all keys and channels. Logs with the same prefix in the
// same Redis share their rooms. The default is "chat:", and "" means the default.
// WithPrefix panics if prefix contains "{" or "}": braces choose the slot of a key in a
// cluster.
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

// WithHistory sets how many events Redis keeps per room. They are trimmed in blocks of 64,
// so a room may have up to 63 more. The default is 1,000. Zero or a
// negative number means the default.
func WithHistory(events int) Option {
	return func(l *Log) {
		if l.history = events; events <= 0 {
			l.history = defaultHistory
		}
	}
}

// WithHistoryBytes sets how many bytes of events Redis keeps per room at most, whatever
// their number. After trimming, a room has at least half of that. The default is 4 MiB.
// Zero or a negative number means the default.
func WithHistoryBytes(bytes int) Option {
	return func(l *Log) {
		if l.bytes = bytes; bytes <= 0 {
			l.bytes = defaultBytes
		}
	}
}

// WithRoomExpiry sets how long Redis keeps a room after its last event, or after the
// last server stopped watching it. Clients that resume later get a gap. The default is
// 7 days. Zero or a negative duration means the default, and a duration below ten
// minutes means ten minutes.
func WithRoomExpiry(d time.Duration) Option {
	return func(l *Log) {
		if d <= 0 {
			d = defaultExpiry
		}
		l.expiry = max(d, leastExpiry)
	}
}

// uniqueWord returns a new word for an epoch or an age. No other Log makes the same one.
func (l *Log) uniqueWord() string {
	return l.words.tag + "-" + strconv.FormatUint(l.words.count.Add(1), 36)
}

// do runs a script in a bucket and returns its reply.
func (l *Log) do(ctx context.Context, s *script, bucket int, keys []string, args ...any) (any, error) {
	c, err := l.start(ctx, s, bucket, keys, args...)
	if err != nil {
		return nil, err
	}
	return c.wait()
}

// start queues a run of a script. call.wait returns its reply.
func (l *Log) start(ctx context.Context, s *script, bucket int, keys []string, args ...any) (*call, error) {
	c := &call{ctx: ctx, script: s, keys: keys, args: args}
	return c, l.startCall(bucket, c)
}

// startCall queues a call for a bucket.
func (l *Log) startCall(bucket int, c *call) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	return l.pipeliners[bucket%len(l.pipeliners)].start(c)
}

// ms returns d in milliseconds, as an argument of a script.
func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
