package rooms

import (
	"context"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/trace"
)

const (
	maxTraces  = 64 // entries of a room whose traces wait for the round that delivers them
	maxReports = 64 // rounds that are being reported to the tracer
)

// tracedEntry is an entry with a trace. It waits for the round that delivers the entry.
type tracedEntry struct {
	offset uint64
	trace  string
}

// appendSpan is the span of an append. Its fields are nil or zero while it is not traced.
type appendSpan struct {
	trace string // of the entry
	ended time.Time
}

// Traced implements [chatlog.TracedSink].
func (s sink) Traced(name, epoch string, offset uint64, trace string) {
	if r := s.room(name); r != nil && s.cfg.Tracer != nil && chatlog.ValidTrace(trace) {
		r.noteTrace(epoch, offset, trace)
	}
}

// noteTrace notes the trace of an entry that is not in the stream yet. If it is, its round may be
// over.
func (r *room) noteTrace(epoch string, offset uint64, trace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := slices.ContainsFunc(r.traces, func(e tracedEntry) bool { return e.offset == offset })
	if trace == "" || known || !r.ready || epoch != r.epoch || offset <= r.last.Offset {
		return
	}
	if len(r.traces) >= maxTraces {
		r.traces = slices.Delete(r.traces, 0, 1)
	}
	r.traces = append(r.traces, tracedEntry{offset, trace})
}

// takeTracesLocked removes the traces of the entries in the stream, and returns them.
func (r *room) takeTracesLocked() (links []string) {
	later := r.traces[:0]
	for _, e := range r.traces {
		if e.offset <= r.last.Offset {
			links = append(links, e.trace)
		} else {
			later = append(later, e)
		}
	}
	clear(r.traces[len(later):])
	if r.traces = later; len(later) == 0 {
		r.traces = nil
	}
	return links
}

// publishTraced is Publish with a span of the append.
func (s *Set) publishTraced(ctx context.Context, name string, e chatlog.Event, moderator bool) (stored chatlog.Event, epoch string, err error) {
	span := trace.Span{Name: trace.Append, Room: name, Type: e.Type, Began: time.Now()}
	a := &appendSpan{trace: chatlog.TraceOf(ctx)}
	ctx, end := s.cfg.Tracer.Start(ctx, span)
	defer func() {
		span.Ended, span.Err = a.ended, err
		if err == nil {
			span.Offset = stored.Offset
		}
		end(span)
	}()
	return s.publish(ctx, name, e, moderator, a)
}

// reportRound tells the tracer of a round that has ended, in another goroutine: the next round
// does not wait for a slow tracer.
func (s *Set) reportRound(span trace.Span) {
	if s.counters.reports.Add(1) > maxReports {
		s.counters.reports.Add(-1)
		return
	}
	s.spawn(func(ctx context.Context) { // ends when the tracer returns
		defer s.counters.reports.Add(-1)
		_, end := s.cfg.Tracer.Start(ctx, span)
		end(span)
	})
}
