package rooms

import (
	"context"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/pause"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
)

// A presenceBatch collects the users that joined and left a room that is too large to tell
// of each one.
type presenceBatch struct {
	joined, left map[string]string // user to name
}

const (
	batchPause = 250 * time.Millisecond

	// Each list has at most batchNames names, or more if all members together get no more
	// than batchTotal names: to name 250 new users to 10,000 members four times per second
	// would fill a network. The count is always right.
	batchNames = 32
	batchTotal = 256_000
)

// batchesPresence reports whether the room is too large to tell of each user by itself.
func (r *room) batchesPresence() bool {
	size := r.set.cfg.Limits.Presence
	return size >= 0 && len(r.members) > size
}

// addToBatchLocked adds e to the batch if the room is too large. It reports whether it has.
func (r *room) addToBatchLocked(e *chatlog.Event) bool {
	if !r.batchesPresence() {
		return false
	}
	r.startBatchLocked()
	to, from := r.batch.joined, r.batch.left
	if e.Kind == chatlog.KindLeave {
		to, from = from, to
	}
	if _, ok := from[e.UserID]; ok {
		delete(from, e.UserID) // came and went: nothing happened
	} else {
		to[e.UserID] = e.Username
	}
	return true
}

// startBatchLocked begins a batch, and starts a goroutine that sends it soon, unless there
// is one.
func (r *room) startBatchLocked() {
	if r.batch != nil {
		return
	}
	r.batch = &presenceBatch{joined: map[string]string{}, left: map[string]string{}}
	r.set.spawn(func(ctx context.Context) {
		pause.For(ctx, batchPause)
		r.sendBatch(ctx)
	})
}

// sendBatch ends the batch and adds its presence object to the stream.
func (r *room) sendBatch(ctx context.Context) {
	total, read := 0, false
	if !r.set.cfg.Local {
		list, err := r.set.log.Members(ctx, r.name, 0)
		total, read = list.Total, err == nil
	}
	r.mu.Lock()
	c := r.batch
	r.batch = nil
	if t := &r.roster; !read {
		total = len(t.list) + t.unlisted
		t.mayDiffer = !r.set.cfg.Local
	} else if total != len(t.list)+t.unlisted {
		t.mayDiffer = true
	}
	r.roster.countTold = total
	b := append([]byte(nil), `{"type":"`+proto.TypePresence+`","joined":`...)
	most := max(batchNames, batchTotal/max(1, len(r.members)))
	b = appendNames(b, c.joined, most)
	b = appendNames(append(b, `,"left":`...), c.left, most)
	b = strconv.AppendInt(append(b, `,"count":`...), int64(total), 10)
	r.putObjectLocked(append(b, '}'), 0, 0, &stream.Audience{V1Only: true})
	r.mu.Unlock()
	r.wake()
}

func appendNames(b []byte, names map[string]string, most int) []byte {
	b = append(b, '[')
	n := 0
	for user, name := range names {
		if n++; n > most {
			break
		}
		if n > 1 {
			b = append(b, ',')
		}
		b = proto.AppendQuoted(append(b, `{"user":`...), user)
		b = proto.AppendQuoted(append(b, `,"username":`...), name)
		b = append(b, '}')
	}
	return append(b, ']')
}
