package chat

import (
	"context"
	"iter"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/memlog"
)

// The types that a program which is no log has to do with, under the names of package
// chatlog, where their fields and methods are.
type (
	Event    = chatlog.Event
	Position = chatlog.Position
	Page     = chatlog.Page
	Member   = chatlog.Member
	Log      = chatlog.Log
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

// NewMemoryLog returns a log in this process's memory, for several servers of
// one process to share with [WithLog]; it ends with the process. It keeps the
// last history entries of each room, or 256 if history is zero or less, and of
// these at most 1 MiB a room, the index of private ones with them. It forgets a room an hour after its last use, or
// earlier if the rooms that no server has in use take more than 64 MiB together.
// A forgotten room begins a new epoch.
//
// The ids of Append are known for five to ten minutes, or for less in a room
// where more than 262,144 of them come in five minutes.
func NewMemoryLog(history int) chatlog.Log {
	return memlog.New(orDefault(history, 256), 1<<20, time.Hour)
}

// Follow reads a room's log from a place on, and goes on as it grows, until the
// loop is left, ctx ends or the server closes: one more cursor, for a bot, an
// archive or an index. It yields private messages too. The zero Position begins
// with the next event; with one from an event's Offset and Time and the epoch of a
// Page, Follow goes on where it stopped. If the log does not reach back to that
// place, or ends before it, or holds another event there, ErrGap comes first and
// then all that the log holds.
//
// An error is yielded in place of an event. After ErrGap (events between the last
// and the next are lost) and guard.ErrUnavailable (Follow tries again) the loop may go
// on; any other, ctx's too, is the last.
func (s *Server) Follow(ctx context.Context, room string, since Position) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		name, err := s.checkRoomName(room)
		if err != nil {
			yield(Event{}, err)
			return
		}
		s.rooms.Follow(ctx, name, since, func(e Event, _ Position, err error) bool { return yield(e, err) })
	}
}
