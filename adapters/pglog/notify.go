package pglog

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A NOTIFY holds a lock of the whole database until its transaction is committed.
// Transactions that append therefore send none: no other transaction could commit while
// they wait for the disk. One goroutine collects the notices and sends them in
// transactions of their own. A payload consists of lines: first the sender's tag, then for
// each room its key and the first and last new offset, or its key and a signal as JSON.

const (
	maxPayload  = 7900 // bytes; PostgreSQL's limit is less than 8,000
	maxPayloads = 16   // in one statement
	maxSignals  = 1024 // waiting
	maxNotices  = 10_000
)

var (
	errClosed  = errors.New("pglog: the feed is not open")
	errTooLong = errors.New("pglog: a signal that does not fit into a notification")
	errSignals = errors.New("pglog: too many signals wait for the database")
)

// A span is a range of offsets, both ends included.
type span struct{ first, last uint64 }

func (s span) with(t span) span {
	return span{min(s.first, t.first), max(s.last, t.last)}
}

// key returns the key of a room in notices: the first 128 bits of a hash of its name.
// Nobody can find two rooms with the same key.
func key(room string) string {
	sum := sha256.Sum256([]byte(room))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// notices are those that wait to be sent. While there are any, one goroutine sends them. The
// fields are guarded by mu, except unheard.
type notices struct {
	mu      sync.Mutex
	spans   map[string]span // by the room's key
	signals []signal
	echo    bool // send a payload even if it is empty
	sending bool

	unheard atomic.Int64 // how many times the Log has sent since it last received its own notice
}

type signal struct {
	line string
	done chan<- error // has room for one
}

func (n *notices) init() { n.spans = map[string]span{} }

// announceSpan sends a notice that the events of s are new in the room with that key.
func (l *Log) announceSpan(key string, s span) {
	n := &l.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.spans[key]; ok {
		s = s.with(old)
	} else if len(n.spans) >= maxNotices {
		return // the other servers find the events by comparing positions
	}
	n.spans[key] = s
	l.notifyLocked()
}

// sendEcho sends a payload, even an empty one, that the Log expects to receive itself.
func (l *Log) sendEcho() {
	l.notices.mu.Lock()
	defer l.notices.mu.Unlock()
	l.notices.echo = true
	l.notifyLocked()
}

// Signal implements [chatlog.Feed]: it sends e with NOTIFY and does not store it. It returns
// an error if e has more than about 7,800 bytes as JSON, or if 1,024 signals already wait.
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.Offset = 0
	data, err := json.Marshal(signalled(e))
	if err != nil {
		return err
	}
	line := key(room) + " " + string(data) + "\n"
	if len(line) > maxPayload-len(l.tag)-1 {
		return errTooLong
	}
	done := make(chan error, 1)
	n := &l.notices
	n.mu.Lock()
	if len(n.signals) >= maxSignals {
		n.mu.Unlock()
		return errSignals
	}
	n.signals = append(n.signals, signal{line, done})
	l.notifyLocked()
	n.mu.Unlock()
	select {
	case err := <-done:
		if err == nil {
			l.push(room, "", e)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signalled is an event whose JSON has all fields. The JSON of a chatlog.Event has only
// those that clients get.
type signalled chatlog.Event

// notifyLocked starts the goroutine that sends notices, unless it runs already.
func (l *Log) notifyLocked() {
	if !l.notices.sending {
		l.notices.sending = true
		go l.notify()
	}
}

// notify sends the waiting notices. Notices that cannot be sent are lost: other servers
// compare positions.
func (l *Log) notify() {
	n := &l.notices
	for {
		payloads, signals := n.nextPayloads(l.tag)
		if len(payloads) == 0 {
			return
		}
		err := l.send(payloads)
		for _, s := range signals {
			s.done <- err
		}
		if err == nil {
			n.unheard.Add(1)
		}
	}
}

func (l *Log) send(payloads []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return l.with(ctx, func(c dbConn) error {
		_, err := c.Exec(ctx, `SELECT pg_notify($1, p) FROM unnest($2::text[]) p`, l.channel, payloads)
		return err
	})
}

// nextPayloads returns the next payloads and the signals in them. If there are no payloads,
// the caller stops sending.
func (n *notices) nextPayloads(tag string) (payloads []string, signals []signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	fits := func(line string) bool {
		if b.Len() > 0 && b.Len()+len(line) > maxPayload {
			payloads = append(payloads, b.String())
			b.Reset()
		}
		if len(payloads) == maxPayloads {
			return false
		}
		if b.Len() == 0 {
			b.WriteString(tag + "\n")
		}
		b.WriteString(line)
		return true
	}
	for len(n.signals) > 0 && fits(n.signals[0].line) {
		signals = append(signals, n.signals[0])
		n.signals = n.signals[1:]
	}
	for k, s := range n.spans {
		if !fits(fmt.Sprintf("%s %d %d\n", k, s.first, s.last)) {
			break
		}
		delete(n.spans, k)
	}
	if n.echo && len(payloads) == 0 {
		fits("")
	}
	n.echo = false
	if b.Len() > 0 {
		payloads = append(payloads, b.String())
	}
	n.sending = len(payloads) > 0
	return payloads, signals
}

// A notice is one line of a payload.
type notice struct {
	key    string
	span   span
	signal *signalled
}

// parseNotices parses a payload. It skips lines that it does not understand.
func parseNotices(payload string) (tag string, lines []notice) {
	tag, rest, _ := strings.Cut(payload, "\n")
	for line := range strings.Lines(rest) {
		k, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n := notice{key: k}
		if strings.HasPrefix(what, "{") {
			n.signal = new(signalled)
			if json.Unmarshal([]byte(what), n.signal) != nil || n.signal.Offset != 0 {
				continue
			}
		} else {
			first, last, _ := strings.Cut(what, " ")
			var err1, err2 error
			n.span.first, err1 = strconv.ParseUint(first, 10, 53)
			n.span.last, err2 = strconv.ParseUint(last, 10, 53)
			if err1 != nil || err2 != nil || n.span.first == 0 || n.span.first > n.span.last {
				continue
			}
		}
		lines = append(lines, n)
	}
	return tag, lines
}
