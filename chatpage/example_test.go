package chatpage_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatpage"
)

// title requests an address, and returns the status and the title of the page.
func title(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "<title>")
	name, _, _ := strings.Cut(rest, "</title>")
	return fmt.Sprint(resp.Status, " ", name)
}

// A whole chat with its page, below a prefix beside the rest of a service.
func Example() {
	srv := chat.New(chat.WithHistory(100))
	defer srv.Close()
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", chatpage.Handler(srv)))
	service := httptest.NewServer(mux)
	defer service.Close()

	fmt.Println(title(service.URL + "/chat/"))
	// Output: 200 OK chat
}

// A whole chat with its page, and nothing else.
func ExampleHandler() {
	srv := chat.New()
	defer srv.Close()
	service := httptest.NewServer(chatpage.Handler(srv)) // or http.ListenAndServe("localhost:8080", …)
	defer service.Close()

	fmt.Println(title(service.URL))
	// Output: 200 OK chat
}

// The files for a page of your own, with the chat at /chat/.
func ExampleFiles() {
	srv := chat.New()
	defer srv.Close()
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", srv))
	mux.Handle("/static/", http.StripPrefix("/static", chatpage.Files()))
	service := httptest.NewServer(mux)
	defer service.Close()

	resp, err := http.Get(service.URL + "/static/chat.js")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status, resp.Header.Get("Content-Type"))
	// Output: 200 OK text/javascript; charset=utf-8
}

// A server at the root, beside a check of a load balancer and the page.
func ExampleBeside() {
	srv := chat.New()
	defer srv.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.Handle("/", chatpage.Files())
	service := httptest.NewServer(chatpage.Beside(srv, mux))
	defer service.Close()

	for _, path := range []string{"/healthz", "/rooms"} {
		resp, err := http.Get(service.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", strings.TrimSpace(string(body)))
	}
	// Output:
	// ok
	// {}
}
