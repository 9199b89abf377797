package chatlog

import (
	"errors"
	"strconv"
	"strings"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Position is a place in one room's log: after the event numbered Offset, or before the first
// event if Offset is 0, in the log's incarnation Epoch. Offsets of different epochs cannot be
// compared. The zero Position is no place.
//
// Two Positions are the same place if Epoch and Offset are equal. Either may lack the Time.
type Position struct {
	// Epoch names an incarnation of the room's log, in 1 to 64 letters, digits, '.', '_' or '-'.
	// It is empty only in the zero Position.
	Epoch string
	// Offset is the offset of the last event before the place; 0 means before the first event.
	Offset uint64
	// Time is the time of the event numbered Offset, in milliseconds since 1970, or 0 if it is
	// not known. If a log has lost its end, it gives the same offset to another event, and Time
	// distinguishes the two: a client resumes after exactly that event, or is told of a gap.
	// Positions from a Store need not have a Time.
	Time int64
}

// PlaceOf returns the place after e in epoch, without a Time if e has none.
func PlaceOf(epoch string, e *Event) Position {
	p := Position{Epoch: epoch, Offset: e.Offset}
	if !e.Time.IsZero() && e.Offset > 0 {
		p.Time = e.Time.UnixMilli()
	}
	return p
}

// String returns p as EPOCH:OFFSET:TIME, as EPOCH:OFFSET without a Time, or as ""
// for the zero Position.
func (p Position) String() string {
	s := p.Place()
	if s != "" && p.Time != 0 {
		s += ":" + strconv.FormatInt(p.Time, 10)
	}
	return s
}

// Place returns p as EPOCH:OFFSET, or as "" for the zero Position.
func (p Position) Place() string {
	if p == (Position{}) {
		return ""
	}
	return p.Epoch + ":" + strconv.FormatUint(p.Offset, 10)
}

// MarshalText implements [encoding.TextMarshaler] with the form of String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with ParsePosition.
func (p *Position) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePosition(string(b))
	return err
}

// ParsePosition reads the forms EPOCH:OFFSET and EPOCH:OFFSET:TIME, where EPOCH is
// 1 to 64 letters, digits, '.', '_' or '-', and OFFSET and TIME are decimals below
// 2^53. The empty string is the zero Position. For any other string it returns an error.
func ParsePosition(s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	epoch, num, ok := strings.Cut(s, ":")
	if !ok || epoch == "" || len(epoch) > 64 || strings.ContainsFunc(epoch, notEpochRune) {
		return Position{}, errors.New("chat: a position has the form EPOCH:OFFSET or EPOCH:OFFSET:TIME")
	}
	num, ms, timed := strings.Cut(num, ":")
	p := Position{Epoch: epoch}
	var err error
	if p.Offset, err = proto.ParseOffset(num); err != nil {
		return Position{}, err
	}
	if timed {
		t, err := proto.ParseOffset(ms)
		if err != nil {
			return Position{}, errors.New("chat: the time of a position is in milliseconds since 1970")
		}
		p.Time = int64(t)
	}
	return p, nil
}

func notEpochRune(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-')
}
