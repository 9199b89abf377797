//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"nhooyr.io/websocket"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
)

// chatEngine is two chat servers with the logs that open returns.
func chatEngine(name string, logs [2]chat.Log, done func()) *engine {
	var srv [2]*chat.Server
	e := &engine{name: name, members: true}
	for i := range srv {
		srv[i] = chat.New(chat.WithLog(logs[i]), chat.WithLogTimeout(10*time.Second))
		e.handler[i] = srv[i]
	}
	e.publish = func(ctx context.Context, i int, room, id, text string) error {
		_, err := srv[i].Publish(ctx, room, chat.Message{Username: "bench", Text: text, ID: id})
		return err
	}
	e.dial = func(ctx context.Context, base, room string) (*websocket.Conn, error) {
		c, _, err := websocket.Dial(ctx, base+"/ws/"+room, nil)
		return c, err
	}
	e.close = func() {
		srv[0].Close()
		srv[1].Close()
		done()
	}
	return e
}

func memoryEngine() (*engine, error) {
	l := chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000})
	return chatEngine("chat, memory", [2]chat.Log{l, l}, func() {}), nil
}

// sqliteEngine is one server: the file belongs to one process.
func sqliteEngine(name, path string, sync sqlitelog.Sync) (*engine, error) {
	l, err := sqlitelog.Open(path, sqlitelog.WithSync(sync), sqlitelog.WithKeep(1000))
	if err != nil {
		return nil, err
	}
	return chatEngine(name, [2]chat.Log{l, l}, func() { l.CloseFile() }), nil
}

func redisEngine(addr string) (*engine, error) {
	a := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	b := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	e := chatEngine("chat, redislog", [2]chat.Log{redislog.New(a), redislog.New(b)}, func() {
		a.Close()
		b.Close()
	})
	e.redis = redis.NewClient(&redis.Options{Addr: addr})
	return e, nil
}

// postgresEngines are two engines on the same servers. The second appends in transactions of the
// application.
func postgresEngines(dsn string) (alone, inTx *engine, err error) {
	ctx := context.Background()
	var logs [2]chat.Log
	var stores [2]*pglog.Log
	var pools [2]*pgxpool.Pool
	for i := range pools {
		p, err := pgxpool.New(ctx, dsn)
		if err != nil {
			return nil, nil, err
		}
		l := pglog.New(p)
		if err := l.Migrate(ctx); err != nil {
			return nil, nil, err
		}
		pools[i], logs[i], stores[i] = p, l, l
	}
	alone = chatEngine("chat, pglog", logs, func() {
		pools[0].Close()
		pools[1].Close()
	})
	inTx = &engine{name: "chat, pglog.AppendTx", close: func() {}}
	inTx.publish = func(ctx context.Context, i int, room, id, text string) error {
		return pgx.BeginFunc(ctx, pools[i], func(tx pgx.Tx) error {
			_, err := stores[i].AppendTx(ctx, tx, room, chat.Message{Username: "bench", Text: text, ID: id})
			return err
		})
	}
	return alone, inTx, nil
}

type roomKey struct{}

// centrifugeEngine is two nodes of centrifuge with its Redis broker. The broker keeps as many
// messages as redislog does by default, as long, and knows ids for five minutes like redislog.
func centrifugeEngine(addr string) (*engine, error) {
	e := &engine{name: peer, members: true, redis: redis.NewClient(&redis.Options{Addr: addr})}
	var nodes [2]*centrifuge.Node
	for i := range nodes {
		node, err := centrifuge.New(centrifuge.Config{})
		if err != nil {
			return nil, err
		}
		shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: addr})
		if err != nil {
			return nil, err
		}
		broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Prefix: "peer", Shards: []*centrifuge.RedisShard{shard}})
		if err != nil {
			return nil, err
		}
		node.SetBroker(broker)
		node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
			return centrifuge.ConnectReply{Subscriptions: map[string]centrifuge.SubscribeOptions{ctx.Value(roomKey{}).(string): {}}}, nil
		})
		if err := node.Run(); err != nil {
			return nil, err
		}
		nodes[i] = node
		ws := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{})
		e.handler[i] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := centrifuge.SetCredentials(r.Context(), &centrifuge.Credentials{UserID: "bench"})
			ws.ServeHTTP(w, r.WithContext(context.WithValue(ctx, roomKey{}, r.URL.Query().Get("room"))))
		})
	}
	e.publish = func(_ context.Context, i int, room, id, text string) error {
		b, err := json.Marshal(map[string]string{"type": "message", "username": "bench", "message": text})
		if err != nil {
			return err
		}
		opts := []centrifuge.PublishOption{centrifuge.WithHistory(1000, 7*24*time.Hour)}
		if id != "" {
			opts = append(opts, centrifuge.WithIdempotencyKey(id))
		}
		_, err = nodes[i].Publish(room, b, opts...)
		return err
	}
	e.dial = func(ctx context.Context, base, room string) (*websocket.Conn, error) {
		c, _, err := websocket.Dial(ctx, base+"/?room="+room, nil)
		if err != nil {
			return nil, err
		}
		if err := c.Write(ctx, websocket.MessageText, []byte(`{"id":1,"connect":{}}`)); err != nil {
			return nil, err
		}
		if _, b, err := c.Read(ctx); err != nil {
			return nil, fmt.Errorf("connect: %w (%s)", err, b)
		}
		return c, nil
	}
	e.close = func() {
		for _, n := range nodes {
			n.Shutdown(context.Background())
		}
	}
	return e, nil
}
