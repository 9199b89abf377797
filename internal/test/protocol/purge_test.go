package protocol

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// purgedLog is a log of which something is deleted between each read of a member's history
// and its use.
type purgedLog struct {
	*harness.BadLog
	read  func(n int64)
	reads atomic.Int64
}

func (l *purgedLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	page, err := l.BadLog.Read(ctx, room, r)
	if r.Visible && l.read != nil {
		l.read(l.reads.Add(1))
	}
	return page, err
}

// TestJoinDuringPurge: who joins while a moderator deletes one message after another gets the
// history at once, from a log that is slower than the moderator, and without what is deleted.
func TestJoinDuringPurge(t *testing.T) {
	t.Parallel()
	for _, resumes := range []bool{false, true} {
		l := &purgedLog{BadLog: &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000})}}
		l.Set("")
		k := newTalk(t, harness.Quiet, chat.WithLog(l), chat.WithHistory(10), chat.WithResume(10))
		var at string // nobody is in the room yet, so the server has the last ten entries in memory
		for i := range 400 {
			if e := harness.Publish(t, k.srv, "r", fmt.Sprint("m", i+1)); i == 379 {
				at = e.Position.String()
			}
		}
		erase := func(offset uint64) {
			if _, err := k.srv.Delete(t.Context(), "r", offset, chat.By{UserID: "mod", Moderator: true}); err != nil {
				t.Error(err)
			}
		}
		if _, err := k.srv.React(t.Context(), "r", 395, chat.By{UserID: "ann"}, "👍", false); err != nil {
			t.Fatal(err)
		}
		l.read = func(n int64) {
			if n == 1 {
				erase(385)
				erase(395)
				erase(397)
			}
			if n < 300 {
				erase(uint64(n))
			}
		}
		since := []string{"since", at}
		if !resumes {
			since = nil
		}
		p := harness.Dial(t, k.base, "r", true, since...)
		p.Until("welcome")
		var got []string
		for o := p.Next(); o.Type != "delete"; o = p.Next() {
			if o.Type != "system" {
				got = append(got, line(o))
			}
		}
		if n := l.reads.Load(); n == 0 || n > 10 {
			t.Errorf("%d reads", n)
		}
		s := strings.Join(got, "\n")
		if !strings.Contains(s, "m396") || strings.Contains(s, "m385") || strings.Contains(s, "m395") || strings.Contains(s, "m397") || strings.Contains(s, "reaction") {
			t.Errorf("resumes %v: got\n%s", resumes, s)
		}
	}
}
