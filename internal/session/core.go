// Package session has one client of a server: its user, its connection, and what happens
// when it says something.
package session

import (
	"time"

	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A Core is what the sessions of one server have in common. It never changes.
type Core struct {
	Rules  *rules.Rules
	Limits *limit.Limits
	Conns  wsconn.Config
	// ManyConns is Conns for connections with many rooms, of which a client names Rooms at most
	// in one object when it comes back.
	ManyConns  wsconn.Config
	Rooms      int           // of one connection, at most
	Local      bool          // no other server uses the log
	LogTimeout time.Duration // of one use of the log
	PageSize   int           // messages in a history if the client gives no limit
	Told       object.Limits // what a welcome says that a client may send
	Ended      func(*Session)
}
