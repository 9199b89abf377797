package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/jwtauth"
	"github.com/seed-08328bfd/chat/chatpage"
)

// server is a chat server with probes, metrics and logging for a deployment.
type server struct {
	cfg      *config
	log      *slog.Logger
	engine   *engine
	chat     *chat.Server
	draining atomic.Bool
	traced   func() // sends the last spans
}

// newServer makes a server that does not listen yet. When ctx ends, keys are no longer fetched.
func newServer(ctx context.Context, cfg *config, log *slog.Logger) (*server, error) {
	s := &server{cfg: cfg, log: log, traced: func() {}}
	opts, err := s.options(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.otlp != "" {
		var option chat.Option
		if option, s.traced, err = s.tracing(ctx); err != nil {
			return nil, err
		}
		opts = append(opts, option)
	}
	if s.engine, err = openEngine(cfg, log); err != nil {
		return nil, err
	}
	if s.engine.log != nil {
		opts = append(opts, chat.WithLog(s.engine.log))
	}
	s.chat, err = newChat(opts)
	return s, err
}

// newChat returns an error where chat.New panics, for example for invalid numbers.
func newChat(opts []chat.Option) (srv *chat.Server, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return chat.New(opts...), nil
}

func (s *server) options(ctx context.Context) (opts []chat.Option, err error) {
	defer func() { // the options for origins and networks panic
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	c := s.cfg
	opts = []chat.Option{
		chat.WithLogger(s.log),
		chat.WithHistory(c.history),
		chat.WithRateLimit(c.rate, c.burst),
		chat.WithMessageSize(c.messageSize),
		chat.WithMaxConnections(c.maxConns),
		chat.WithMaxConnectionsPerAddress(c.maxConnsPerAddr),
		chat.WithMaxConnectionsPerUser(c.maxConnsPerUser),
		chat.WithOriginPatterns(c.origins...),
		chat.WithTrustedProxies(c.proxies...),
		chat.WithCompression(c.compress),
	}
	if !c.tokens() {
		return opts, nil
	}
	tokens := []jwtauth.Option{
		jwtauth.WithIssuer(c.jwtIssuer),
		jwtauth.WithAudience(c.jwtAudience...),
		jwtauth.WithLogger(s.log),
	}
	if c.jwtSecretFile != "" {
		secret, err := os.ReadFile(c.jwtSecretFile)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, jwtauth.WithKey(c.jwtKeyID, "HS256", bytes.TrimRight(secret, "\r\n")))
	}
	if c.jwks != "" {
		tokens = append(tokens, jwtauth.WithJWKS(c.jwks))
	}
	auth, err := jwtauth.New(ctx, tokens...)
	if err != nil {
		return nil, err
	}
	opts = append(opts, chat.WithAuthenticator(auth))
	if c.jwtRooms != "" {
		opts = append(opts, chat.WithAuthorizer(jwtauth.AllowRooms(c.jwtRooms)))
	}
	return opts, nil
}

// inside returns the routes for probes and metrics.
func (s *server) inside(mux *http.ServeMux) {
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
}

var errDraining = errors.New("draining")

// ready returns an error if no client should be sent to this server.
func (s *server) ready(ctx context.Context) error {
	if s.draining.Load() {
		return errDraining
	}
	return s.engine.ready(ctx)
}

// run serves until ctx ends.
func (s *server) run(ctx context.Context) error {
	defer s.traced()
	defer s.engine.close()
	defer s.chat.Close()
	failed := make(chan error, 2)
	mux := http.NewServeMux()
	if !s.cfg.tokens() { // the page has no token
		mux.Handle("/", chatpage.Files())
	}
	if s.cfg.metricsAddr == "" {
		s.inside(mux)
	} else {
		apart := http.NewServeMux()
		s.inside(apart)
		others, err := s.listen("metrics", s.cfg.metricsAddr, apart, failed)
		if err != nil {
			return err
		}
		defer others.Close()
	}
	clients, err := s.listen("clients", s.cfg.addr, chatpage.Beside(s.chat, mux), failed)
	if err != nil {
		return err
	}
	defer clients.Close()
	preparing, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.engine.prepare(preparing) // ends when the engine is set up, or with its context

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.drain(clients)
	return nil
}

// listen serves h at addr.
func (s *server) listen(what, addr string, h http.Handler, failed chan<- error) (*http.Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	hs := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10, // a token has up to 8 KiB
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := hs.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	s.log.Info("listening", "for", what, "addr", l.Addr().String(), "engine", s.cfg.engine())
	return hs, nil
}

// drain ends all connections. First load balancers learn from /readyz to send no new clients.
// Then each member is told when to reconnect, which leads to another server.
func (s *server) drain(clients *http.Server) {
	began := time.Now()
	s.draining.Store(true)
	s.log.Info("draining", "connections", s.chat.Stats().Connections)
	time.Sleep(s.cfg.drainDelay)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.drain)
	defer cancel()
	if err := s.chat.Shutdown(ctx); err != nil {
		s.log.Warn("some connections were cut off", "err", err)
	}
	if err := clients.Shutdown(ctx); err != nil {
		clients.Close()
	}
	s.log.Info("stopped", "after", time.Since(began).String())
}
