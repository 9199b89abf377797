package pglog_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// sized returns a signal with n bytes of data. Any change of a byte can be seen.
func sized(user string, n int) chatlog.Event {
	var b strings.Builder
	b.WriteString(`{"a" : "<`)
	for i := 0; b.Len() < n-5; i++ {
		fmt.Fprintf(&b, "%dé", i)
	}
	for b.Len() < n-2 {
		b.WriteByte(' ')
	}
	b.WriteString(`"}`)
	return chatlog.Event{Type: chatlog.TypeSignal, Kind: "cursor", UserID: user, Username: "U\x00", Data: []byte(b.String()), Text: "\x1a"}
}

// A signal of up to 100,000 bytes arrives unchanged. A larger one is refused.
func TestLargeSignals(t *testing.T) {
	schema := pglog.WithSchema(newSchema())
	a, b := migrated(t, shared.pool(t), schema), migrated(t, shared.pool(t), schema)
	opened(t, a)
	heard := opened(t, b, "room")
	want := map[string]chatlog.Event{}
	for i, n := range []int{20, 7000, 7600, 7700, 7800, 7850, 7900, 8000, 8192, 15_600, 15_700, 50_000, 80_000} {
		e := sized(fmt.Sprint("u", i), n)
		want[e.UserID] = e
		if err := a.Signal(t.Context(), "room", e); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if err := a.Signal(t.Context(), "room", sized("u", 100_000)); err == nil {
		t.Error("a signal of more than 100,000 bytes: no error")
	}
	eventually(t, "all are pushed", func() bool { return len(heard.all()) == len(want) })
	for _, p := range heard.all() {
		if diff := cmp.Diff(want[p.Event.UserID], p.Event); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// Several servers send large and small signals concurrently, between notices of entries. The
// signals are never mixed.
func TestSignalsNotMixed(t *testing.T) {
	schema := pglog.WithSchema(newSchema())
	listener := migrated(t, shared.pool(t), schema)
	heard := opened(t, listener, "room", "other")
	var wg sync.WaitGroup
	for s := range 3 {
		l := migrated(t, shared.pool(t), schema)
		for w := range 4 {
			wg.Go(func() {
				for i := range 10 {
					if err := l.Signal(t.Context(), []string{"room", "other"}[i%2], sized(fmt.Sprint(s, w), 100+i*4000)); err != nil {
						t.Error(err)
					}
					mustAppend(t, l, "room", text("u", "", "m"))
				}
			})
		}
	}
	wg.Wait()
	signals := func() (all []chatlog.Event) {
		for _, p := range heard.all() {
			if p.Event.Type == chatlog.TypeSignal {
				all = append(all, p.Event)
			}
		}
		return all
	}
	eventually(t, "all are pushed", func() bool { return len(signals()) == 3*4*10 })
	got := map[string]int{}
	for _, e := range signals() {
		want := sized(e.UserID, len(e.Data))
		if !cmp.Equal(e, want) {
			t.Fatalf("a signal of %d bytes was never sent", len(e.Data))
		}
		got[fmt.Sprint(e.UserID, " ", len(e.Data))]++
	}
	for k, n := range got {
		if n != 1 {
			t.Errorf("%s: %d times", k, n)
		}
	}
}

// If a part is missing, or belongs to another signal, the other parts make no signal.
func TestBrokenSignals(t *testing.T) {
	lines := pglog.SignalLines(t, "room", sized("u", 30_000))
	if len(lines) < 4 || pglog.Received(lines) != 1 || pglog.Received(append(slices.Clone(lines), lines...)) != 2 {
		t.Fatalf("%d parts", len(lines))
	}
	for i := range lines {
		without := slices.Delete(slices.Clone(lines), i, i+1)
		twice := slices.Insert(slices.Clone(lines), i, lines[i])
		if n := pglog.Received(without); n != 0 {
			t.Errorf("without part %d: %d signals", i+1, n)
		}
		if n := pglog.Received(twice); n != 0 && i > 0 && i < len(lines)-1 {
			t.Errorf("with part %d twice: %d signals", i+1, n)
		}
		if n := pglog.Received(append(without, lines...)); n != 1 {
			t.Errorf("without part %d, and then whole: %d signals", i+1, n)
		}
	}
	for _, bad := range []string{"+", "+1 2", "+1 0 2 {", "+1 2 1 {", "+1 1 99 {", "+1 x 2 {", "+1 1 1 {", "{", "{}x"} {
		if n := pglog.Received([]string{"key " + bad + "\n"}); n != 0 {
			t.Errorf("%q is taken for a signal", bad)
		}
	}
}
