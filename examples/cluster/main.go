// Command cluster is a chat server to deploy, with tokens, metrics and probes. It runs alone, in
// memory or with a file, or as one of several servers with Redis or PostgreSQL.
//
//	cluster -addr :8080 -redis redis://127.0.0.1:6379
//
// Each flag can also be set in the environment: -max-connections by CHAT_MAX_CONNECTIONS. A flag
// takes precedence.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx := untilSignal()
	switch err := run(ctx, os.Args[1:], os.LookupEnv, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// untilSignal returns a context that ends at the first signal to end. Before it ends,
// untilSignal stops handling signals. So when the context has ended, the next signal ends the
// process immediately. [signal.NotifyContext] does not guarantee that order.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

// run serves until ctx ends, and then shuts down gracefully.
func run(ctx context.Context, args []string, env lookup, stderr io.Writer) error {
	cfg, err := parse(args, env, stderr)
	if err != nil {
		return err
	}
	if cfg.healthcheck {
		return healthcheck(ctx, cmp.Or(cfg.metricsAddr, cfg.addr))
	}
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: cfg.logLevel}))
	slog.SetDefault(log)
	s, err := newServer(ctx, cfg, log)
	if err != nil {
		return err
	}
	return s.run(ctx)
}
