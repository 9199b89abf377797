package client

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

const (
	maxWindow    = 32          // messages sent and not yet acknowledged
	refusedPause = time.Second // before a refused message is sent again, if the server does not say
	// A message that the server may have stored is not sent again when the server is
	// about to forget its id.
	dedupe = proto.IDWindow - 30*time.Second
)

// call is a request that waits for its answer, over any number of connections.
type call struct {
	room    *Room // nil: it is for the connection
	id      string
	typ     chatlog.Type // of what is sent, if it becomes an entry of the log
	kind    chatlog.Type // of the answer
	objects [][]byte     // to send
	rich    bool         // an older server would store only a part of it
	answer  chan answer

	// Guarded by Conn.mu.
	sent    bool      // on the present connection
	at      time.Time // when it was last sent
	doubt   time.Time // when it was first sent without learning the outcome
	refused *Error    // the latest refusal after which it is sent again
}

type answer struct {
	obj *object
	err error
}

// message reports whether the call sends a message, or what amends one.
func (k *call) message() bool { return k.kind == proto.TypeAck }

// fate returns the error of a call that ends unanswered because of err.
func (k *call) fate(err error) error {
	switch {
	case k.message() && (k.sent || !k.doubt.IsZero()):
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	case k.refused != nil:
		return fmt.Errorf("%w: %w", err, k.refused)
	}
	return err
}

// callKey is what an answer names its call by.
type callKey struct {
	room *Room
	id   string
}

// outbox has the calls in the order in which they were made. What a room's visit, or its
// log, holds up, does not hold up those of other rooms. Guarded by Conn.mu.
type outbox struct {
	messages []*call // of each room, those sent in the present visit come first
	others   []*call
	byKey    map[callKey]*call
	flying   int       // messages sent and not answered
	window   int       // the limit of flying: 1 after a refusal, one more after each ack
	hold     time.Time // no message is sent before then, because there were too many
	plain    bool      // the server is of a version without data, replies and amendments
}

// add adds k, or returns false if another call has the same id.
func (o *outbox) add(k *call) bool {
	if o.byKey[k.key()] != nil {
		return false
	}
	o.byKey[k.key()] = k
	if k.room != nil {
		k.room.back.calls++
	}
	if k.message() {
		o.messages = append(o.messages, k)
	} else {
		o.others = append(o.others, k)
	}
	return true
}

func (k *call) key() callKey { return callKey{k.room, k.id} }

// of returns the call of a room that an answer with this id is for, or one of the connection,
// or nil.
func (o *outbox) of(r *Room, id string) *call {
	if k := o.byKey[callKey{r, id}]; k != nil {
		return k
	}
	return o.byKey[callKey{nil, id}]
}

func (o *outbox) remove(k *call) {
	if o.byKey[k.key()] != k {
		return
	}
	delete(o.byKey, k.key())
	if k.room != nil {
		k.room.back.calls--
	}
	list := &o.others
	if k.message() {
		list = &o.messages
		if k.sent {
			o.flying--
		}
	}
	i := slices.Index(*list, k)
	*list = slices.Delete(*list, i, i+1)
}

// finish removes k and gives its caller the answer.
func (o *outbox) finish(k *call, obj *object, err error) {
	o.remove(k)
	k.answer <- answer{obj, err}
}

// next returns the call to send now and marks it as sent. If there is none it returns nil
// and when to ask again; the zero time is after the next change.
func (o *outbox) next(now time.Time) (*call, time.Time) {
	for _, k := range o.others {
		if !k.sent && k.room.present() {
			k.sent, k.at = true, now
			return k, time.Time{}
		}
	}
	var until time.Time
	for i := 0; i < len(o.messages) && o.flying < o.window; {
		k := o.messages[i]
		switch {
		case k.sent || !k.room.present():
			i++
		case !k.doubt.IsZero() && now.Sub(k.doubt) >= dedupe:
			o.finish(k, nil, ErrUncertain)
		case k.rich && o.plain:
			o.finish(k, nil, k.fate(errPlain))
		case now.Before(o.hold):
			return nil, earlier(until, o.hold)
		case now.Before(k.room.back.hold):
			until = earlier(until, k.room.back.hold)
			i++
		default:
			k.sent, k.at = true, now
			o.flying++
			return k, time.Time{}
		}
	}
	return nil, until
}

