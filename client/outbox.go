package client

import (
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

// outbox has the calls in the order in which they were made. Guarded by Conn.mu.
type outbox struct {
	messages []*call // those sent on the present connection come first
	others   []*call
	byID     map[string]*call
	flying   int       // messages sent and not answered
	window   int       // the limit of flying: 1 after a refusal, one more after each ack
	hold     time.Time // no message is sent before then
	plain    bool      // the server is of a version without data, replies and amendments
}

// add adds k, or returns false if another call has the same id.
func (o *outbox) add(k *call) bool {
	if o.byID[k.id] != nil {
		return false
	}
	o.byID[k.id] = k
	if k.message() {
		o.messages = append(o.messages, k)
	} else {
		o.others = append(o.others, k)
	}
	return true
}

func (o *outbox) remove(k *call) {
	if o.byID[k.id] != k {
		return
	}
	delete(o.byID, k.id)
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
		if !k.sent {
			k.sent, k.at = true, now
			return k, time.Time{}
		}
	}
	for i := 0; i < len(o.messages) && o.flying < o.window; {
		k := o.messages[i]
		switch {
		case k.sent:
			i++
		case !k.doubt.IsZero() && now.Sub(k.doubt) >= dedupe:
			o.finish(k, nil, ErrUncertain)
		case k.rich && o.plain:
			o.finish(k, nil, k.fate(errPlain))
		case now.Before(o.hold):
			return nil, o.hold
		default:
			k.sent, k.at = true, now
			o.flying++
			return k, time.Time{}
		}
	}
	return nil, time.Time{}
}

// accept finishes the call that an answer of this type is for.
func (o *outbox) accept(id string, kind chatlog.Type, obj *object) {
	k := o.byID[id]
	if k == nil || k.kind != kind {
		return
	}
	if k.message() && k.sent {
		o.window = min(o.window+1, maxWindow)
	}
	o.finish(k, obj, nil)
}

// refuse processes an error object. A message that may succeed later goes back to its
// place in the queue, and all messages after it wait too.
func (o *outbox) refuse(id string, e *Error, rateRetry bool, now time.Time) {
	k := o.byID[id]
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
	wait := e.RetryAfter
	if wait <= 0 {
		wait = refusedPause
	}
	if away {
		k.doubtful()
		wait += rand.N(wait)
	}
	if until := now.Add(wait); until.After(o.hold) {
		o.hold = until
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

// lost marks all calls as not sent, after the loss of a connection.
func (o *outbox) lost() {
	for _, k := range o.messages {
		if k.sent {
			k.doubtful()
		}
		k.sent = false
	}
	for _, k := range o.others {
		k.sent = false
	}
	o.flying = 0
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
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, c.err
	}
	if !c.out.add(k) {
		c.mu.Unlock()
		return nil, &Error{Code: CodeBadRequest, Message: "another message with this ID is being sent"}
	}
	if k.typ == chat.TypeMessage || k.typ == chat.TypePrivate {
		c.notices.typing.due = false // the message shows it
	}
	c.changedLocked()
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
