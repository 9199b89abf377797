package mounts

//lint:file-ignore SA1019 echo's Timeout is deprecated and in use: what it does to a chat is what is tested.

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"github.com/urfave/negroni/v3"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatpage"
)

func mountServeMux(srv *chat.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", srv))
	return mux
}

func TestServeMux(t *testing.T) { works(t, mountServeMux) }

func mountChi(srv *chat.Server) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.Recoverer, middleware.Timeout(5*time.Second), middleware.Compress(5))
	r.Mount("/chat", http.StripPrefix("/chat", srv))
	return r
}

func TestChi(t *testing.T) { works(t, mountChi) }

func mountPage(srv *chat.Server) http.Handler {
	r := chi.NewRouter()
	r.Mount("/chat", http.StripPrefix("/chat", chatpage.Handler(srv)))
	return r
}

// TestPageMounted requests the page at the prefix with a slash and without. The chat is below
// the prefix.
func TestPageMounted(t *testing.T) {
	works(t, mountPage)
	base := started(t, mountPage)
	for _, path := range []string{"", "/", "?a=1", "/chat.js"} {
		if status, body := get(t, base+path); status != http.StatusOK || !strings.Contains(body, "app.js") && !strings.Contains(body, "export") {
			t.Errorf("%q: %d %s", path, status, body)
		}
	}
}

func mountGin(srv *chat.Server) http.Handler {
	r := gin.New()
	r.Use(gin.Recovery())
	r.Any("/chat/*path", gin.WrapH(http.StripPrefix("/chat", srv)))
	return r
}

func TestGin(t *testing.T) {
	gin.SetMode(gin.TestMode)
	works(t, mountGin)
}

func mountEcho(srv *chat.Server) http.Handler {
	e := echo.New()
	e.Use(echomiddleware.Recover(), echomiddleware.Gzip())
	e.Any("/chat/*", echo.WrapHandler(http.StripPrefix("/chat", srv)))
	return e
}

func TestEcho(t *testing.T) { works(t, mountEcho) }

func mountEchoTimeout(srv *chat.Server) http.Handler {
	e := echo.New()
	e.Use(echomiddleware.TimeoutWithConfig(echomiddleware.TimeoutConfig{
		Skipper: func(c echo.Context) bool { return c.Path() == "/chat/*" },
		Timeout: 5 * time.Second,
	}))
	e.Any("/chat/*", echo.WrapHandler(http.StripPrefix("/chat", srv)))
	return e
}

func TestEchoTimeout(t *testing.T) {
	works(t, mountEchoTimeout)
	t.Run("around the chat", func(t *testing.T) {
		refused(t, func(srv *chat.Server) http.Handler {
			e := echo.New()
			e.Use(echomiddleware.TimeoutWithConfig(echomiddleware.TimeoutConfig{Timeout: patience}))
			e.Any("/chat/*", echo.WrapHandler(http.StripPrefix("/chat", srv)))
			return e
		})
	})
}

func mountNegroni(srv *chat.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", srv))
	n := negroni.New(negroni.NewRecovery())
	n.UseHandler(mux)
	return n
}

func TestNegroni(t *testing.T) { works(t, mountNegroni) }

func mountFiber(srv *chat.Server) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use("/chat", adaptor.HTTPHandler(http.StripPrefix("/chat", srv)))
	return app
}

func TestFiber(t *testing.T) {
	srv := chat.New(chat.WithLogger(slog.New(slog.DiscardHandler)))
	defer srv.Close()
	app := mountFiber(srv)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go app.Listener(l) // ends with Shutdown
	defer app.Shutdown()
	base := "http://" + l.Addr().String() + "/chat"
	refuses(t, base)
}

func mountBesideFiber(srv *chat.Server, app *fiber.App) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", srv))
	mux.Handle("/", adaptor.FiberApp(app))
	return mux
}

func TestBesideFiber(t *testing.T) {
	app := fiber.New()
	app.Get("/hello", func(c *fiber.Ctx) error { return c.SendString("from fiber") })
	works(t, func(srv *chat.Server) http.Handler { return mountBesideFiber(srv, app) })
	base := started(t, func(srv *chat.Server) http.Handler { return mountBesideFiber(srv, app) })
	if status, body := get(t, strings.TrimSuffix(base, "/chat")+"/hello"); status != http.StatusOK || body != "from fiber" {
		t.Errorf("%d %s", status, body)
	}
}
