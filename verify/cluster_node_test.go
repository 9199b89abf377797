//go:build unix

package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// nodeEnv makes the test binary run as a chat server. So each server is a process that can be
// killed or paused.
const nodeEnv = "CHAT_VERIFY_NODE"

const nodeGrace = time.Second

// nodeConfig is the configuration of a server.
type nodeConfig struct {
	Addr  string // to listen on
	Proxy string // to the log; empty: none
	Plant string // a defect
	logConfig
}

// logConfig is the address of the log.
type logConfig struct {
	Redis    string // the path of a socket
	Sentinel string // an address
	Postgres string // a DSN
}

// open returns a log. It connects through the proxy if there is one.
func (c logConfig) open(proxy string) (chatlog.Log, func(), error) {
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := &net.Dialer{Timeout: 5 * time.Second}
		if proxy == "" {
			return d.DialContext(ctx, network, addr)
		}
		return through(proxy, network, addr, d)
	}
	var client redis.UniversalClient
	switch {
	case c.Postgres != "":
		cfg, err := pgxpool.ParseConfig(c.Postgres)
		if err != nil {
			return nil, nil, err
		}
		cfg.ConnConfig.DialFunc = dial
		pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
		if err != nil {
			return nil, nil, err
		}
		return pglog.New(pool, pglog.WithKeep(keep)), pool.Close, nil
	case c.Sentinel != "":
		client = redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: sentinelName, SentinelAddrs: []string{c.Sentinel}, ContextTimeoutEnabled: true, Dialer: dial,
		})
	default:
		client = redis.NewClient(&redis.Options{Network: "unix", Addr: c.Redis, ContextTimeoutEnabled: true, Dialer: dial})
	}
	return redislog.New(client, redislog.WithHistory(keep)), func() { client.Close() }, nil
}

func init() {
	beNode = func() bool {
		c := os.Getenv(nodeEnv)
		if c != "" {
			runNode(c)
		}
		return c != ""
	}
}

// runNode runs a chat server until a signal ends it.
func runNode(config string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var c nodeConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		fail(err)
	}
	log, _, err := c.open(c.Proxy)
	if err != nil {
		fail(err)
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	srv := chat.New(chat.WithLog(planted(c.Plant, log)), chat.WithLeaveGrace(nodeGrace), chat.WithLogger(logger))
	var l net.Listener
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if l, err = net.Listen("tcp", c.Addr); err == nil {
			break
		}
		if time.Now().After(end) {
			fail(err)
		}
	}
	hs := &http.Server{Handler: srv}
	go hs.Serve(l)
	logger.Info("serving", "addr", c.Addr)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	srv.Shutdown(ctx)
	hs.Shutdown(ctx)
}

// A node is a chat server in a separate process, with its connection to the log.
type node struct {
	program
	index int
	addr  string
	proxy *clusterProxy
	fault sync.Mutex // held during a fault of the node

	mu   sync.Mutex
	life *life
}

// A life is a process of a node.
type life struct {
	node  int
	down  time.Time // when it got the signal to end; zero: it runs
	stood time.Time // when it last continued after a pause
}

func (n *node) lives() *life {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life
}

// ended reports whether the life had ended at some time, or ended about then.
func (n *node) ended(l *life, at time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !l.down.IsZero() && l.down.Before(at.Add(time.Second))
}

// end ends the process, by SIGKILL or gracefully.
func (n *node) end(sig syscall.Signal) {
	n.mu.Lock()
	n.life.down = time.Now()
	n.mu.Unlock()
	n.stop(sig)
}

// begin starts a process.
func (n *node) begin() {
	n.start()
	n.mu.Lock()
	n.life = &life{node: n.index}
	n.mu.Unlock()
}

// newNode makes a node with a free port.
func newNode(r *clusterRun, index int, cfg logConfig, plant string) *node {
	n := &node{index: index, addr: "127.0.0.1:" + freePort(r.t), proxy: newClusterProxy(r.t)}
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := json.Marshal(nodeConfig{Addr: n.addr, Proxy: n.proxy.addr, Plant: plant, logConfig: cfg})
	if err != nil {
		r.t.Fatal(err)
	}
	n.program = program{t: r.t, path: self, env: []string{nodeEnv + "=" + string(b)}, log: fmt.Sprintf("%s/node%d", r.dir, index)}
	n.begin()
	n.ready = func(context.Context) error {
		c, err := net.DialTimeout("tcp", n.addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err
	}
	return n
}
