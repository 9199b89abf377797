// Package server is a chat server: it takes requests, keeps the sessions that come of them,
// and ends them. Package chat is its public face.
package server

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/listing"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/origin"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/session"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A Server is what chat.Server is a face of. Make one with New.
type Server struct {
	// Immutable. The order of all locks is in package internal/lock.
	cfg     Config
	local   bool // no other server uses the log
	made    time.Time
	Rules   *rules.Rules
	Rooms   *rooms.Set
	listing *listing.Listing
	core    session.Core
	logger  *logging.Logger

	refused  atomic.Uint64
	refusals origin.Refusals
	sessions registry
}

// New returns a Server. It starts no goroutine and does not use the log.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, local: cfg.Log == nil, made: time.Now()}
	s.cfg.finish()
	l := &s.cfg.Limits
	s.Rules = rules.New(rules.Config{Hooks: cfg.Hooks, DefaultName: cfg.DefaultName, Sizes: s.cfg.sizes(), Slow: s.cfg.Times.Slow})
	s.logger = logging.New(cfg.Logger, &s.Rules.Panics)
	s.Rules.Logger = s.logger
	limits := limit.New(limit.Config{
		Connections: l.Conns, PerAddress: l.PerAddress, PerUser: l.PerUser, Rate: l.Rate, Burst: l.Burst,
	})
	rc := s.cfg.rooms(s.local)
	rc.Clock, rc.Ping = s.clock, s.ping
	rc.Logger, rc.Control, rc.Sweep, rc.Panicked = s.logger, s.control, limits.Sweep, s.Rules.LogPanicked
	if cfg.Compress {
		rc.Pack = wsconn.Deflate
	}
	rc.Tracer = s.Rules.Tracer()
	if s.Rules.HasPresenceHook() {
		rc.Present = s.Rules.Present
	}
	s.Rooms = rooms.New(rc)
	s.Rules.Rooms = s.Rooms
	s.listing = listing.New(s.Rooms.Log(), s.clock)
	conns := wsconn.Config{Clock: s.clock, ReadLimit: s.cfg.frameLimit(), WriteTimeout: s.cfg.Times.Write}
	many := conns
	many.ReadLimit = max(many.ReadLimit, l.Joined*proto.MaxJoin)
	s.core = session.Core{
		Rules: s.Rules, Limits: limits, PageSize: s.cfg.PageSize(),
		Conns: conns, ManyConns: many, Rooms: l.Joined, Local: s.local, LogTimeout: s.cfg.Times.Log,
		Told:  object.Limits{MessageBytes: l.MessageSize, DataBytes: l.DataSize, Rate: l.Rate, Burst: l.Burst},
		Ended: s.sessions.remove,
	}
	return s
}

// clock returns the time since the server was made.
func (s *Server) clock() time.Duration { return time.Since(s.made) }

// ping pings the clients that are silent, and drops those that do not answer.
func (s *Server) ping(now time.Duration) {
	s.sessions.ping(now, s.cfg.Times.PingInterval, s.cfg.Times.PingTimeout)
}

// PageSize is the number of messages in an answer if nobody gives a limit.
func (s *Server) PageSize() int { return s.cfg.PageSize() }

// Refused returns how many requests were refused.
func (s *Server) Refused() uint64 { return s.refused.Load() }

// Connections returns how many connections are open.
func (s *Server) Connections() int { return s.sessions.count() }

// ServeHTTP is that of chat.Server.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			panic(p) // net/http handles it
		}
		// A hook has ended the goroutine: net/http closes the connection now.
		s.refuse(w, errInternal)
		http.NewResponseController(w).Flush()
	}()
	s.route(w, r)
	returned = true
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	e := endpointOf(path)
	if !s.shareAnswer(w, r, e) {
		return
	}
	if s.Rules.Tracer() != nil && e.connects(r.Method) {
		t, r := s.beginHandshake(w, r, e)
		defer t.end(http.StatusInternalServerError) // after a panic
		s.serve(t, r, e, path)
		t.end(e.accepted())
		return
	}
	s.serve(w, r, e, path)
}

// serve answers a request to the endpoint e.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e endpoint, path []string) {
	switch e {
	case socketEndpoint:
		s.serveSocket(w, r, path[1])
	case manyEndpoint:
		s.serveMany(w, r)
	case roomsEndpoint:
		s.serveRooms(w, r)
	case messagesEndpoint:
		s.serveMessages(w, r, path[1])
	case membersEndpoint:
		s.serveMembers(w, r, path[1])
	case eventsEndpoint:
		s.serveEvents(w, r, path[1])
	case unreadEndpoint:
		s.serveUnread(w, r)
	default:
		s.notFound(w, path)
	}
}

// endpoint is the handler that a path belongs to.
type endpoint int

const (
	noEndpoint endpoint = iota
	socketEndpoint
	manyEndpoint
	roomsEndpoint
	messagesEndpoint
	membersEndpoint
	eventsEndpoint
	unreadEndpoint
)

// endpointOf returns the endpoint of a path's segments.
func endpointOf(path []string) endpoint {
	switch {
	case len(path) == 2 && path[0] == "ws":
		return socketEndpoint
	case len(path) == 1 && path[0] == "ws":
		return manyEndpoint
	case len(path) == 1 && path[0] == "rooms":
		return roomsEndpoint
	case len(path) == 1 && path[0] == "unread":
		return unreadEndpoint
	case len(path) == 3 && path[0] == "rooms" && path[2] == "messages":
		return messagesEndpoint
	case len(path) == 3 && path[0] == "rooms" && path[2] == "members":
		return membersEndpoint
	case len(path) == 3 && path[0] == "rooms" && path[2] == "events":
		return eventsEndpoint
	}
	return noEndpoint
}
