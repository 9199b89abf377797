package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
)

// openRedis connects to one Redis. With the parameter addr in the URL it connects to the nodes
// of a cluster, and with master_name to the sentinels of a master.
func (e *engine) openRedis(cfg *config) error {
	client, err := redisClient(cfg.redis)
	if err != nil {
		return err
	}
	redis.SetLogger(redisLogger{e.logger})
	var opts []redislog.Option
	if cfg.keep > 0 {
		opts = append(opts, redislog.WithHistory(cfg.keep))
	}
	if cfg.keepFor > 0 {
		opts = append(opts, redislog.WithRoomExpiry(cfg.keepFor))
	}
	e.log = redislog.New(client, opts...)
	e.close = func() { client.Close() }
	return nil
}

func redisClient(address string) (redis.UniversalClient, error) {
	// The URL contains the password, and the errors of url and redis quote parts of it.
	bad := errors.New("-redis is not a URL such as redis://user:password@host:6379/0")
	u, err := url.Parse(address)
	if err != nil {
		return nil, bad
	}
	switch q := u.Query(); {
	case q.Has("master_name"):
		o, err := redis.ParseFailoverURL(address)
		if err != nil {
			return nil, bad
		}
		o.ContextTimeoutEnabled = true
		return redis.NewFailoverClient(o), nil
	case q.Has("addr"):
		o, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, bad
		}
		o.ContextTimeoutEnabled = true
		return redis.NewClusterClient(o), nil
	default:
		o, err := redis.ParseURL(address)
		if err != nil {
			return nil, bad
		}
		o.ContextTimeoutEnabled = true
		return redis.NewClient(o), nil
	}
}

// redisLogger logs the Redis client's messages in the server's format.
type redisLogger struct{ log *slog.Logger }

// Printf implements go-redis's logger.
func (l redisLogger) Printf(ctx context.Context, format string, v ...any) {
	l.log.WarnContext(ctx, "redis client", "says", fmt.Sprintf(format, v...))
}
