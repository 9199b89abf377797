package pglog_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
)

// BenchmarkAppendTx measures transactions that store a row and a message, 16 concurrently in as
// many rooms. It compares AppendTx, which sends notices after the commit, with the function
// append, which does it in the transaction or leaves it out.
func BenchmarkAppendTx(b *testing.B) {
	const senders = 16
	for _, mode := range []string{"AppendTx", "notify", "silent"} {
		b.Run(mode, func(b *testing.B) {
			schema := newSchema()
			pool := shared.pool(b, "pool_max_conns=24")
			l := migrated(b, pool, pglog.WithSchema(schema))
			other := migrated(b, shared.pool(b), pglog.WithSchema(schema))
			if _, err := pool.Exec(b.Context(), `CREATE TABLE `+schema+`.orders (n bigint)`); err != nil {
				b.Fatal(err)
			}
			var names []string
			for i := range senders {
				names = append(names, fmt.Sprint("room", i))
			}
			opened(b, l)
			opened(b, other, names...)
			var n atomic.Int64
			n.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for _, room := range names {
				wg.Go(func() {
					for n.Add(-1) >= 0 {
						err := pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error {
							if _, err := tx.Exec(b.Context(), `INSERT INTO `+schema+`.orders VALUES ($1)`, 1); err != nil {
								return err
							}
							if mode == "AppendTx" {
								_, err := l.AppendTx(b.Context(), tx, room, chat.Message{UserID: "shop", Text: "an order"})
								return err
							}
							_, err := tx.Exec(b.Context(), `SELECT `+schema+`.append($1, 'an order', 'shop', tells => $2)`, room, mode == "notify")
							return err
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
		})
	}
}