// accept finishes k, which may be nil, if it waits for an answer of this type.
func (o *outbox) accept(k *call, kind chatlog.Type, obj *object) {
	if k == nil || k.kind != kind {
		return
	}
	if k.message() && k.sent {
		o.window = min(o.window+1, maxWindow)
	}
	o.finish(k, obj, nil)
}

// refuse processes an error object for k, which may be nil. A message that may succeed later
// goes back to its place in the queue, and all messages of its room after it wait too; after
// too many messages, those of all rooms.
func (o *outbox) refuse(k *call, e *Error, rateRetry bool, now time.Time) {
	if k == nil {
		return
	}
	limited, away := e.Code == CodeRateLimited && rateRetry, e.Code == CodeUnavailable
	if !k.message() || !limited && !away {
		if e.Code == CodeUnknownType && k.message() {
			e = unknownType(k.typ)
		}
		o.finish(k, nil, e)
		return
	}
	if !k.sent {
		return // the answer to an earlier attempt
	}
	wait, hold := e.RetryAfter, &o.hold
	if wait <= 0 {
		wait = refusedPause
	}
	if away {
		k.doubtful()
		wait += rand.N(wait)
		hold = &k.room.back.hold
	}
	if until := now.Add(wait); until.After(*hold) {
		*hold = until
	}
	k.sent, k.refused = false, e
	o.flying--
	o.window = 1
}

// doubtful records that the last attempt may have succeeded.
func (k *call) doubtful() {
	if k.doubt.IsZero() {
		k.doubt = k.at
	}
}

// lost marks the calls of a room as not sent, after the end of a visit, or those of the
// connection if r is nil.
func (o *outbox) lost(r *Room) {
	for _, k := range o.messages {
		if k.room == r && k.sent {
			k.doubtful()
			k.sent = false
			o.flying--
		}
	}
	for _, k := range o.others {
		if k.room == r {
			k.sent = false
		}
	}
}

// tooBig finishes the largest message that was sent, after the server has closed the
// connection because one was too big.
func (o *outbox) tooBig(err error) {
	var big *call
	for _, k := range o.messages {
		if k.sent && (big == nil || len(k.objects[0]) > len(big.objects[0])) {
			big = k
		}
	}
	if big != nil {
		o.finish(big, nil, err)
	}
}

// do makes a call and waits for its answer.
func (c *Conn) do(ctx context.Context, k *call) (*object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k.answer = make(chan answer, 1)
	c.mu.Lock()
	err := c.err
	if k.room != nil {
		err = k.room.err
	}
	if err != nil {
		c.mu.Unlock()
		return nil, err
	}
	if !c.out.add(k) {
		c.mu.Unlock()
		return nil, &Error{Code: CodeBadRequest, Message: "another message with this ID is being sent"}
	}
	if k.typ == chat.TypeMessage || k.typ == chat.TypePrivate {
		k.room.notices.typing.due = false // the message shows it
	}
	if r := cmp.Or(k.room, c.rooms.one); r != nil {
		r.changed.all() // it may wait for something to send
	}
	c.mu.Unlock()
	c.nudge()
	select {
	case a := <-k.answer:
		return a.obj, a.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case a := <-k.answer:
		return a.obj, a.err
	default:
	}
	c.out.remove(k)
	c.nudge() // the window may have room
	return nil, k.fate(ctx.Err())
}

// nudge makes the writer look for work.
func (c *Conn) nudge() {
	select {
	case c.work <- struct{}{}:
	default:
	}
}
