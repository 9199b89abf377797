package pglog_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Retention leaves out the rooms that a transaction holds, and does not wait for it. So it never
// holds the locks of other rooms while it waits.
func TestRetainBesideTransaction(t *testing.T) {
	t.Parallel()
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema), pglog.WithKeep(2))
	names := []string{"amended", "held amended", "held hidden", "held plain", "plain"}
	fill := func(room string) {
		for i := range 5 {
			mustAppend(t, l, room, text("u", "", fmt.Sprint(i)))
		}
		var wg sync.WaitGroup
		for i := range 300 { // so many that some of the amendments go too
			if strings.HasSuffix(room, "plain") {
				break
			}
			wg.Go(func() {
				if _, err := l.Amend(t.Context(), room, react(fmt.Sprint("v", i), 5, ":a:"), false); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	fill("held hidden")
	mustPrune(t, l) // hides events, whose rows stay for ten minutes
	for _, room := range names {
		if room != "held hidden" {
			fill(room)
		}
	}
	age(t, schema, time.Hour)
	tx := begin(t)
	for _, room := range names[1:4] {
		mustAppendTx(t, l, tx, room, chat.Message{Text: "m"})
	}
	firsts := func() (first []uint64) {
		for _, room := range names {
			p, err := l.Read(t.Context(), room, chatlog.Range{Messages: true})
			if err != nil {
				t.Fatal(err)
			}
			first = append(first, p.First)
		}
		return first
	}
	before := rows(t, schema)
	if err := pglog.PruneStep(soon(t), l); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(firsts()); got != "[4 1 4 1 4]" {
		t.Errorf("the rooms begin at %s", got)
	}
	if got := before - rows(t, schema); got != 3+3+44 {
		t.Errorf("%d rows were deleted", got)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPrune(t, l)
	if got := fmt.Sprint(firsts()); got != "[4 4 4 4 4]" {
		t.Errorf("then the rooms begin at %s", got)
	}
	if got := before - rows(t, schema); got != 3*(3+44)+2*3 {
		t.Errorf("%d rows were deleted", got)
	}
}
