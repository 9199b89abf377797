package redislog_test

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/redislog"
)

// Two servers with one Redis, maybe on two machines, form one chat.
func Example() {
	newServer := func() *chat.Server {
		client := redis.NewUniversalClient(&redis.UniversalOptions{
			Addrs:                 []string{os.Getenv("REDIS")}, // such as 127.0.0.1:6379
			ContextTimeoutEnabled: true,
		})
		return chat.New(chat.WithLog(redislog.New(client)))
	}
	one, two := newServer(), newServer()
	defer one.Close()
	defer two.Close()

	ctx := context.Background()
	if _, err := one.Publish(ctx, "general", chat.Message{Username: "Alice", Text: "Hello!", ID: "greeting-1"}); err != nil {
		fmt.Println(err)
		return
	}
	page, err := two.History(ctx, "general", chat.Query{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range page.Events {
		fmt.Printf("%d %s: %s\n", e.Offset, e.Username, e.Text)
	}
	// Output: 1 Alice: Hello!
}
