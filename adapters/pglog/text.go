package pglog

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
)

// PostgreSQL's text holds every character but U+0000, which messages and names
// may have. U+001A begins an escape for it, and for itself.
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

// maxKey bounds the names that are parts of an index, in bytes as stored. An
// entry of a PostgreSQL index holds about 2,700.
const maxKey = 2000

// checkEvent refuses what would make the database refuse the batch that e is in.
func checkEvent(room string, e *chatlog.Event) error {
	if err := checkNames(room, e.UserID, e.ID); err != nil {
		return err
	}
	if err := checkNames(e.To); err != nil {
		return err
	}
	for _, s := range []string{string(e.Type), e.Username, e.To, e.ToUsername, e.Text} {
		if !utf8.ValidString(s) {
			return errors.New("pglog: an event that is not UTF-8")
		}
	}
	return nil
}

func checkNames(names ...string) error {
	n := 0
	for _, s := range names {
		if !utf8.ValidString(s) {
			return errors.New("pglog: a name that is not UTF-8")
		}
		n += len(escape(s))
	}
	if n > maxKey {
		return fmt.Errorf("pglog: names of %d bytes; the database can index %d", n, maxKey)
	}
	return nil
}
