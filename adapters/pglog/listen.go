package pglog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	pingInterval = 2 * time.Second // how long the listening connection may be silent before a ping
	pingTimeout  = time.Second     // the longest wait for the answer to a ping
	fetchRooms   = 64              // rooms in one fetch, about
	fetchSpan    = 64              // events per room in one fetch
)

// listen returns a new connection that receives notices.
func (l *Log) listen(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	pool := l.pool.Config()
	cfg := l.listenConfig
	if cfg == nil {
		cfg = pool.ConnConfig
		if pool.BeforeConnect != nil {
			if err := pool.BeforeConnect(ctx, cfg); err != nil {
				return nil, l.explain(err)
			}
		}
	}
	cfg = cfg.Copy()
	cfg.OnNotification = nil // the pool's handler would take our notices
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "pglog listener"
	}
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, l.explain(err)
	}
	if _, err = c.Exec(ctx, "LISTEN "+pgx.Identifier{l.channel}.Sanitize()); err != nil {
		closeConn(c)
		return nil, l.explain(err)
	}
	return c, nil
}

func closeConn(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.Close(ctx)
}

// keepListening receives notices on c, and on a new connection whenever one is lost, until
// ctx ends.
func (l *Log) keepListening(ctx context.Context, c *pgx.Conn) {
	for {
		err := l.receiveNotices(ctx, c)
		closeConn(c)
		if ctx.Err() != nil {
			return
		}
		l.sinks.Interrupted(l, err)
		for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
			if c, err = l.listen(ctx); err == nil {
				break
			}
			if !sleep(ctx, wait/2+rand.N(wait/2)) {
				return
			}
		}
		l.notices.grown.Signal()
		l.sinks.Resumed(l)
	}
}

// receiveNotices receives notices and pushes the new events, until c fails or ctx ends. A
// connection can be dead without an error, and a pooler can suppress notices. So after some
// silence the Log sends a notice to itself, and expects to receive it.
func (l *Log) receiveNotices(ctx context.Context, c *pgx.Conn) error {
	l.notices.unheard.Store(0)
	var signals parts
	late := false // at the last ping, a notice of ours had not come back
	for {
		n, err := wait(ctx, c, pingInterval)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case pgconn.Timeout(err) && !c.IsClosed():
			unheard := l.notices.unheard.Load() > 0
			if late && unheard {
				return errors.New("pglog: no notices arrive; does the listening connection lead to a transaction pooler?")
			}
			late = unheard
			l.sendEcho()
			if err := ping(ctx, c); err != nil {
				return fmt.Errorf("pglog: the listening connection is dead: %w", err)
			}
			continue
		default:
			return fmt.Errorf("pglog: listening: %w", err)
		}
		todo, traces := map[string]span{}, map[place]string{}
		for n != nil {
			if n.Channel == l.channel && l.handlePayload(n.Payload, todo, traces, &signals) {
				l.notices.unheard.Store(0)
				late = false
			}
			if len(todo) >= fetchRooms {
				break
			}
			n, _ = wait(ctx, c, 0) // a notice that has already arrived
		}
		if len(todo) > 0 {
			if err := l.fetch(ctx, c, todo, traces); err != nil {
				return fmt.Errorf("pglog: reading what is new: %w", err)
			}
		}
	}
}

// wait returns the next notice. With a timeout of 0 it returns only a notice that has already
// arrived.
func wait(ctx context.Context, c *pgx.Conn, timeout time.Duration) (*pgconn.Notification, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.WaitForNotification(ctx)
}

func ping(ctx context.Context, c *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return c.Ping(ctx)
}

// A place is that of an event.
type place struct {
	room   string
	offset uint64
}

// handlePayload pushes the signals of a payload, and adds the new offsets to todo, by room, the
// traces of events to traces, and parts of a signal to signals. It reports whether this Log has sent the payload.
func (l *Log) handlePayload(payload string, todo map[string]span, traces map[place]string, signals *parts) (own bool) {
	tag, lines := parseNotices(payload)
	if tag == l.tag {
		return true // its events were pushed when they were stored
	}
	for _, n := range lines {
		if n.span.last > 0 {
			l.notices.grown.Signal()
		}
		if n.part.number > 0 {
			n.signal = signals.add(tag, n.part)
		}
		room, ok := l.watched(n.key)
		switch {
		case !ok, n.part.number > 0 && n.signal == nil:
		case n.signal != nil:
			l.push(room, "", *n.signal, "")
		case n.trace != "":
			traces[place{room, n.span.first}] = n.trace
		default:
			if old, ok := todo[room]; ok {
				n.span = n.span.with(old)
			}
			todo[room] = n.span
		}
	}
	return false
}

// fetch reads and pushes the new events. If a room has more than fetchSpan new events, fetch
// pushes the last offset without an event, and the servers read the rest themselves.
func (l *Log) fetch(ctx context.Context, conn *pgx.Conn, todo map[string]span, traces map[place]string) error {
	ctx, cancel := context.WithTimeout(ctx, pingInterval)
	defer cancel()
	var rooms, names []string
	var first, last []int64
	for room, s := range todo {
		rooms = append(rooms, room)
		names = append(names, escape(room))
		first = append(first, int64(s.first))
		last = append(last, int64(min(s.last, s.first+fetchSpan-1)))
	}
	return l.use(ctx, conn, func(c dbConn) error {
		rows, err := c.Query(ctx, c.sql.fetch, names, first, last, fetchSpan)
		if err != nil {
			return err
		}
		var n int
		var epoch, origin string
		var r row
		_, err = pgx.ForEachRow(rows, append([]any{&n, &epoch, &origin}, r.columns()...), func() error {
			room, e := rooms[n-1], r.event()
			l.noteSeen(room, epoch, origin, &e)
			l.push(room, epochOf(epoch, origin), e, traces[place{room, e.Offset}])
			if s := todo[room]; e.Offset == uint64(last[n-1]) && s.last > e.Offset {
				l.push(room, epochOf(epoch, origin), chatlog.Event{Offset: s.last}, "")
			}
			return nil
		})
		return err
	})
}
