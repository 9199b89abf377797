package chat

import "github.com/seed-08328bfd/chat/chatlog"

// The types that a program which is no log has to do with, under the names of package
// chatlog, where their fields and methods are.
type (
	Event     = chatlog.Event
	Position  = chatlog.Position
	Range     = chatlog.Range
	Page      = chatlog.Page
	Member    = chatlog.Member
	Departure = chatlog.Departure
	Log       = chatlog.Log
	Store     = chatlog.Store
	Feed      = chatlog.Feed
	Sink      = chatlog.Sink
	Presence  = chatlog.Presence
)

// The types of an [Event].
const (
	TypeMessage = chatlog.TypeMessage
	TypePrivate = chatlog.TypePrivate
	TypeSystem  = chatlog.TypeSystem
	TypeTyping  = chatlog.TypeTyping
)

// ParsePosition is [chatlog.ParsePosition].
func ParsePosition(s string) (Position, error) { return chatlog.ParsePosition(s) }
