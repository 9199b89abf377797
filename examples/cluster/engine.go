package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/metrics"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
)

// engine keeps the rooms.
type engine struct {
	log      chat.Log             // nil: in this process's memory
	calls    prometheus.Collector // of the log's times; nil without a log
	migrate  func(context.Context) error
	close    func()
	logger   *slog.Logger
	prepared atomic.Bool
}

// openEngine makes the engine that the configuration names. It does not connect to Redis
// or PostgreSQL yet, so these may start later.
func openEngine(cfg *config, logger *slog.Logger) (*engine, error) {
	e := &engine{
		migrate: func(context.Context) error { return nil },
		close:   func() {},
		logger:  logger,
	}
	var err error
	switch cfg.engine() {
	case "redis":
		err = e.openRedis(cfg)
	case "postgres":
		err = e.openPostgres(cfg)
	case "sqlite":
		err = e.openSQLite(cfg)
	default:
		e.prepared.Store(true)
	}
	if e.log != nil {
		e.log, e.calls = metrics.Measure(e.log, metrics.Options{})
	}
	return e, err
}

func (e *engine) openPostgres(cfg *config) error {
	pc, err := pgxpool.ParseConfig(cfg.postgres)
	if err != nil {
		return err // the error does not contain the password
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return err
	}
	var opts []pglog.Option
	if cfg.keep > 0 {
		opts = append(opts, pglog.WithKeep(cfg.keep))
	}
	if cfg.keepFor > 0 {
		opts = append(opts, pglog.WithKeepFor(cfg.keepFor))
	}
	log := pglog.New(pool, opts...)
	e.log, e.migrate, e.close = log, log.Migrate, pool.Close
	return nil
}

// openSQLite opens the file. It fails if another process has it open: two servers on one file
// would not see each other.
func (e *engine) openSQLite(cfg *config) error {
	log, err := sqlitelog.Open(cfg.sqlite, sqlitelog.WithKeep(cfg.keep), sqlitelog.WithKeepFor(cfg.keepFor))
	if err != nil {
		return err
	}
	e.log = log
	e.close = func() {
		if err := log.CloseFile(); err != nil {
			e.logger.Error("the file was not closed properly", "err", err)
		}
	}
	return nil
}

// prepare sets up the engine as soon as it is reachable.
func (e *engine) prepare(ctx context.Context) {
	for !e.prepared.Load() {
		err := e.migrate(ctx)
		if err == nil {
			e.prepared.Store(true)
			return
		}
		if ctx.Err() != nil {
			return
		}
		e.logger.Warn("the engine is not ready", "err", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

var errAway = errors.New("the engine is down")

// ready reports whether the engine answers.
func (e *engine) ready(ctx context.Context) error {
	if e.log == nil {
		return nil
	}
	if !e.prepared.Load() {
		return errAway
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := e.log.Positions(ctx, []string{"readyz"}); err != nil {
		return errAway
	}
	return nil
}
