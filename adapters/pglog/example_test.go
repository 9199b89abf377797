package pglog_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

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
