package redislog

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
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
	quick  func(calls []*call) *command // for calls with a public message
	slots  chan struct{}                // a value for each call that is waiting or running

	mu      sync.Mutex
	queue   []*call
	running int // pipelines
}

const (
	maxBatch     = 128 // calls in a pipeline
	maxPipelines = 2   // concurrently
)

func newPipeliner(client redis.UniversalClient, quick func([]*call) *command, waiting int) *pipeliner {
	return &pipeliner{client: client, quick: quick, slots: make(chan struct{}, waiting)}
}

// A call is one run of a script, or an append that may share a run with others.
type call struct {
	ctx    context.Context
	script *script
	keys   []string
	args   []any
	public *publicMessage // instead of the script: see quick.go
	done   chan struct{}  // closed when reply and err are set
	reply  any
	err    error
}

// start queues a call as soon as there is a slot for it. It returns an error if the call's
// context ends first.
func (pl *pipeliner) start(c *call) error {
	select {
	case pl.slots <- struct{}{}:
	default:
		select {
		case pl.slots <- struct{}{}:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	c.done = make(chan struct{})
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
	return nil
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

// growStack makes the stack of a new goroutine as large as the client needs. Otherwise it would be
// copied several times on the way down, which took a seventh of the time of a lone append.
//
//go:noinline
func growStack() byte {
	var frame [12 << 10]byte
	return frame[len(os.Args)&7]
}

// run sends pipelines until the queue is empty.
func (pl *pipeliner) run() {
	growStack()
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

// A command runs a script for one call, or quick.lua for several.
type command struct {
	script *script
	keys   []string
	args   []any
	source bool // Redis does not know the script yet: send its source
	calls  []*call
	rooms  [][]*call // the calls of quick.lua by room
	sent   *unretriedCmd
}

// send runs the calls of a batch. Some answers need another pipeline: Redis does not know a script
// yet, or a message cannot be appended in the quick way.
func (pl *pipeliner) send(batch []*call) {
	ctx, cancel := batchContext(batch)
	defer cancel()
	commands := pl.commands(batch)
	for len(commands) > 0 {
		commands = pl.exec(ctx, commands)
	}
}

// commands returns the commands for calls. Calls whose context has ended get its error instead.
func (pl *pipeliner) commands(calls []*call) (commands []*command) {
	var public []*call
	for _, c := range calls {
		if c.err = c.ctx.Err(); c.err != nil {
			continue
		}
		if c.public != nil {
			public = append(public, c)
		} else {
			commands = append(commands, &command{script: c.script, keys: c.keys, args: c.args, calls: []*call{c}})
		}
	}
	if len(public) > 0 {
		commands = append(commands, pl.quick(public))
	}
	return commands
}

// exec sends commands in a pipeline and sets the replies of their calls. It returns the commands
// that must follow.
func (pl *pipeliner) exec(ctx context.Context, commands []*command) (next []*command) {
	p := pl.client.Pipeline()
	for _, c := range commands {
		args := make([]any, 0, 3+len(c.keys)+len(c.args))
		if c.source {
			args = append(args, "eval", c.script.source, len(c.keys))
		} else {
			args = append(args, "evalsha", c.script.hash, len(c.keys))
		}
		for _, k := range c.keys {
			args = append(args, k)
		}
		c.sent = &unretriedCmd{redis.NewCmd(ctx, append(args, c.args...)...)}
		c.sent.SetFirstKeyPos(3)
		p.Process(ctx, c.sent)
	}
	_, err := p.Exec(ctx)
	for _, c := range commands {
		reply, failed := c.sent.Result()
		if failed == nil && reply == nil {
			failed = errors.Join(errors.New("no reply"), err)
		}
		switch {
		case redis.HasErrorPrefix(failed, "NOSCRIPT") && !c.source:
			c.source = true
			next = append(next, c)
		case failed == nil && c.rooms != nil:
			next = append(next, pl.commands(answerQuick(c.rooms, reply))...)
		default:
			for _, k := range c.calls {
				k.reply, k.err = reply, failed
			}
		}
	}
	return next
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
