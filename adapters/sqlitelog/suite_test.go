package sqlitelog_test

import (
	"path/filepath"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
)

// The servers of one process share a Log.
func TestLog(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "chat.db"))
	chattest.TestLog(t, func(*testing.T) chatlog.Log { return l })
}

// open opens the file at path until the test ends.
func open(t testing.TB, path string, opts ...sqlitelog.Option) *sqlitelog.Log {
	t.Helper()
	l, err := sqlitelog.Open(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.CloseFile(); err != nil {
			t.Error(err)
		}
	})
	return l
}
