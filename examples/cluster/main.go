// Command cluster is a chat server to deploy: in memory by itself, or one of
// several over Redis or PostgreSQL, with tokens, metrics and probes.
//
//	cluster -addr :8080 -redis redis://127.0.0.1:6379
//
// Each flag can be set in the environment too: -max-connections by
// CHAT_MAX_CONNECTIONS. A flag wins.
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	switch err := run(ctx, os.Args[1:], os.LookupEnv, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then until everybody has taken leave.
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
