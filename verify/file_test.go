package verify

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
)

func fileLog(t *testing.T) *sqlitelog.Log {
	t.Helper()
	l, err := sqlitelog.Open(filepath.Join(t.TempDir(), "chat.db"))
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

func TestFile(t *testing.T) {
	check(t, newRecorder(t, 250, fileLog(t)).run(t))
}

func TestFileChanges(t *testing.T) {
	checkWith(t, amendModel, changes(t, 250, false, 0, time.Now(), fileLog(t)))
}
