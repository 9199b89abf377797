package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	clients = 8
	rooms   = 3
	keep    = 10_000 // more than the tests write, so nothing is trimmed
)

// A recorder lets clients call logs, and records the answers.
type recorder struct {
	logs    []chatlog.Log
	seed    uint64
	calls   int           // of each client
	patient bool          // calls may fail
	resends bool          // the logs repeat failed calls by themselves
	pause   time.Duration // between a client's calls
	start   time.Time

	mu      sync.Mutex
	history []porcupine.Operation
	sent    []input // appends, for others to repeat
	epochs  map[string]string
	errs    []error
	retried int
	open    int        // appends given up
	seen    int        // given-up appends that have happened
	crashes [][2]int64 // the beginning and the end of each crash of the engine
}

func newRecorder(t *testing.T, calls int, logs ...chatlog.Log) *recorder {
	return &recorder{logs: logs, seed: seedOf(t), calls: calls, start: time.Now(), epochs: map[string]string{}}
}

// seedOf returns the seed of a test's random choices, and logs it.
func seedOf(t *testing.T) uint64 {
	seed, err := strconv.ParseUint(os.Getenv("VERIFY_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("VERIFY_SEED=%d", seed)
	return seed
}

// run returns when all clients have made their calls.
func (r *recorder) run(t *testing.T) []porcupine.Operation {
	t.Helper()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() { r.client(c) })
	}
	wg.Wait()
	last := r.readAll()
	for _, err := range r.errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	r.finish(last)
	t.Logf("%d calls, %d answered after a failure, %d given up of which %d happened", len(r.history), r.retried, r.open, r.seen)
	return r.history
}

// readAll reads every room whole, as the last calls of the history, and returns the offset of
// every text.
func (r *recorder) readAll() map[input]uint64 {
	last := map[input]uint64{}
	for n := range rooms {
		in := input{room: fmt.Sprint("r", n), rng: chatlog.Range{From: 1, Limit: keep}}
		call := time.Since(r.start)
		out, err := r.call(r.logs[0], in, 20*time.Second)
		out, err = r.insist(r.logs[0], in, out, err)
		r.keep(0, in, out, err, call)
		for i, text := range out.texts {
			last[input{room: in.room, text: text}] = out.first + uint64(i)
		}
	}
	return last
}

// finish completes the calls without an answer. If the text of such an append is not in last, no
// read has seen it, so it is left out. Otherwise its offset is known, which saves porcupine from
// trying all offsets.
func (r *recorder) finish(last map[input]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := int64(time.Since(r.start))
	r.history = slices.DeleteFunc(r.history, func(op porcupine.Operation) bool {
		return op.Output.(output).open && last[op.Input.(input)] == 0
	})
	for i := range r.history {
		op := &r.history[i]
		out := op.Output.(output)
		if out.open {
			r.seen++
			out.offset, op.Return = last[op.Input.(input)], end
		}
		for _, crash := range r.crashes {
			// A log that lost an answer and repeated the call gets its own entry.
			out.unsure = out.unsure || r.resends && op.Call <= crash[1] && op.Return >= crash[0]
		}
		op.Output = out
	}
}

// crash lets f crash the engine.
func (r *recorder) crash(f func()) {
	from := int64(time.Since(r.start))
	f()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.crashes = append(r.crashes, [2]int64{from, int64(time.Since(r.start))})
}

func (r *recorder) client(c int) {
	rng := rand.New(rand.NewPCG(r.seed, uint64(c)))
	log := r.logs[c%len(r.logs)]
	for n := range r.calls {
		if r.failed() {
			return
		}
		in := r.next(rng, fmt.Sprintf("u%d/%d", c, n))
		call := time.Since(r.start)
		timeout, hasty := 20*time.Second, r.patient && in.text != "" && n%2 == 0
		if hasty {
			timeout = 50 * time.Millisecond
		}
		out, err := r.call(log, in, timeout)
		if err != nil && hasty {
			r.giveUp(in, call)
			continue
		}
		out, err = r.insist(log, in, out, err)
		r.keep(c, in, out, err, call)
		time.Sleep(r.pause)
	}
}

