package server

import (
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/origin"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/rules"
)

// A Config is what the options of package chat set, which explain it. Zero is none, or no
// limit. Begin with Defaults.
type Config struct {
	Hooks  rules.Hooks
	Log    chatlog.Log // nil: a memory log
	Limits Limits
	Times  Times

	DefaultName string
	Origins     origin.Policy
	Proxies     forwarded.Proxies
	Compress    bool
	Receipts    bool
	Logger      *slog.Logger
}

// Limits are all numbers except the durations.
type Limits struct {
	History, Resume, Lag           int
	Rate                           float64
	Burst                          int
	MessageSize, DataSize          int
	Conns, PerAddress, PerUser     int
	Rooms, Members, PresenceNotice int
	Joined                         int // rooms of one connection
}

// Times are the durations.
type Times struct {
	PingInterval, PingTimeout time.Duration
	Write                     time.Duration
	Flush, FlushMost          time.Duration
	Grace                     time.Duration
	Log                       time.Duration
	Slow                      time.Duration // between two messages of a user; 0: none
}

// The largest sizes. They are so small that the sizes of a few messages together fit in an
// int of 32 bits.
const (
	MaxMessageSize = 64 << 20
	MaxDataSize    = 16 << 20
)

// Defaults are the defaults of the options, all in one place.
func Defaults() Config {
	return Config{
		Hooks:       rules.Hooks{RoomRule: rules.CleanRoom, ReactionRule: rules.CleanReaction},
		DefaultName: "Anonymous",
		Logger:      slog.Default(),
		Limits: Limits{
			History: 50, Resume: 256, Lag: 1 << 20,
			Burst: 20, MessageSize: 16 << 10, DataSize: 8 << 10,
			Rooms: 100_000, PresenceNotice: 250, Joined: 100,
		},
		Times: Times{
			PingInterval: 25 * time.Second, PingTimeout: 10 * time.Second,
			Write: 10 * time.Second,
			Flush: 2 * time.Millisecond, FlushMost: 5 * time.Millisecond,
			Grace: 5 * time.Second, Log: 2 * time.Second,
		},
	}
}

// Checked returns v, a value of the option with this name. It panics if v is less than least.
func Checked[T int | time.Duration](option string, v, least T) T {
	if v < least {
		panic(fmt.Sprintf("chat: %s: %v is less than %v", option, v, least))
	}
	return v
}

// CheckRate checks the values of WithRateLimit, and returns the burst to use.
func CheckRate(option string, perSecond float64, burst int) int {
	if !(perSecond >= 0) || math.IsInf(perSecond, 1) {
		panic("chat: " + option + ": perSecond must be a number of 0 or more")
	}
	if perSecond == 0 {
		return 0
	}
	return min(Checked(option, burst, 1), math.MaxInt32)
}

// longest is the longest duration of an option; a longer one counts as this. So sums of a
// few of them do not overflow.
const longest = 100 * 365 * 24 * time.Hour

// finish adjusts values that depend on each other, after all options were applied.
func (c *Config) finish() {
	l, t := &c.Limits, &c.Times
	for _, d := range []*time.Duration{&t.PingInterval, &t.PingTimeout, &t.Write, &t.Flush, &t.FlushMost, &t.Grace, &t.Log, &t.Slow} {
		*d = min(*d, longest)
	}
	l.Resume = max(l.Resume, l.History)
	// The largest frame: a text and data with every byte escaped, the names and the keys.
	l.Lag = max(l.Lag, 4*(6*(l.MessageSize+l.DataSize)+2<<10))
	if c.Log == nil {
		c.Log = memlog.New(l.History, 1<<20, time.Hour)
	}
}

// PageSize is the number of messages in an answer if nobody gives a limit.
func (c *Config) PageSize() int {
	if c.Limits.History == 0 {
		return 50
	}
	return min(c.Limits.History, proto.MaxPage)
}

// frameLimit is the largest WebSocket message read from a client, in bytes.
func (c *Config) frameLimit() int { return proto.FrameLimit(c.Limits.MessageSize, c.Limits.DataSize) }

func (c *Config) sizes() request.Sizes {
	return request.Sizes{Text: c.Limits.MessageSize, Data: c.Limits.DataSize}
}

// rooms returns what the rooms are told of c. local says that no other server uses the log.
func (c *Config) rooms(local bool) rooms.Config {
	l, t := &c.Limits, &c.Times
	return rooms.Config{
		Log: c.Log, Local: local,
		Limits: rooms.Limits{
			History: l.History, Resume: l.Resume, Lag: l.Lag,
			Rooms: l.Rooms, Members: l.Members, Presence: l.PresenceNotice, Joined: l.Joined,
		},
		Times: rooms.Times{
			Flush: t.Flush, FlushMost: t.FlushMost, Grace: t.Grace, Log: t.Log,
			PingInterval: t.PingInterval, PingTimeout: t.PingTimeout,
		},
		Receipts: c.Receipts,
	}
}
