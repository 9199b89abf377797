package sqlitelog

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
)

// WithParams sets further parameters of the file's URI.
func WithParams(params string) Option { return func(l *Log) { l.params = params } }

var testBoot atomic.Value

func init() {
	readBootID := bootID
	bootID = func() string {
		if s, ok := testBoot.Load().(string); ok && s != "-" {
			return strings.TrimSuffix(s, "?")
		}
		return readBootID()
	}
}

// SetBootID sets what identifies the run of the operating system: "?" for not known, "-" for the
// real one.
func SetBootID(id string) { testBoot.Store(id) }

// Idle reports whether no step of retention runs.
func Idle(l *Log) bool { return !l.keeping.Load() }

// Rows returns the number of rows of events and of what belongs to them, in the present state of
// the file.
func Rows(l *Log) (n int64) {
	l.writer.write(context.Background(), 0, func(t *tx) (err error) {
		n, err = t.number("SELECT count(*) FROM event")
		return err
	})
	return n
}

// WrongCounts describes rooms whose numbers of messages and of other entries are wrong.
func WrongCounts(l *Log) (wrong string) {
	l.writer.write(context.Background(), 0, func(t *tx) error {
		return t.each(func(s *sqlite3.Stmt) {
			wrong += fmt.Sprintf("%s has %d messages, %d others; found %d, %d; ", s.ColumnText(0), s.ColumnInt(1), s.ColumnInt(2), s.ColumnInt(3), s.ColumnInt(4))
		}, `SELECT * FROM (SELECT name, messages, others,
			(SELECT count(*) FROM event WHERE pos BETWEEN (r.id << 36) + first AND (r.id << 36) + last AND lane & 7 IN (0, 2)) AS m,
			(SELECT count(*) FROM event WHERE pos BETWEEN (r.id << 36) + first_entry AND (r.id << 36) + last AND lane & 7 NOT IN (0, 2)) AS o
			FROM room r) WHERE messages <> m OR others <> o`)
	})
	return wrong
}
