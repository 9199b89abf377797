package redislog_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// traceRecorder is a recorder that also records traces, by offset, and which entries were pushed
// before their trace.
type traceRecorder struct {
	recorder
	lock   sync.Mutex
	traces map[uint64]string
}

func (r *traceRecorder) Traced(room, epoch string, offset uint64, trace string) {
	late := r.last(room) >= offset
	r.lock.Lock()
	defer r.lock.Unlock()
	if late {
		trace = "late: " + trace
	}
	r.traces[offset] = trace
}

// TestTraces appends entries of all types, some with a trace. Each trace is reported to a sink that
// takes it before its entry is pushed; the entries are pushed and stored as without one.
func TestTraces(t *testing.T) {
	t.Parallel()
	prefix := newPrefix()
	a, b := redislog.New(shared.client(t), prefix), redislog.New(shared.client(t), prefix)
	plain, traced := opened(t, b, "r"), &traceRecorder{traces: map[uint64]string{}}
	if err := b.Open(t.Context(), traced); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(traced) })
	if err := b.Watch(t.Context(), traced, "r"); err != nil {
		t.Fatal(err)
	}
	var want []chatlog.Event
	traces := map[uint64]string{}
	for i, e := range []chatlog.Event{
		{Type: chatlog.TypeMessage, UserID: "u", Text: "one"},
		{Type: chatlog.TypeMessage, UserID: "u", Text: `{"trace":"fake"}`},
		{Type: chatlog.TypePrivate, UserID: "u", To: "v", Text: "p"},
		{Type: chatlog.TypePrivate, UserID: "u", To: "v", Text: "p, traced"},
		{Type: chatlog.TypeEdit, UserID: "u", Target: 1, Text: "edited"},
		{Type: chatlog.TypeReaction, UserID: "u", Target: 3, Reaction: "+"},
		{Type: chatlog.TypeDelete, UserID: "u", Target: 2},
		{Type: chatlog.TypeDelete, UserID: "u", Target: 4},
	} {
		ctx := t.Context()
		if i%2 == 1 {
			traces[uint64(i+1)] = fmt.Sprint("trace-", i)
			ctx = chatlog.WithTrace(ctx, fmt.Sprint("trace-", i))
		}
		var got chatlog.Appended
		var err error
		if e.Amends() {
			got, err = a.Amend(ctx, "r", e, false)
		} else {
			got, err = a.Append(ctx, "r", e)
		}
		if err != nil || got.Event.Offset != uint64(i+1) {
			t.Fatalf("%+v: %+v, %v", e, got, err)
		}
		want = append(want, got.Event)
	}
	for _, r := range []*recorder{plain, &traced.recorder} {
		eventually(t, "all are pushed", func() bool { return len(r.all()) == len(want) })
		for i, p := range r.all() {
			if got := fmt.Sprintf("%+v", p.Event); got != fmt.Sprintf("%+v", want[i]) {
				t.Errorf("pushed %s, want %+v", got, want[i])
			}
		}
	}
	traced.lock.Lock()
	defer traced.lock.Unlock()
	if fmt.Sprint(traced.traces) != fmt.Sprint(traces) {
		t.Errorf("traces %v, want %v", traced.traces, traces)
	}
	client := shared.client(t)
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		if dump, err := client.Dump(t.Context(), key).Result(); err == nil && strings.Contains(dump, "trace-") {
			t.Errorf("a trace is stored in %s", key)
		}
	}
}
