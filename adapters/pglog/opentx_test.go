package pglog_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

// Transactions that are left open hold more rooms than the pool has connections. Whoever writes to
// those rooms waits, and all other rooms work. After the transactions, every call has its result:
// a message with the id of a committed one is that message.
func TestOtherRoomsBesideTransactions(t *testing.T) {
	t.Parallel()
	schema := pglog.WithSchema(newSchema())
	l := migrated(t, shared.pool(t, "pool_max_conns=3"), schema)
	const held, others = 8, 8
	mustAppend(t, l, "held 0", text("w", "", "m")) // the other rooms are new
	var commit, rollBack = begin(t), begin(t)
	for i := range held {
		tx := []pgx.Tx{commit, rollBack}[i%2]
		mustAppendTx(t, l, tx, fmt.Sprint("held ", i), chat.Message{UserID: "u", ID: "1", Text: "in the transaction"})
	}
	type result struct {
		room string
		a    chatlog.Appended
		err  error
	}
	results := make(chan result, held*3)
	for i := range held {
		for id := range 3 {
			go func() {
				room := fmt.Sprint("held ", i)
				a, err := l.Append(context.Background(), room, text("u", fmt.Sprint(id+1), "alone"))
				for err != nil && t.Context().Err() == nil { // it has waited for ten seconds
					a, err = l.Append(context.Background(), room, text("u", fmt.Sprint(id+1), "alone"))
				}
				results <- result{room, a, err}
			}()
		}
	}
	eventually(t, "they wait", func() bool { n, _ := pglog.Waiting(l); return n == held*3 })
	var wg sync.WaitGroup
	for i := range others {
		wg.Go(func() {
			for n := range 15 {
				room := fmt.Sprint("other ", i)
				a, err := l.Append(soon(t), room, text("u", fmt.Sprint(n), "m"))
				if err != nil || a.Event.Offset != uint64(n+1) {
					t.Errorf("%s: %+v, %v", room, a, err)
				}
			}
		})
	}
	wg.Wait()
	select {
	case r := <-results:
		t.Errorf("a call for a held room returned %+v", r)
	default:
	}
	mustCommit(t, commit)
	if err := rollBack.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range held * 3 {
		r := <-results
		want := "alone"
		if committed := strings.TrimPrefix(r.room, "held ")[0]%2 == 0; committed && r.a.Event.ID == "1" {
			want = "in the transaction"
		}
		if r.err != nil || r.a.Event.Text != want {
			t.Errorf("%+v", r)
		}
	}
	for i := range held {
		want := 3
		if i == 0 {
			want = 4
		}
		all := readAll(t, l, fmt.Sprint("held ", i))
		checkDense(t, all)
		if len(all) != want {
			t.Errorf("room %d has %d events, want %d", i, len(all), want)
		}
	}
	eventually(t, "no call is left", func() bool { calls, rooms := pglog.Waiting(l); return calls+rooms == 0 })
}
