package pglog_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
)

// Two servers with one database form one chat.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	rooms := pglog.New(pool, pglog.WithKeep(100_000), pglog.WithKeepFor(90*24*time.Hour))
	if err := rooms.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	here := chat.New(chat.WithLog(rooms)) // an http.Handler
	defer here.Close()
	there := chat.New(chat.WithLog(rooms))
	defer there.Close()

	hello := chat.Message{Username: "Alice", Text: "Hello!", ID: "greeting-1"}
	if _, err := here.Publish(ctx, "general", hello); err != nil {
		log.Fatal(err)
	}
	page, err := there.History(ctx, "general", chat.Query{Limit: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.Events[0].Offset, page.Events[0].Username, page.Events[0].Text)
	// Output: 1 Alice Hello!
}

// An order and its message are stored in one transaction.
func ExampleLog_AppendTx() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	rooms := pglog.New(pool, pglog.WithSchema("shop"))
	if err := rooms.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `CREATE TABLE shop.orders (id text PRIMARY KEY, item text)`); err != nil {
		log.Fatal(err)
	}
	srv := chat.New(chat.WithLog(rooms))
	defer srv.Close()

	buy := func(id, item string) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO shop.orders VALUES ($1, $2)`, id, item); err != nil {
				return err
			}
			m := chat.Message{UserID: "shop", Username: "Shop", Text: "New order: " + item, ID: "order-" + id}
			_, err := rooms.AppendTx(ctx, tx, "orders", m) // last: it holds the room's lock until the commit
			return err
		})
	}
	fmt.Println(buy("17", "a lamp"))
	fmt.Println(buy("17", "a table") != nil) // the order exists, so nothing is said either

	page, err := srv.History(ctx, "orders", chat.Query{})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.Events {
		fmt.Println(e.Offset, e.Username, e.Text)
	}
	// Output:
	// <nil>
	// true
	// 1 Shop New order: a lamp
}
