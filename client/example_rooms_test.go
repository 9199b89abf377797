package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// A bot that is in several rooms over one connection, and reads each in a goroutine of its
// own.
func ExampleConnect() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv.Publish(ctx, "general", chat.Message{Username: "Alice", Text: "Good morning!"})
	srv.Publish(ctx, "music", chat.Message{Username: "Bob", Text: "Who sings tonight?"})

	conn, err := client.Connect(ctx, service.URL, client.WithUsername("Bot"))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	var readers sync.WaitGroup
	for _, name := range []string{"general", "music"} {
		room, err := conn.Join(ctx, name)
		if err != nil {
			log.Fatal(err)
		}
		readers.Go(func() { // ends with its first message; a real bot reads until room is closed
			for e, err := range room.Events(ctx) {
				if err != nil {
					log.Print(err)
					return
				}
				if e.Type == chat.TypeMessage {
					fmt.Printf("%s: %s: %s\n", name, e.Username, e.Text)
					return
				}
			}
		})
	}
	readers.Wait()
	// Unordered output:
	// general: Alice: Good morning!
	// music: Bob: Who sings tonight?
}

// A service puts a user into a room, and takes the user out again.
func ExampleConn_Accept() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	conn, err := client.Connect(ctx, service.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	user := conn.Welcome().User
	if err := srv.Join(ctx, user, "support-7"); err != nil {
		log.Fatal(err)
	}

	room, err := conn.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("in", room.Welcome().Room)
	if _, err := room.Send(ctx, "My order has not come."); err != nil {
		log.Fatal(err)
	}
	for e, err := range room.Events(ctx) {
		var ended *client.Error
		switch {
		case errors.As(err, &ended) && ended.Close == 1000:
			fmt.Println("the service has ended it")
		case err != nil:
			log.Fatal(err)
		case e.Type == chat.TypeMessage:
			fmt.Println(e.Text)
			if err := srv.Leave(ctx, user, "support-7"); err != nil {
				log.Fatal(err)
			}
		}
	}
	// Output:
	// in support-7
	// My order has not come.
	// the service has ended it
}
