package pglog

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Messages and names may contain U+0000, but PostgreSQL's text cannot. It is stored as
// U+001A and "0", and U+001A is stored as two of them.
var (
	escaper   = strings.NewReplacer("\x00", "\x1a0", "\x1a", "\x1a\x1a")
	unescaper = strings.NewReplacer("\x1a0", "\x00", "\x1a\x1a", "\x1a")
)

func escape(s string) string {
	if !strings.ContainsAny(s, "\x00\x1a") {
		return s
	}
	return escaper.Replace(s)
}

func unescape(s string) string {
	if strings.IndexByte(s, '\x1a') < 0 {
		return s
	}
	return unescaper.Replace(s)
}

// maxKey is the largest size in bytes of all names in one index entry together, as stored. An
// entry of a PostgreSQL index holds about 2,700 bytes.
const maxKey = 2000

// checkEvent returns an error for an event that the database would refuse. Without this check,
// it would refuse the whole batch.
func checkEvent(room string, e *chatlog.Event) error {
	if err := checkNames(room, e.UserID, e.ID); err != nil {
		return err
	}
	if err := checkNames(e.To); err != nil {
		return err
	}
	for _, s := range []string{string(e.Type), e.Username, e.To, e.ToUsername, e.Text, string(e.Data), e.Reaction} {
		if !utf8.ValidString(s) {
			return errors.New("pglog: the event is not UTF-8")
		}
	}
	return nil
}

func checkNames(names ...string) error {
	n := 0
	for _, s := range names {
		if !utf8.ValidString(s) {
			return errors.New("pglog: a name is not UTF-8")
		}
		n += len(escape(s))
	}
	if n > maxKey {
		return fmt.Errorf("pglog: the names have %d bytes together; the maximum is %d", n, maxKey)
	}
	return nil
}
