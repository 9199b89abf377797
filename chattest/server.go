package chattest

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
)

// A Server is a [chat.Server] that listens on a port of the loopback interface.
type Server struct {
	*chat.Server
	URL string // where its paths begin, such as "http://127.0.0.1:41234"
	WS  string // the same address with the scheme ws
}

// NewServer runs a server with the given options until the test ends. Then the server shuts
// down gracefully, with one second for its members to close. NewServer fails the test if
// it cannot listen.
//
//	srv := chattest.NewServer(t, chat.WithHistory(10))
//	c, err := client.Dial(t.Context(), srv.URL, "general")
func NewServer(t testing.TB, opts ...chat.Option) *Server {
	t.Helper()
	srv := chat.New(opts...)
	hs := httptest.NewServer(srv)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		srv.Shutdown(ctx)
		hs.Close()
	})
	return &Server{srv, hs.URL, "ws" + strings.TrimPrefix(hs.URL, "http")}
}
