package redislog

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed lua
var sources embed.FS

// A script is a Lua script, which Redis knows by its hash once it has seen it.
type script struct{ source, hash string }

// newScript returns the script in the file of that name, after what it uses: the
// common functions and those in the files named.
func newScript(name string, uses ...string) *script {
	var b strings.Builder
	for _, file := range append(append([]string{"common"}, uses...), name) {
		text, err := sources.ReadFile("lua/" + file + ".lua")
		if err != nil {
			panic(err)
		}
		b.Write(text)
	}
	s := redis.NewScript(b.String())
	return &script{b.String(), s.Hash()}
}

// A lane takes calls to Redis and sends those that wait together in one pipeline.
// It has no goroutine while there are none. In a cluster every bucket has a lane, so
// that a node that does not answer holds up no other.
type lane struct {
	client redis.UniversalClient
	places chan struct{} // a value for each call that is waiting or under way

	mu      sync.Mutex
	queue   []*call
	running int // pipelines
}

const (
	maxBatch     = 128 // calls in a pipeline
	maxPipelines = 4   // concurrently
)

func newLane(client redis.UniversalClient, waiting int) *lane {
	return &lane{client: client, places: make(chan struct{}, waiting)}
}

// A call is one run of a script.
type call struct {
	ctx    context.Context
	script *script
	keys   []string
	args   []any
	done   chan struct{} // closed when reply and err are set
	reply  any
	err    error
}

// start queues a call as soon as there is a place for it, unless ctx ends before.
func (ln *lane) start(ctx context.Context, s *script, keys []string, args []any) (*call, error) {
	select {
	case ln.places <- struct{}{}:
	default:
		select {
		case ln.places <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c := &call{ctx: ctx, script: s, keys: keys, args: args, done: make(chan struct{})}
	ln.mu.Lock()
	ln.queue = append(ln.queue, c)
	begin := ln.running < maxPipelines
	if begin {
		ln.running++
	}
	ln.mu.Unlock()
	if begin {
		go ln.run()
	}
	return c, nil
}

// wait returns the reply, or an error once the call's context has ended. What has
// been sent by then may still be done.
func (c *call) wait() (any, error) {
	select {
	case <-c.done:
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	}
	if c.err != nil {
		return nil, fmt.Errorf("redislog: %w", c.err)
	}
	return c.reply, nil
}

// run sends pipelines until nothing waits.
func (ln *lane) run() {
	for {
		ln.mu.Lock()
		n := min(len(ln.queue), maxBatch)
		if n == 0 {
			ln.running--
			ln.queue = nil
			ln.mu.Unlock()
			return
		}
		batch := ln.queue[:n:n]
		ln.queue = ln.queue[n:]
		ln.mu.Unlock()
		ln.send(batch)
		for _, c := range batch {
			close(c.done)
			<-ln.places
		}
	}
}

// send runs the calls of a batch. A script that Redis does not know yet is sent
// whole in a second pipeline.
func (ln *lane) send(batch []*call) {
	ctx, cancel := batchContext(batch)
	defer cancel()
	unknown := ln.pipeline(ctx, "evalsha", batch)
	if len(unknown) > 0 {
		ln.pipeline(ctx, "eval", unknown)
	}
}

func (ln *lane) pipeline(ctx context.Context, command string, batch []*call) (unknown []*call) {
	p := ln.client.Pipeline()
	cmds := make([]*once, len(batch))
	for i, c := range batch {
		if c.err = c.ctx.Err(); c.err != nil {
			continue
		}
		args := make([]any, 0, 3+len(c.keys)+len(c.args))
		if command == "eval" {
			args = append(args, command, c.script.source, len(c.keys))
		} else {
			args = append(args, command, c.script.hash, len(c.keys))
		}
		for _, k := range c.keys {
			args = append(args, k)
		}
		cmds[i] = &once{redis.NewCmd(ctx, append(args, c.args...)...)}
		cmds[i].SetFirstKeyPos(3)
		p.Process(ctx, cmds[i])
	}
	if p.Len() == 0 {
		return nil
	}
	_, err := p.Exec(ctx)
	for i, c := range batch {
		if cmds[i] == nil {
			continue
		}
		c.reply, c.err = cmds[i].Result()
		if c.err == nil && c.reply == nil {
			c.err = errors.Join(errors.New("no reply"), err)
		}
		if redis.HasErrorPrefix(c.err, "NOSCRIPT") {
			unknown = append(unknown, c)
		}
	}
	return unknown
}

// once is a command that the client does not send again by itself: it may have been
// executed although its answer was lost.
type once struct{ *redis.Cmd }

// NoRetry implements [redis.Cmder].
func (*once) NoRetry() bool { return true }

// batchContext returns a context that lasts as long as any of the batch.
func batchContext(batch []*call) (context.Context, context.CancelFunc) {
	var last time.Time
	for _, c := range batch {
		end, ok := c.ctx.Deadline()
		if !ok {
			return context.WithCancel(context.Background())
		}
		if end.After(last) {
			last = end
		}
	}
	return context.WithDeadline(context.Background(), last)
}
