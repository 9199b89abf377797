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

// A script is a Lua script. Redis knows it by its hash after its first run.
type script struct{ source, hash string }

// newScript returns the script in these files and, in front of them, common.lua.
func newScript(files ...string) *script {
	var b strings.Builder
	for _, file := range append([]string{"common"}, files...) {
		if file == restBegin || file == restEnd {
			b.WriteString(file)
			continue
		}
		text, err := sources.ReadFile("lua/" + file + ".lua")
		if err != nil {
			panic(err)
		}
		b.Write(text)
	}
	s := redis.NewScript(b.String())
	return &script{b.String(), s.Hash()}
}

// newRoomScript returns a script that uses the entries of a room.
func newRoomScript(files ...string) *script {
	return newScript(append([]string{"begin", "seen", "lists", "held", "runs", "json", "takeover"}, files...)...)
}

// The lines of a script around the files in its function rest: see lua/rest.lua.
const (
	restBegin = "local function rest()\n"
	restEnd   = "end\n"
)

// A pipeliner queues calls to Redis and sends the waiting ones in one pipeline. It has
// goroutines only while there are calls. In a cluster each bucket has its own pipeliner,
// so a node that does not answer delays only its own rooms.
type pipeliner struct {
	client redis.UniversalClient
	slots  chan struct{} // a value for each call that is waiting or running

	mu      sync.Mutex
	queue   []*call
	running int // pipelines
}

const (
	maxBatch     = 128 // calls in a pipeline
	maxPipelines = 4   // concurrently
)

func newPipeliner(client redis.UniversalClient, waiting int) *pipeliner {
	return &pipeliner{client: client, slots: make(chan struct{}, waiting)}
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

// start queues a call as soon as there is a slot for it. It returns an error if ctx ends
// first.
func (pl *pipeliner) start(ctx context.Context, s *script, keys []string, args []any) (*call, error) {
	select {
	case pl.slots <- struct{}{}:
	default:
		select {
		case pl.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c := &call{ctx: ctx, script: s, keys: keys, args: args, done: make(chan struct{})}
	pl.mu.Lock()
	pl.queue = append(pl.queue, c)
	begin := pl.running < maxPipelines
	if begin {
		pl.running++
	}
	pl.mu.Unlock()
	if begin {
		go pl.run()
	}
	return c, nil
}

// wait returns the reply, or an error when the call's context ends. Redis may still run
// the script after that.
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

// run sends pipelines until the queue is empty.
func (pl *pipeliner) run() {
	for {
		pl.mu.Lock()
		n := min(len(pl.queue), maxBatch)
		if n == 0 {
			pl.running--
			pl.queue = nil
			pl.mu.Unlock()
			return
		}
		batch := pl.queue[:n:n]
		pl.queue = pl.queue[n:]
		pl.mu.Unlock()
		pl.send(batch)
		for _, c := range batch {
			close(c.done)
			<-pl.slots
		}
	}
}

// send runs the calls of a batch. If Redis does not know a script yet, a second pipeline
// sends the script's source.
func (pl *pipeliner) send(batch []*call) {
	ctx, cancel := batchContext(batch)
	defer cancel()
	unknown := pl.exec(ctx, "evalsha", batch)
	if len(unknown) > 0 {
		pl.exec(ctx, "eval", unknown)
	}
}

func (pl *pipeliner) exec(ctx context.Context, command string, batch []*call) (unknown []*call) {
	p := pl.client.Pipeline()
	cmds := make([]*unretriedCmd, len(batch))
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
		cmds[i] = &unretriedCmd{redis.NewCmd(ctx, append(args, c.args...)...)}
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

// An unretriedCmd is a command that the client does not send again by itself: Redis may
// have executed it although its answer was lost.
type unretriedCmd struct{ *redis.Cmd }

// NoRetry implements [redis.Cmder].
func (*unretriedCmd) NoRetry() bool { return true }

// batchContext returns a context that ends at the latest deadline in the batch.
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
