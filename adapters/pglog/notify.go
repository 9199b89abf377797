package pglog

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/fanout"
)

// A NOTIFY holds a lock of the whole database until its transaction is committed. So
// transactions that append send no notices: otherwise no other transaction could commit while
// they wait for the disk. One goroutine collects the notices and sends them in separate
// transactions. A payload consists of lines. The first is the sender's tag. Then there is a line
// for each room: its key and the first and last new offset, or its key and a signal (signal.go).
// Before the line of a room there may be some with the traces of its new events: its key, an offset
// after an at sign, and the trace. Servers of the previous version skip these.

const (
	maxPayload  = 7900 // bytes; PostgreSQL's limit is less than 8,000
	maxPayloads = 16   // in one statement
	maxSignals  = 1024 // waiting
	maxNotices  = 10_000
	maxTraces   = 32 // for one room in a payload; they take at most 5,600 bytes
)

var (
	errClosed  = errors.New("pglog: the feed is not open")
	errTooLong = errors.New("pglog: a signal of more than 100,000 bytes")
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

// notices are the waiting notices. While there are any, one goroutine sends them. The fields are
// guarded by mu, except parted and unheard.
type notices struct {
	mu      sync.Mutex
	spans   map[string]span     // by the room's key
	traces  map[string][]string // lines for these
	signals []signal
	echo    bool // send a payload even if it is empty
	sending bool

	parted  atomic.Uint64 // number of signals that were sent in parts; it makes their ids
	grown   fanout.Growth // of any room
	unheard atomic.Int64  // how many times the Log has sent since it last received its own notice
}

// A signal is a waiting signal, in one line or in several.
type signal struct {
	lines []string
	done  chan<- error // has a buffer of one
}

func (n *notices) init() { n.spans, n.traces = map[string]span{}, map[string][]string{} }

// announceSpan sends a notice that the events of s are new in the room with that key. traces are
// lines for those of the events that have a trace; a line that does not fit is left out.
func (l *Log) announceSpan(key string, s span, traces ...string) {
	n := &l.notices
	n.grown.Signal()
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.spans[key]; ok {
		s = s.with(old)
	} else if len(n.spans) >= maxNotices {
		return // the other servers find the events by comparing positions
	}
	n.spans[key] = s
	if room := min(len(traces), maxTraces-len(n.traces[key])); room > 0 {
		n.traces[key] = append(n.traces[key], traces[:room]...)
	}
	l.notifyLocked()
}

// sendEcho sends a payload, even an empty one, and the Log expects to receive it itself.
func (l *Log) sendEcho() {
	l.notices.mu.Lock()
	defer l.notices.mu.Unlock()
	l.notices.echo = true
	l.notifyLocked()
}

// notifyLocked starts the goroutine that sends notices, unless it runs already.
func (l *Log) notifyLocked() {
	if !l.notices.sending {
		l.notices.sending = true
		go l.notify()
	}
}

// notify sends the waiting notices. If that fails, the notices are lost. Then the other servers
// find the events by comparing positions.
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

// traceLine returns the line of a payload with the trace of an event.
func traceLine(key string, offset uint64, trace string) string {
	return fmt.Sprintf("%s @%d %s\n", key, offset, trace)
}

func (l *Log) send(payloads []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return l.with(ctx, func(c dbConn) error {
		_, err := c.Exec(ctx, `SELECT pg_notify($1, p) FROM unnest($2::text[]) p`, l.channel, payloads)
		return err
	})
}

// nextPayloads returns the next payloads and the signals in them. If there are none, the caller
// must stop sending.
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
	for len(n.signals) > 0 {
		s := n.signals[0]
		if len(s.lines) > 1 && len(payloads)+1+len(s.lines) > maxPayloads && b.Len() > 0 {
			break // all parts go in one transaction, so no other notices come between them
		}
		fit := true
		for _, line := range s.lines {
			fit = fit && fits(line)
		}
		if !fit {
			break
		}
		signals = append(signals, s)
		n.signals = n.signals[1:]
	}
	for k, s := range n.spans {
		if !fits(strings.Join(n.traces[k], "") + fmt.Sprintf("%s %d %d\n", k, s.first, s.last)) {
			break
		}
		delete(n.spans, k)
		delete(n.traces, k)
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
