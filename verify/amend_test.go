package verify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// changeable is a log whose messages can change.
type changeable interface {
	chatlog.Log
	chatlog.Amender
	chatlog.Marker
}

// changes lets clients amend messages in logs, and returns the calls with their answers. With
// patience, a failed call is made again with the same id, and both count as one call. Times are
// counted from start.
func changes(t *testing.T, calls int, patient bool, pause time.Duration, start time.Time, logs ...changeable) []porcupine.Operation {
	t.Helper()
	seed := seedOf(t)
	var mu sync.Mutex
	var history []porcupine.Operation
	var sent []change
	var last [rooms]atomic.Uint64
	var retried, failed atomic.Int64
	client := func(c int) {
		rng := rand.New(rand.NewPCG(seed, uint64(c)))
		log := logs[c%len(logs)]
		var own [rooms]uint64 // the client's last message
		for n := range calls {
			room := rng.IntN(rooms)
			in := change{room: fmt.Sprint("r", room), user: fmt.Sprint("u", c), id: fmt.Sprint(n)}
			in.choose(rng, last[room].Load(), own[room])
			mu.Lock()
			if rng.IntN(8) == 0 && len(sent) > 0 { // repeat what some client has sent, perhaps at this moment
				in = sent[len(sent)-1-rng.IntN(min(len(sent), 10))]
			} else if in.writes() {
				sent = append(sent, in)
			}
			mu.Unlock()
			call := time.Since(start)
			out, err := in.call(log)
			for tries := 0; err != nil && patient && tries < 1000; tries++ {
				time.Sleep(20 * time.Millisecond)
				out, err = in.call(log)
				out.unsure = true
				retried.Add(1)
			}
			end := time.Since(start)
			if err != nil {
				t.Errorf("%+v: %v", in, err)
				failed.Add(1)
			}
			if failed.Load() > 0 {
				return
			}
			if in.writes() && !out.refused {
				last[room].Store(max(out.offset, last[room].Load()))
			}
			if in.kind == "append" && in.user == fmt.Sprint("u", c) {
				own[room] = out.offset
			}
			mu.Lock()
			history = append(history, porcupine.Operation{ClientId: c, Input: in, Call: int64(call), Output: out, Return: int64(end)})
			mu.Unlock()
			time.Sleep(pause)
		}
	}
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() { client(c) })
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	refused := 0
	for _, op := range history {
		if op.Output.(answer).refused {
			refused++
		}
	}
	t.Logf("%d calls, %d refused, %d made again", len(history), refused, retried.Load())
	if patient && retried.Load() == 0 {
		t.Error("no call failed during the crashes")
	}
	return history
}

func (c *change) writes() bool { return c.kind != "read" && c.kind != "unread" && c.kind != "mark" }

// choose chooses a call in a room. Its last offset is about last, and the caller's last message
// is at own.
func (c *change) choose(rng *rand.Rand, last, own uint64) {
	if c.target = own; last > 0 && (own == 0 || rng.IntN(3) > 0) {
		c.target = last - min(last-1, uint64(rng.IntN(6))) // so that several change the same message
	}
	switch p := rng.IntN(100); {
	case p < 30 || last == 0 && p < 70:
		c.kind, c.text = "append", c.user+"/"+c.id
		if rng.IntN(4) == 0 {
			c.to = fmt.Sprint("u", rng.IntN(clients))
		}
	case p < 42:
		c.kind, c.text = "edit", "edit "+c.user+"/"+c.id
	case p < 47:
		c.kind = "delete"
	case p < 70:
		c.kind, c.reaction, c.remove = "reaction", string("ab"[rng.IntN(2)]), rng.IntN(3) == 0
	case p < 85:
		c.kind, c.limit = "read", 1+rng.IntN(8)
	case p < 92:
		c.kind = "unread"
	default:
		c.kind = "mark"
	}
}

// call makes the call.
func (c *change) call(log changeable) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch c.kind {
	case "read":
		p, err := log.Read(ctx, c.room, chatlog.Range{Limit: c.limit, Visible: true, Reader: c.user, Messages: true})
		var seen []string
		for i := range p.Events {
			seen = append(seen, asRead(&p.Events[i]))
		}
		return answer{offset: p.Position.Offset, messages: strings.Join(seen, "\n")}, err
	case "unread":
		u, err := log.Unread(ctx, c.user, []string{c.room})
		if err != nil {
			return answer{}, err
		}
		return answer{offset: u[0].Last, read: u[0].Read, unread: u[0].Unread}, nil
	case "mark":
		read, raised, err := log.MarkRead(ctx, c.room, c.user, c.target)
		return answer{read: read, raised: raised}, err
	}
	e := chatlog.Event{Type: chatlog.Type(c.kind), UserID: c.user, Username: c.user, ID: c.id, Text: c.text, Target: c.target, Reaction: c.reaction, Remove: c.remove}
	var a chatlog.Appended
	var err error
	if c.kind == "append" {
		if e.Type, e.Target = chatlog.TypeMessage, 0; c.to != "" {
			e.Type, e.To = chatlog.TypePrivate, c.to
		}
		a, err = log.Append(ctx, c.room, e)
	} else {
		a, err = log.Amend(ctx, c.room, e, false)
	}
	if errors.Is(err, chatlog.ErrNoSuchMessage) {
		return answer{refused: true}, nil
	}
	return answer{offset: a.Event.Offset, repeated: a.Repeated}, err
}

// asRead formats a message as the model does.
func asRead(e *chatlog.Event) string {
	m := amendable{offset: e.Offset, user: e.UserID, to: e.To, text: e.Text, edited: !e.Edited.IsZero(), newest: e.Amended}
	for _, r := range e.Reactions {
		if r.Count != len(r.Users) {
			m.text += fmt.Sprintf(" with %d of %d users", len(r.Users), r.Count)
		}
		for _, user := range r.Users {
			m.reactions = append(m.reactions, r.Reaction+" "+user)
		}
	}
	slices.Sort(m.reactions)
	return m.String()
}

func TestMemoryChanges(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: keep}).(changeable)
	checkWith(t, amendModel, changes(t, 250, false, 50*time.Microsecond, time.Now(), log)) // the pause lets clients take turns
}
