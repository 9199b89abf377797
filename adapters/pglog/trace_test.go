package pglog_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// traceRecorder is a recorder that also records traces, by offset.
type traceRecorder struct {
	recorder
	lock   sync.Mutex
	traces map[uint64]string
}

func (r *traceRecorder) Traced(room, _ string, offset uint64, trace string) {
	late := r.offsets(room)[offset]
	r.lock.Lock()
	defer r.lock.Unlock()
	if late {
		trace = "late: " + trace
	}
	r.traces[offset] = trace
}

// TestTraces appends entries, some with a trace. On the server that appends and on another one, each
// trace is reported before its entry is pushed. A sink that takes no traces gets the entries.
func TestTraces(t *testing.T) {
	schema := pglog.WithSchema(newSchema())
	logs := []*pglog.Log{migrated(t, shared.pool(t), schema), migrated(t, shared.pool(t), schema)}
	plain := opened(t, logs[1], "r")
	var sinks []*traceRecorder
	for _, l := range logs {
		r := &traceRecorder{traces: map[uint64]string{}}
		if err := l.Open(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close(r) })
		if err := l.Watch(t.Context(), r, "r"); err != nil {
			t.Fatal(err)
		}
		sinks = append(sinks, r)
	}
	want := map[uint64]string{}
	for i := range 8 {
		ctx := t.Context()
		if i%2 == 1 {
			want[uint64(i+1)] = fmt.Sprint("trace-", i)
			ctx = chatlog.WithTrace(ctx, fmt.Sprint("trace-", i))
		}
		e := text("u", fmt.Sprint(i), "hello")
		var err error
		if i < 6 {
			_, err = logs[0].Append(ctx, "r", e)
		} else {
			e.Type, e.Target = chatlog.TypeEdit, 1
			_, err = logs[0].Amend(ctx, "r", e, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are pushed", func() bool { return len(plain.offsets("r")) == 8 })
	for i, r := range sinks {
		eventually(t, "all are pushed", func() bool { return len(r.offsets("r")) == 8 })
		r.lock.Lock()
		if fmt.Sprint(r.traces) != fmt.Sprint(want) {
			t.Errorf("server %d: traces %v, want %v", i, r.traces, want)
		}
		r.lock.Unlock()
	}
}
