package proto

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The largest sizes of ids, in bytes.
const (
	MaxUser = 128
	MaxID   = 64
)

// MaxReason is the largest reason that fits in a close frame, in bytes (RFC 6455, section
// 5.5).
const MaxReason = 123

// MaxPage is the largest number of messages in one answer.
const MaxPage = 100

// ParseLimit reads the size of a page. Any number above MaxPage, however large, gives MaxPage.
func ParseLimit(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return MaxPage, nil
	}
	if err != nil {
		return 0, errors.New("limit must be a whole number from 0 on")
	}
	return int(min(n, MaxPage)), nil
}

// FrameLimit returns the size in bytes of the largest WebSocket message that a client may
// send, for texts of at most messageSize bytes and data of at most dataSize. The rest is room
// for the escapes in a text; those in data are part of its size.
func FrameLimit(messageSize, dataSize int) int { return max(2*messageSize, 4<<10) + dataSize }

// MaxJoin is the largest number of bytes that a room takes in a join of many: its name and
// the place that the client has seen, with every character escaped.
const MaxJoin = 1 << 10

// SignalsPerSecond is how many signals of one user a server passes on in a second, over all
// connections to it.
const SignalsPerSecond = 20

// MaxName is the largest name of a signal, in bytes.
const MaxName = 32

// IsSignalName reports whether name is one of a signal: 1 to MaxName of a-z, 0-9, '.', '_'
// and '-'.
func IsSignalName(name string) bool {
	ok := func(c byte) bool {
		return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
	}
	for i := range len(name) {
		if !ok(name[i]) {
			return false
		}
	}
	return name != "" && len(name) <= MaxName
}

// TypingPause is the least time between two typing notices of one user that a server
// passes on.
const TypingPause = 2 * time.Second

// IDWindow is the least time for which a log recognises the id of a message.
const IDWindow = 5 * time.Minute

// MaxListed is the largest number of members, or of named rooms, in one list.
const MaxListed = 100

// CutText returns s as valid UTF-8 of at most n bytes, cut at a character's start.
func CutText(s string, n int) string {
	if len(s) > n {
		s = s[:n]
		// What is left of a character that was cut is dropped, not replaced.
		for i := 1; i <= utf8.UTFMax && i <= len(s); i++ {
			if c := s[len(s)-i]; utf8.RuneStart(c) {
				if !utf8.FullRuneInString(s[len(s)-i:]) {
					s = s[:len(s)-i]
				}
				break
			}
		}
	}
	if s = strings.ToValidUTF8(s, "\ufffd"); len(s) > n {
		return CutText(s, n) // the replacements are longer than what they replace
	}
	return s
}
