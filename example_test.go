package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat"
)

// A server beside the other handlers of a service, and the shutdown of both.
func Example() {
	srv := chat.New(chat.WithHistory(100), chat.WithDefaultUsername("Guest"))
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", srv))

	service := &http.Server{Addr: "localhost:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	// go service.ListenAndServe(), and to stop the service:

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	srv.Shutdown(ctx) // first: net/http does not know upgraded connections
	service.Shutdown(ctx)
}

func ExampleServer() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()

	resp, err := http.Get(service.URL + "/rooms/general/messages")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

func ExampleNew() {
	srv := chat.New(
		chat.WithHistory(100),
		chat.WithDefaultUsername("Guest"),
		chat.WithRateLimit(5, 20),
		chat.WithFilter(func(_ context.Context, _ chat.User, _ string, e *chat.Message) error {
			if strings.Contains(e.Text, "casino") {
				return chat.Refuse("no advertising, please")
			}
			e.Text = strings.ReplaceAll(e.Text, "teh", "the")
			return nil
		}),
	)
	defer srv.Close()

	e, err := srv.Publish(context.Background(), "general", chat.Message{Username: "Alice", Text: "teh end"})
	fmt.Println(e.Text, err)
	_, err = srv.Publish(context.Background(), "general", chat.Message{Text: "Visit our casino"})
	fmt.Println(errors.Is(err, chat.ErrRejected), err)
	// Output:
	// the end <nil>
	// true chat: rejected: no advertising, please
}

func ExampleServer_Publish() {
	srv := chat.New()
	defer srv.Close()

	deploy := chat.Message{Username: "Deployer", Text: "v1.2.3 is live", ID: "deploy-1.2.3"}
	first, _ := srv.Publish(context.Background(), "ops", deploy)
	again, _ := srv.Publish(context.Background(), "ops", deploy) // stored only once
	fmt.Println(first.Offset, again.Offset)
	// Output: 1 1
}

func ExampleServer_History() {
	srv := chat.New(chat.WithHistory(100))
	defer srv.Close()
	ctx := context.Background()
	for i := range 5 {
		srv.Publish(ctx, "general", chat.Message{Username: "Alice", Text: fmt.Sprint("message ", i)})
	}

	page, err := srv.History(ctx, "general", chat.Query{Limit: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.Events {
		fmt.Println(e.Offset, e.Username, e.Text)
	}
	older, _ := srv.History(ctx, "general", chat.Query{Before: page.Events[0].Offset})
	fmt.Println(len(older.Events), "older")
	// Output:
	// 4 Alice message 3
	// 5 Alice message 4
	// 3 older
}

func ExampleServer_Follow() {
	srv := chat.New()
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv.Publish(ctx, "general", chat.Message{Username: "Alice", Text: "hello"})
	page, _ := srv.History(ctx, "general", chat.Query{Limit: 1})
	from := chat.Position{Epoch: page.Position.Epoch} // from the beginning

	go srv.Publish(ctx, "general", chat.Message{Username: "Bob", Text: "bye"})
	for e, err := range srv.Follow(ctx, "general", from) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", e.Username, e.Text)
		if e.Text == "bye" {
			break
		}
	}
	// Output:
	// Alice: hello
	// Bob: bye
}

func ExampleServer_Shutdown() {
	srv := chat.New()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(srv.Shutdown(ctx))

	_, err := srv.Publish(ctx, "general", chat.Message{Text: "too late"})
	fmt.Println(errors.Is(err, chat.ErrServerClosed))
	// Output:
	// <nil>
	// true
}

func ExampleWithAuthenticator() {
	users := map[string]chat.User{"let-me-in": {ID: "u1", Name: "Alice"}}
	srv := chat.New(chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
		if u, ok := users[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]; ok {
			return u, nil
		}
		return chat.User{}, errors.New("unknown token")
	}))
	defer srv.Close()
	service := httptest.NewServer(srv)
	defer service.Close()

	resp, _ := http.Get(service.URL + "/rooms")
	resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 401 Unauthorized
}

// A message is edited and gets reactions. The history has its current state.
func ExampleServer_Edit() {
	srv := chat.New()
	defer srv.Close()
	ctx := context.Background()

	first, _ := srv.Publish(ctx, "general", chat.Message{UserID: "u1", Username: "Alice", Text: "Lunch at 12?"})
	srv.Publish(ctx, "general", chat.Message{UserID: "u2", Username: "Bob", Text: "Yes", ReplyTo: first.Offset})
	srv.Edit(ctx, "general", first.Offset, chat.Message{UserID: "u1", Username: "Alice", Text: "Lunch at 1?"})
	srv.React(ctx, "general", first.Offset, chat.By{UserID: "u2", Username: "Bob"}, "👍", false)
	_, err := srv.Edit(ctx, "general", first.Offset, chat.Message{UserID: "u2", Text: "No lunch"})
	fmt.Println(errors.Is(err, chat.ErrNoSuchMessage))

	page, _ := srv.History(ctx, "general", chat.Query{})
	for _, e := range page.Events {
		fmt.Println(e.Offset, e.Text, e.ReplyTo, !e.Edited.IsZero(), e.Reactions)
	}
	// Output:
	// true
	// 1 Lunch at 1? 0 true [{👍 1 [u2]}]
	// 2 Yes 1 false []
}

// Only the author or a moderator may delete a message.
func ExampleServer_Delete() {
	srv := chat.New()
	defer srv.Close()
	ctx := context.Background()

	e, _ := srv.Publish(ctx, "general", chat.Message{UserID: "u1", Text: "My address is ..."})
	_, err := srv.Delete(ctx, "general", e.Offset, chat.By{UserID: "staff"})
	fmt.Println(err)
	_, err = srv.Delete(ctx, "general", e.Offset, chat.By{UserID: "staff", Moderator: true})
	fmt.Println(err)
	page, _ := srv.History(ctx, "general", chat.Query{})
	fmt.Println(len(page.Events), "messages")
	// Output:
	// chat: no such message
	// <nil>
	// 0 messages
}

func ExampleServer_Unread() {
	srv := chat.New()
	defer srv.Close()
	ctx := context.Background()
	for i := range 3 {
		srv.Publish(ctx, "general", chat.Message{UserID: "u1", Text: fmt.Sprint("message ", i)})
	}

	srv.MarkRead(ctx, "general", "u2", 1)
	unread, err := srv.Unread(ctx, "u2", "general", "ops")
	fmt.Println(unread["general"].Unread, unread["ops"].Unread, err)
	// Output: 2 0 <nil>
}

// Data is an application's own part of a message. Here it is a poll, which a filter checks.
func ExampleWithFilter() {
	srv := chat.New(chat.WithFilter(func(_ context.Context, _ chat.User, _ string, m *chat.Message) error {
		var poll struct{ Options []string }
		if m.Data != nil && (json.Unmarshal(m.Data, &poll) != nil || len(poll.Options) < 2) {
			return chat.Refuse("a poll needs two options")
		}
		return nil
	}))
	defer srv.Close()
	ctx := context.Background()

	e, err := srv.Publish(ctx, "general", chat.Message{Text: "Lunch?", Data: json.RawMessage(`{"options": ["yes", "no"]}`)})
	fmt.Println(string(e.Data), err)
	_, err = srv.Publish(ctx, "general", chat.Message{Text: "Lunch?", Data: json.RawMessage(`{"options": []}`)})
	fmt.Println(err)
	// Output:
	// {"options":["yes","no"]} <nil>
	// chat: rejected: a poll needs two options
}