// insist repeats a failed call if the test allows that. Both calls count as one operation. It
// took effect once, between the start of the first try and the end of the last.
func (r *recorder) insist(log chatlog.Log, in input, out output, err error) (output, error) {
	for tries := 0; err != nil && r.patient && tries < 1000 && !r.failed(); tries++ {
		time.Sleep(20 * time.Millisecond)
		if out, err = r.call(log, in, 20*time.Second); err == nil {
			out.unsure = true
		}
	}
	return out, err
}

// giveUp records an append without knowing whether it happened or will happen. Other clients may
// repeat it.
func (r *recorder) giveUp(in input, call time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The client that made it continues, so in a picture it belongs to a client of its own.
	r.history = append(r.history, porcupine.Operation{ClientId: clients + r.open, Input: in, Call: int64(call), Output: output{open: true}})
	r.open++
	r.sent = append(r.sent, in)
}

func (r *recorder) keep(c int, in input, out output, err error, call time.Duration) {
	end := time.Since(r.start)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%+v: %w", in, err))
		return
	}
	if out.unsure {
		r.retried++
	}
	if in.text != "" && !out.repeated {
		r.sent = append(r.sent, in)
	}
	r.history = append(r.history, porcupine.Operation{ClientId: c, Input: in, Call: int64(call), Output: out, Return: int64(end)})
}

// next chooses a call. text is the text for a new append.
func (r *recorder) next(rng *rand.Rand, text string) input {
	in := input{room: fmt.Sprint("r", rng.IntN(rooms))}
	limit := 1 + rng.IntN(20)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch p := rng.IntN(100); {
	case p < 50:
		in.text = text
	case p < 65 && len(r.sent) > 0: // repeat what some client has sent, perhaps at this moment
		in = r.sent[len(r.sent)-1-rng.IntN(min(len(r.sent), 10))]
	case p < 80:
		in.rng = chatlog.Range{Limit: limit}
	case p < 88:
		in.rng = chatlog.Range{From: 1 + rng.Uint64N(200), Limit: limit}
	case p < 95:
		in.rng = chatlog.Range{Before: 1 + rng.Uint64N(200), Limit: limit}
	default:
		in.place = true
	}
	return in
}

func (r *recorder) call(log chatlog.Log, in input, timeout time.Duration) (out output, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var epoch string
	switch {
	case in.place:
		var p []chatlog.Position
		if p, err = log.Positions(ctx, []string{in.room}); err == nil {
			epoch, out.offset = p[0].Epoch, p[0].Offset
		}
	case in.text == "":
		var p chatlog.Page
		if p, err = log.Read(ctx, in.room, in.rng); err == nil {
			epoch, out.offset, out.more = p.Position.Epoch, p.Position.Offset, p.More
			for i, e := range p.Events {
				if i == 0 {
					out.first = e.Offset
				}
				if e.Offset != out.first+uint64(i) {
					err = r.wrong("%+v: offset %d at %d after %d", in, e.Offset, i, out.first)
				}
				out.texts = append(out.texts, e.Text)
			}
		}
	default:
		user, id, _ := strings.Cut(in.text, "/")
		var a chatlog.Appended
		a, err = log.Append(ctx, in.room, chatlog.Event{Type: chatlog.TypeMessage, UserID: user, Username: user, ID: id, Text: in.text})
		epoch, out.offset, out.repeated = a.Epoch, a.Event.Offset, a.Repeated
		if err == nil && a.Event.Text != in.text {
			err = r.wrong("%+v: another entry: %+v", in, a.Event)
		}
	}
	if err == nil && out.offset > 0 {
		err = r.sameEpoch(in.room, epoch)
	}
	return out, err
}

// failed reports whether an error was recorded. Then the test need not continue.
func (r *recorder) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errs) > 0
}

// wrong records an error that no later call can correct.
func (r *recorder) wrong(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	r.mu.Lock()
	r.errs = append(r.errs, err)
	r.mu.Unlock()
	return err
}

// sameEpoch records an error if a room's epoch has changed.
func (r *recorder) sameEpoch(room, epoch string) error {
	r.mu.Lock()
	had := r.epochs[room]
	if had == "" {
		r.epochs[room] = epoch
	}
	r.mu.Unlock()
	if had != "" && had != epoch {
		return r.wrong("epoch %s of %s after %s", epoch, room, had)
	}
	return nil
}
