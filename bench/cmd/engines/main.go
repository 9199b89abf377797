//go:build linux

// Command engines measures the logs of chat, and centrifuge with its Redis broker, in one run. It
// measures appends per second, processor time, the space in Redis, and the time from Publish on one
// server to a member of another. It starts two Redis servers and a PostgreSQL server, and prints
// tables in Markdown.
//
// The engines take turns: each round measures each of them, so other work on the machine meets all
// alike. A figure is the median of the rounds, a ratio the median of the ratios of the rounds.
//
//	go run ./cmd/engines
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"nhooyr.io/websocket"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
)

var (
	length = flag.Duration("time", time.Second, "`duration` of a measurement")
	rounds = flag.Int("rounds", 5, "`number` of rounds")
	rate   = flag.Int("rate", 200, "messages per second while delays are measured")
	quick  = flag.Bool("quick", false, "a single short round, to see that it works")
	only   = flag.String("only", "", "measure only the engines whose names contain one of these `words`, separated by |")
)

// peer is the engine that others are compared with.
const peer = "centrifuge, Redis broker"

// An engine is two servers that share their rooms.
type engine struct {
	name    string
	publish func(ctx context.Context, server int, room, id, text string) error
	members bool // rooms can be joined: the next two are set
	handler [2]http.Handler
	dial    func(ctx context.Context, base, room string) (*websocket.Conn, error)
	redis   *redis.Client // of the engine's own Redis, or nil
	close   func()
}

func main() {
	flag.Parse()
	if *quick {
		*length, *rounds = 100*time.Millisecond, 1
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("/tmp", "engines")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	engines, stop, err := open(dir)
	defer func() {
		for i := range stop {
			stop[len(stop)-1-i]()
		}
	}()
	if err != nil {
		return err
	}
	var r results
	for round := range *rounds {
		if err := r.round(engines, round); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "round", round+1, "of", *rounds)
	}
	if r.sync, err = syncTime(dir); err != nil {
		return err
	}
	if err := r.space(engines); err != nil {
		return err
	}
	r.print(engines)
	return nil
}

// open returns the engines, and what ends them and their servers, in the reverse order.
func open(dir string) (engines []*engine, stop []func(), err error) {
	add := func(e *engine, err error) error {
		if err == nil {
			engines, stop = append(engines, e), append(stop, e.close)
		}
		return err
	}
	var wanted []string
	if *only != "" {
		wanted = strings.Split(*only, "|")
	}
	want := func(name string) bool {
		for _, w := range wanted {
			if strings.Contains(name, w) {
				return true
			}
		}
		return len(wanted) == 0
	}
	if want("chat, memory") {
		if err := add(memoryEngine()); err != nil {
			return engines, stop, err
		}
	}
	for i, sync := range []sqlitelog.Sync{sqlitelog.Full, sqlitelog.Normal} {
		if name := []string{"chat, sqlitelog Full", "chat, sqlitelog Normal"}[i]; want(name) {
			if err := add(sqliteEngine(name, filepath.Join(dir, fmt.Sprint(sync, ".db")), sync)); err != nil {
				return engines, stop, err
			}
		}
	}
	if want("chat, pglog") {
		dsn, end, err := startPostgres(dir)
		if err != nil {
			return engines, stop, err
		}
		stop = append(stop, end)
		alone, inTx, err := postgresEngines(dsn)
		if err := add(alone, err); err != nil {
			return engines, stop, err
		}
		engines = append(engines, inTx)
	}
	for i, engine := range []func(string) (*engine, error){redisEngine, centrifugeEngine} {
		if name := []string{"chat, redislog", peer}[i]; !want(name) {
			continue
		}
		sub := filepath.Join(dir, fmt.Sprint("redis", len(engines)))
		if err := os.Mkdir(sub, 0o700); err != nil {
			return engines, stop, err
		}
		addr, end, err := startRedis(sub)
		if err != nil {
			return engines, stop, err
		}
		stop = append(stop, end)
		if err := add(engine(addr)); err != nil {
			return engines, stop, err
		}
	}
	return engines, stop, nil
}
