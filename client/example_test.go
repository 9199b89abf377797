package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// A bot that answers "!echo something" in its room.
func Example() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	bot, err := client.Dial(ctx, service.URL, "general", client.WithUsername("Echo"))
	if err != nil {
		log.Fatal(err)
	}
	defer bot.Close()
	go func() {
		for e, err := range bot.Events(ctx) {
			if err != nil {
				return
			}
			text, ok := strings.CutPrefix(e.Text, "!echo ")
			if text = strings.TrimSpace(text); !ok || text == "" || e.Type != chat.TypeMessage || !e.Live {
				continue // an earlier run has answered this
			}
			// With this ID the server stores each answer once. An error concerns only
			// this answer; Events returns the one that ends the bot.
			answer := chat.Message{Text: text, ID: fmt.Sprintf("echo-%d-%d", e.Offset, e.Time.UnixMilli())}
			if _, err := bot.Publish(ctx, answer); err != nil {
				log.Print(err)
			}
		}
	}()

	alice, err := client.Dial(ctx, service.URL, "general", client.WithUsername("Alice"))
	if err != nil {
		log.Fatal(err)
	}
	defer alice.Close()
	if _, err := alice.Send(ctx, "!echo Is anybody here?"); err != nil {
		log.Fatal(err)
	}
	for e, err := range alice.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if e.Type == chat.TypeMessage {
			fmt.Printf("%s: %s\n", e.Username, e.Text)
		}
		if e.Username == "Echo" && e.Type == chat.TypeMessage {
			break
		}
	}
	// Output:
	// Alice: !echo Is anybody here?
	// Echo: Is anybody here?
}

func ExampleRoom_Send() {
	srv := chat.New(chat.WithFilter(func(_ context.Context, _ chat.User, _ string, e *chat.Message) error {
		if strings.Contains(e.Text, "casino") {
			return chat.Refuse("no advertising, please")
		}
		return nil
	}))
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.Dial(ctx, service.URL, "general", client.WithoutEvents())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	offset, err := c.Send(ctx, "Hello!")
	fmt.Println(offset, err)

	_, err = c.Send(ctx, "Visit our casino")
	var refused *client.Error
	if errors.As(err, &refused) && refused.Code == client.CodeRejected {
		fmt.Println(refused.Message)
	}
	// Output:
	// 1 <nil>
	// no advertising, please
}

// A message with an ID is stored once, no matter how often one user publishes it within
// five minutes, and over how many connections.
func ExampleRoom_Publish() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.Dial(ctx, service.URL, "ops", client.WithoutEvents())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		offset, err := c.Publish(ctx, chat.Message{Text: "v1.2.3 is live", ID: "deploy-1.2.3"})
		fmt.Println(offset, err)
	}
	// Output:
	// 1 <nil>
	// 1 <nil>
}

func ExampleRoom_History() {
	srv := chat.New(chat.WithHistory(100))
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 5 {
		srv.Publish(ctx, "general", chat.Message{Username: "Alice", Text: fmt.Sprint("message ", i)})
	}

	c, err := client.Dial(ctx, service.URL, "general")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	r := chat.Query{Limit: 2}
	for more := true; more; {
		page, err := c.History(ctx, r)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("a page:")
		for _, e := range page.Events {
			fmt.Println(e.Offset, e.Text)
		}
		more = page.More && len(page.Events) > 0
		if more {
			r.Before = page.Events[0].Offset
		}
	}
	// Output:
	// a page:
	// 4 message 3
	// 5 message 4
	// a page:
	// 2 message 1
	// 3 message 2
	// a page:
	// 1 message 0
}

// A program that saves the position of the last event that it has processed can continue
// there after a restart.
func ExampleWithSince() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 4 {
		srv.Publish(ctx, "general", chat.Message{Text: fmt.Sprint("message ", i)})
	}

	run := func(since string, n int) (place string) {
		at, err := chat.ParsePosition(since)
		if err != nil {
			log.Fatal(err)
		}
		c, err := client.Dial(ctx, service.URL, "general", client.WithSince(at))
		if err != nil {
			log.Fatal(err)
		}
		defer c.Close()
		for e, err := range c.Events(ctx) {
			if err != nil {
				log.Fatal(err)
			}
			switch e.Type {
			case client.TypeGap:
				fmt.Println("messages may be missing here")
			case chat.TypeMessage:
				fmt.Println(e.Text)
				if n--; n == 0 {
					return e.Position.String()
				}
			}
		}
		panic("unreachable: an error comes last")
	}
	place := run("", 2)
	fmt.Println("restarted")
	run(place, 2)
	// Output:
	// message 0
	// message 1
	// restarted
	// message 2
	// message 3
}
