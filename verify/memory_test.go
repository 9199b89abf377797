package verify

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

func TestMemory(t *testing.T) {
	check(t, newRecorder(t, 250, chat.NewMemoryLog(chat.MemoryOptions{Entries: keep})).run(t))
}

// defective is a memory log with a defect.
type defective struct {
	chatlog.Log
	defect string
	n      atomic.Int64
	mu     sync.Mutex
	pages  map[string]chatlog.Page // the previous page, by room and limit
}

func (l *defective) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	switch nth := l.n.Add(1)%20 == 0; {
	case nth && l.defect == "acknowledges what it has not kept":
		p, err := l.Log.Positions(ctx, []string{room})
		e.Offset = p[0].Offset + 1
		return chatlog.Appended{Event: e, Epoch: p[0].Epoch}, err
	case nth && l.defect == "tells another offset":
		a, err := l.Log.Append(ctx, room, e)
		a.Event.Offset++
		return a, err
	case l.defect == "keeps what is repeated twice":
		e.ID = ""
	case nth && l.defect == "acknowledges before it keeps":
		p, err := l.Log.Positions(ctx, []string{room})
		late := e
		time.AfterFunc(2*time.Millisecond, func() { l.Log.Append(context.Background(), room, late) })
		e.Offset = p[0].Offset + 1
		return chatlog.Appended{Event: e, Epoch: p[0].Epoch}, err
	}
	return l.Log.Append(ctx, room, e)
}

func (l *defective) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	p, err := l.Log.Read(ctx, room, r)
	if err != nil || len(p.Events) < 3 {
		return p, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch nth := l.n.Add(1)%20 == 0; {
	case nth && l.defect == "swaps neighbours":
		p.Events = slices.Clone(p.Events)
		p.Events[0].Text, p.Events[1].Text = p.Events[1].Text, p.Events[0].Text
	case nth && l.defect == "leaves out the newest":
		p.Events = p.Events[:len(p.Events)-1]
	case l.defect == "reads what was there the last time" && r.From+r.Before == 0:
		if l.pages == nil {
			l.pages = map[string]chatlog.Page{}
		}
		key := fmt.Sprint(room, r.Limit)
		old, ok := l.pages[key]
		l.pages[key] = p
		if ok && len(old.Events) == len(p.Events) {
			return old, nil
		}
	}
	return p, nil
}

// The check must find each of these defects.
func TestDefects(t *testing.T) {
	for _, defect := range []string{
		"acknowledges what it has not kept",
		"acknowledges before it keeps",
		"tells another offset",
		"keeps what is repeated twice",
		"swaps neighbours",
		"leaves out the newest",
		"reads what was there the last time",
	} {
		t.Run(defect, func(t *testing.T) {
			history := newRecorder(t, 100, &defective{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: keep}), defect: defect}).run(t)
			if got := porcupine.CheckOperationsTimeout(model, history, time.Minute); got != porcupine.Illegal {
				t.Errorf("%s", got)
			}
		})
	}
}
