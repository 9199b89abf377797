//go:build linux

// Command engines measures the shared logs, Redis and PostgreSQL, from one client to another. It
// measures appends per second, and the time from Publish on one server to a member of another.
// It also measures centrifuge with its Redis broker. It starts a Redis and a PostgreSQL server,
// and prints a table in Markdown.
//
//	go run ./cmd/engines
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nhooyr.io/websocket"
)

var (
	length = flag.Duration("time", 5*time.Second, "`duration` of a measurement")
	rate   = flag.Int("rate", 200, "messages per second while delays are measured")
)

// An engine is two servers that share their rooms. Rooms are r0, r1, ...
type engine struct {
	name    string
	publish func(ctx context.Context, server int, room, text string) error
	handler [2]http.Handler
	dial    func(ctx context.Context, base, room string) (*websocket.Conn, error)
	close   func()
}

func main() {
	flag.Parse()
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
	redis, stopRedis, err := startRedis(dir)
	if err != nil {
		return err
	}
	defer stopRedis()
	dsn, stopPostgres, err := startPostgres(dir)
	if err != nil {
		return err
	}
	defer stopPostgres()
	fmt.Println("| log | appends/s, 1 writer | 64 writers in 16 rooms | delay p50 | p99 |")
	fmt.Println("|---|---:|---:|---:|---:|")
	for _, open := range []func() (*engine, error){
		func() (*engine, error) { return memoryEngine() },
		func() (*engine, error) { return redisEngine(redis) },
		func() (*engine, error) { return postgresEngine(dsn) },
		func() (*engine, error) { return centrifugeEngine(redis) },
	} {
		e, err := open()
		if err != nil {
			return err
		}
		err = measure(e)
		e.close()
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

func measure(e *engine) error {
	one, err := appends(e, 1, 1)
	if err != nil {
		return err
	}
	many, err := appends(e, 64, 16)
	if err != nil {
		return err
	}
	delays, err := latency(e)
	if err != nil {
		return err
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }
	fmt.Printf("| %s | %.0f | %.0f | %s | %s |\n", e.name, one, many, ms(delays[len(delays)/2]), ms(delays[len(delays)*99/100]))
	return nil
}

// appends returns how many messages per second the writers have stored, half of them on each
// server.
func appends(e *engine, writers, rooms int) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), *length)
	defer cancel()
	var n atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	start := time.Now()
	for w := range writers {
		wg.Go(func() {
			for ctx.Err() == nil {
				err := e.publish(context.Background(), w%2, fmt.Sprint("r", w%rooms), strings.Repeat("x", 80))
				if err != nil {
					errs <- err
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(n.Load()) / time.Since(start).Seconds(), nil
	}
}

// latency returns, sorted, how long messages took from one server's Publish to a member of the
// other.
func latency(e *engine) ([]time.Duration, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	hs := &http.Server{Handler: e.handler[1], ReadHeaderTimeout: 5 * time.Second}
	go hs.Serve(l)
	defer hs.Close()
	ctx, cancel := context.WithTimeout(context.Background(), *length+time.Minute)
	defer cancel()
	conn, err := e.dial(ctx, "http://"+l.Addr().String(), "delay")
	if err != nil {
		return nil, err
	}
	defer conn.CloseNow()
	total := int(length.Seconds() * float64(*rate))
	failed := make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(*rate))
		defer tick.Stop()
		for range total {
			<-tick.C
			if err := e.publish(ctx, 0, "delay", fmt.Sprintf("<%d>", time.Now().UnixNano())); err != nil {
				failed <- err
				cancel()
				return
			}
		}
	}()
	var delays []time.Duration
	for len(delays) < total {
		_, b, err := conn.Read(ctx)
		if err != nil {
			select {
			case err = <-failed:
			default:
			}
			return nil, fmt.Errorf("after %d of %d: %w", len(delays), total, err)
		}
		now := time.Now().UnixNano()
		for rest := string(b); ; {
			var stamp string
			var ok bool
			// "<" is escaped in chat's JSON, and perhaps in the JSON of others.
			rest = strings.ReplaceAll(rest, `\u003c`, "<")
			rest = strings.ReplaceAll(rest, `\u003e`, ">")
			if _, rest, ok = strings.Cut(rest, "<"); !ok {
				break
			}
			if stamp, rest, ok = strings.Cut(rest, ">"); !ok {
				break
			}
			if t, err := strconv.ParseInt(stamp, 10, 64); err == nil {
				delays = append(delays, time.Duration(now-t))
			}
		}
	}
	slices.Sort(delays)
	return delays, nil
}
