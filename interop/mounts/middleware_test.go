package mounts

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/CAFxX/httpcompression"
	"github.com/NYTimes/gziphandler"
	"github.com/klauspost/compress/gzhttp"
	"github.com/rs/cors"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/seed-08328bfd/chat"
)

func mountOtel(srv *chat.Server) http.Handler {
	return otelhttp.NewHandler(mountServeMux(srv), "chat")
}

func TestOtelHTTP(t *testing.T) { works(t, mountOtel) }

func TestNYTimesGzip(t *testing.T) {
	works(t, func(srv *chat.Server) http.Handler {
		return gziphandler.GzipHandler(mountServeMux(srv))
	})
}

func TestCAFxXCompression(t *testing.T) {
	works(t, func(srv *chat.Server) http.Handler {
		compress, err := httpcompression.DefaultAdapter()
		if err != nil {
			t.Fatal(err)
		}
		return compress(mountServeMux(srv))
	})
}

func TestKlauspostGzip(t *testing.T) {
	works(t, func(srv *chat.Server) http.Handler {
		return gzhttp.GzipHandler(mountServeMux(srv))
	})
}

func mountBesideTimeout(srv *chat.Server, others http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", srv))
	mux.Handle("/", http.TimeoutHandler(others, 5*time.Second, "too slow"))
	return mux
}

func TestTimeoutHandler(t *testing.T) {
	works(t, func(srv *chat.Server) http.Handler { return mountBesideTimeout(srv, http.NotFoundHandler()) })
	t.Run("around the chat", func(t *testing.T) {
		refused(t, func(srv *chat.Server) http.Handler {
			return http.TimeoutHandler(mountServeMux(srv), patience, "too slow")
		})
	})
}

func mountCORS(srv *chat.Server) http.Handler {
	c := cors.New(cors.Options{AllowedOrigins: []string{"https://app.example.com"}, AllowCredentials: true})
	return c.Handler(mountServeMux(srv))
}

func TestCORS(t *testing.T) {
	works(t, mountCORS)
	t.Run("headers", func(t *testing.T) {
		base := started(t, func(srv *chat.Server) http.Handler {
			c := cors.New(cors.Options{AllowedOrigins: []string{"http://h"}, AllowCredentials: true})
			return c.Handler(mountServeMux(srv))
		})
		h := handshake(t, base).Response.Header
		if h.Get("Access-Control-Allow-Origin") != "http://h" || h.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("answered with %v", h)
		}
	})
}

func serverWithTimeouts(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Second,
		ReadTimeout:       time.Second,
		WriteTimeout:      time.Second,
		IdleTimeout:       time.Second,
	}
}

// TestServerTimeouts keeps a session silent, then talking, then silent again, for longer than
// the server's timeouts. Those limit only a request.
func TestServerTimeouts(t *testing.T) {
	srv := chat.New(chat.WithLogger(slog.New(slog.DiscardHandler)))
	hs := httptest.NewUnstartedServer(nil)
	hs.Config = serverWithTimeouts(mountServeMux(srv))
	hs.Start()
	defer hs.Close()
	defer srv.Close()
	base := hs.URL + "/chat"
	c := handshake(t, base)
	if c.Response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answered %d %s", c.Response.StatusCode, c.Body)
	}
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		silentEvents(t, base)
	}()
	for range 2 {
		time.Sleep(1500 * time.Millisecond)
		say(t, c, "still here")
	}
	<-quiet
	plain(t, base)
	v1(t, base)
	events(t, base)
	endpoints(t, base)
}
