// Command login is a small service with users, passwords and a session cookie, and a chat behind
// that login. The users are alice and bob. Each password is the user's name. It is explained in
// https://github.com/seed-08328bfd/chat/blob/main/docs/login.md
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"log"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatpage"
)

//go:embed login.html chat.html chat-page.js
var pages embed.FS

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	origins := flag.String("origins", "", "comma-separated origins of other sites whose pages may connect, such as https://app.example.com")
	secure := flag.Bool("secure", false, "cookies over HTTPS only: set it behind a TLS proxy")
	flag.Parse()

	s := newService(*secure, 12*time.Hour, strings.FieldsFunc(*origins, func(r rune) bool { return r == ',' || r == ' ' })...)
	srv := &http.Server{Addr: *addr, Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.chat.Shutdown(ctx)
		srv.Close()
	})
	log.Printf("http://%s", *addr)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	s.chat.Close() // waits until Shutdown's work is done
}

// service is the login and its chat.
type service struct {
	users    users
	sessions *sessions
	chat     *chat.Server
}

func newService(secure bool, ttl time.Duration, origins ...string) *service {
	s := &service{users: demoUsers(), sessions: newSessions(secure, ttl)}
	s.chat = chat.New(
		chat.WithAuthenticator(s.authenticate),
		chat.WithOriginPatterns(origins...),
	)
	return s
}

// authenticate looks up the request's session, as the rest of the service does.
func (s *service) authenticate(r *http.Request) (chat.User, error) {
	session, ok := s.sessions.of(r)
	if !ok {
		return chat.User{}, errors.New("no session")
	}
	return chat.User{ID: session.user, Name: s.users[session.user].name, Expires: session.ends}, nil
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/chat/", http.StripPrefix("/chat", s.chat))
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /chat-page.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, pages, "chat-page.js")
	})
	mux.Handle("GET /static/", http.StripPrefix("/static", chatpage.Files()))
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (s *service) home(w http.ResponseWriter, r *http.Request) {
	name := "login.html"
	if _, ok := s.sessions.of(r); ok {
		name = "chat.html"
	}
	w.Header().Set("Cache-Control", "no-store")
	http.ServeFileFS(w, r, pages, name)
}

func (s *service) login(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("user")
	if !s.users.check(id, r.PostFormValue("password")) {
		http.Error(w, "wrong name or password", http.StatusUnauthorized)
		return
	}
	s.sessions.begin(w, id)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the session, and with it the user's connections.
func (s *service) logout(w http.ResponseWriter, r *http.Request) {
	if session, ok := s.sessions.end(w, r); ok {
		err := s.chat.Disconnect(r.Context(), session.user, chat.Disconnect{Code: chat.CloseRemoved, Reason: "logged out"})
		if err != nil {
			log.Print(err)
		}
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
