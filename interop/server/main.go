// Command server is the server against which the recorded sessions in interop/vectors are replayed:
//
//	go run ./interop/server interop/vectors/talk.json
//
// It takes the options under the key "server" of that file, listens on a free port of 127.0.0.1, and
// prints its URL. Its rules are the same for all sessions: see rules.go. What a Go program would do
// with a server is done by a POST below /program/.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat"
)

// options are what a session says about its server. A value that is absent is the default of package
// chat.
type options struct {
	Auth         bool     `json:"auth"`            // users log in; otherwise all are anonymous
	Basic        bool     `json:"basic"`           // the log has no optional parts: no data, changes or read markers
	Kept         int      `json:"kept"`            // messages in the log, per room; 0 means 256
	History      *int     `json:"history"`         // messages that a client gets on joining
	Resume       *int     `json:"resume"`          // messages from which a client resumes without the log
	Rate         *float64 `json:"rate_per_second"` // messages per second of one user
	Burst        int      `json:"burst"`           // with a rate
	SlowMS       int      `json:"slow_ms"`         // the least time between two messages, in milliseconds
	MessageBytes *int     `json:"message_bytes"`   // of a text
	DataBytes    *int     `json:"data_bytes"`      // of data
	Members      *int     `json:"members"`         // connections per room
	JoinedRooms  *int     `json:"joined_rooms"`    // of one connection
	PresenceSize *int     `json:"presence_size"`   // connections of a room, above which presence objects come
	LeaveGraceMS *int     `json:"leave_grace_ms"`  // in milliseconds
	ReadReceipts bool     `json:"read_receipts"`   // to all members
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: server FILE")
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal("server: ", err)
	}
}

// run serves until the process is killed.
func run(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var session struct {
		Server options `json:"server"`
	}
	if err := json.Unmarshal(b, &session); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	return http.Serve(listener, newHost(session.Server))
}

// newServer returns a server with an empty log.
func newServer(o options) *chat.Server {
	opts := []chat.Option{
		chat.WithLogger(slog.New(slog.DiscardHandler)),
		chat.WithLog(newLog(o)),
		chat.WithAuthorizer(authorize),
		chat.WithFilter(filter),
		chat.WithModerator(moderates),
		chat.WithReadReceipts(o.ReadReceipts),
		chat.WithSlowMode(time.Duration(o.SlowMS) * time.Millisecond),
	}
	if o.Auth {
		opts = append(opts, chat.WithAuthenticator(authenticate))
	}
	if o.Rate != nil {
		opts = append(opts, chat.WithRateLimit(*o.Rate, o.Burst))
	}
	if o.LeaveGraceMS != nil {
		opts = append(opts, chat.WithLeaveGrace(time.Duration(*o.LeaveGraceMS)*time.Millisecond))
	}
	for _, set := range []struct {
		value *int
		with  func(int) chat.Option
	}{
		{o.History, chat.WithHistory},
		{o.Resume, chat.WithResume},
		{o.MessageBytes, chat.WithMessageSize},
		{o.DataBytes, chat.WithDataSize},
		{o.Members, chat.WithMaxMembers},
		{o.JoinedRooms, chat.WithMaxJoinedRooms},
		{o.PresenceSize, chat.WithPresenceSize},
	} {
		if set.value != nil {
			opts = append(opts, set.with(*set.value))
		}
	}
	return chat.New(opts...)
}

// newLog returns an empty log in memory.
func newLog(o options) chat.Log {
	l := chat.NewMemoryLog(chat.MemoryOptions{Entries: o.Kept})
	if o.Basic {
		return basic{l}
	}
	return l
}

// basic hides all methods of a log that are not in [chat.Log].
type basic struct{ chat.Log }

// host is a chat server and the paths of its program.
type host struct {
	*http.ServeMux
	server atomic.Pointer[chat.Server]
}

func newHost(o options) *host {
	h := &host{ServeMux: http.NewServeMux()}
	h.server.Store(newServer(o))
	h.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.server.Load().ServeHTTP(w, r) })
	h.HandleFunc("POST /program/publish", does(func(ctx context.Context, c command) error {
		_, err := h.server.Load().Publish(ctx, c.Room, chat.Message{UserID: c.User, Username: c.Username, Text: c.Message})
		return err
	}))
	h.HandleFunc("POST /program/disconnect", does(func(ctx context.Context, c command) error {
		return h.server.Load().Disconnect(ctx, c.User, chat.Disconnect{Room: c.Room, Code: c.Code, Reason: c.Reason})
	}))
	h.HandleFunc("POST /program/join", does(func(ctx context.Context, c command) error {
		return h.server.Load().Join(ctx, c.User, c.Room)
	}))
	h.HandleFunc("POST /program/leave", does(func(ctx context.Context, c command) error {
		return h.server.Load().Leave(ctx, c.User, c.Room)
	}))
	// The request ends when all connections have ended. Their clients must answer the close frames.
	h.HandleFunc("POST /program/shutdown", does(func(ctx context.Context, _ command) error {
		return h.server.Load().Shutdown(ctx)
	}))
	// The messages are lost, as with every restart of a server that keeps them in memory.
	h.HandleFunc("POST /program/restart", does(func(ctx context.Context, _ command) error {
		err := h.server.Load().Shutdown(ctx)
		h.server.Store(newServer(o))
		return err
	}))
	return h
}

// command is the body of a request to the program. Each command uses some of the keys.
type command struct {
	User     string `json:"user"`
	Username string `json:"username"`
	Room     string `json:"room"`
	Message  string `json:"message"`
	Code     int    `json:"code"`
	Reason   string `json:"reason"`
}

// does returns a handler that carries out a command and answers 204.
func does(f func(context.Context, command) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var c command
		err := json.NewDecoder(r.Body).Decode(&c)
		if err == nil {
			err = f(r.Context(), c)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
