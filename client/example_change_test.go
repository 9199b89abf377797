package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// A message that is changed later: everyone gets the edit, and who comes later the new text.
func ExampleRoom_Edit() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.Dial(ctx, service.URL, "builds", client.WithoutEvents())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	build, err := c.Publish(ctx, chat.Message{Text: "Build 7 runs", Data: json.RawMessage(`{"build":7,"done":false}`)})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Edit(ctx, build, chat.Message{Text: "Build 7 has passed", Data: json.RawMessage(`{"build":7,"done":true}`)}); err != nil {
		log.Fatal(err)
	}
	if _, err := c.React(ctx, build, "🎉"); err != nil {
		log.Fatal(err)
	}
	page, err := c.History(ctx, chat.Query{})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range page.Events {
		fmt.Println(m.Offset, m.Text, string(m.Data), m.Reactions[0].Reaction, m.Reactions[0].Count)
	}

	if _, err := c.Delete(ctx, build); err != nil {
		log.Fatal(err)
	}
	_, err = c.Edit(ctx, build, chat.Message{Text: "too late"})
	var refused *client.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Code)
	}
	// Output:
	// 1 Build 7 has passed {"build":7,"done":true} 🎉 1
	// no_such_message
}

// A program that shows a room keeps a View of it.
func ExampleView() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.Dial(ctx, service.URL, "general")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	go func() {
		bob := chat.By{UserID: "u2", Username: "Bob"}
		srv.Publish(ctx, "general", chat.Message{UserID: "u1", Username: "Alice", Text: "Lunch at 12?"})
		srv.Publish(ctx, "general", chat.Message{UserID: "u2", Username: "Bob", Text: "Yes!", ReplyTo: 1})
		srv.Edit(ctx, "general", 1, chat.Message{UserID: "u1", Username: "Alice", Text: "Lunch at 1?"})
		srv.React(ctx, "general", 1, bob, "👍", false)
		srv.Delete(ctx, "general", 2, bob)
		srv.Publish(ctx, "general", chat.Message{UserID: "u2", Username: "Bob", Text: "Yes.", ReplyTo: 1})
	}()

	view := client.NewView(500)
	for e, err := range c.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if view.Apply(e); e.Text == "Yes." {
			break
		}
	}
	for _, m := range view.Messages() {
		if to, ok := view.Message(m.ReplyTo); ok {
			fmt.Printf("to %q: ", to.Text)
		}
		fmt.Print(m.Username, ": ", m.Text)
		for _, r := range m.Reactions {
			fmt.Print(" ", r.Reaction, " ", r.Count)
		}
		fmt.Println()
	}
	// Output:
	// Alice: Lunch at 1? 👍 1
	// to "Lunch at 1?": Bob: Yes.
}
