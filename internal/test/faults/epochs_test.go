package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// The log is restored to 70 of 100 entries while no running server knows of the others, and 31
// more are written. A client that has seen 100 is told of a gap if its position has a time, in
// both dialects. With the offset alone nobody can know of the loss.
func TestPlaceOfAnotherEntry(t *testing.T) {
	log := newShortLog()
	a := chat.New(chat.WithLog(log), harness.Quiet)
	fill(t, a, 1, 100)
	seen := log.get("r")
	last := seen.events[99]
	log.cut("r", 70)
	a.Close()
	time.Sleep(2 * time.Millisecond) // the new entries have another time
	b, base := harness.Serve(t, chat.WithLog(log), chat.WithHistory(5))
	fill(t, b, 71, 101)
	at := chat.Position{Epoch: seen.epoch, Offset: 100, Time: last.Time.UnixMilli()}

	p := harness.Dial(t, base, "r", true, "since", at.String())
	w := p.Until("welcome")
	harness.Expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap), "false true")
	harness.Expect(t, "first", p.Next().Message, "97")
	harness.Expect(t, "plain", harness.Dial(t, base, "r", false, "since", at.String()).Next().Code, "gap")

	// A position of an entry that is unchanged, far back or near, and a position after the end
	// of the stream.
	for _, o := range []uint64{1, 70, 101} {
		e := log.get("r").events[o-1]
		same := chat.Position{Epoch: seen.epoch, Offset: o, Time: e.Time.UnixMilli()}
		w := harness.Dial(t, base, "r", true, "since", same.String()).Until("welcome")
		harness.Expect(t, same.String(), fmt.Sprint(w.Resumed, w.Gap), "true false")
	}
	// The claim of one client changes nothing for the others.
	if now := log.get("r").epoch; now != seen.epoch {
		t.Errorf("the room is in %s", now)
	}
	w = harness.Dial(t, base, "r", true, "since", fmt.Sprint(seen.epoch, ":100")).Until("welcome")
	harness.Expect(t, "with the offset alone", fmt.Sprint(w.Resumed, w.Gap), "true false")
}

// A running server has delivered 100 entries, and learns nothing of the loss. An entry that it
// appends is acknowledged in a new epoch. A client that has seen 100 is told of a gap, even with
// the offset alone.
func TestOffsetGivenAgain(t *testing.T) {
	log := newShortLog()
	srv, base := harness.Serve(t, chat.WithLog(log))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	fill(t, srv, 1, 100)
	seen := log.get("r")
	log.mu.Lock()
	log.mute = true
	log.mu.Unlock()
	log.cut("r", 90)
	if e := harness.Publish(t, srv, "r", "again"); e.Offset != 91 {
		t.Fatalf("offset %d", e.Offset)
	}
	if now := log.get("r").epoch; now == seen.epoch {
		t.Error("acknowledged in the epoch in which offset 91 was another message")
	}
	for {
		p := harness.Dial(t, base, "r", true, "since", fmt.Sprint(seen.epoch, ":100"))
		w := p.Until("welcome")
		if !strings.HasPrefix(w.Position, seen.epoch+":") {
			harness.Expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap), "false true")
			break
		}
		// It came before the room had read the log in the new epoch, and is told when it has.
		for err := error(nil); err == nil; {
			_, err = p.Read()
		}
	}
}

// A snapshot brings back an epoch that was replaced. The room gets a new epoch, even if no
// server used the room meanwhile.
func TestReplacedEpochComesBack(t *testing.T) {
	for _, used := range []bool{true, false} {
		t.Run(fmt.Sprint("used=", used), func(t *testing.T) {
			log := newShortLog()
			srv, base := harness.Serve(t, chat.WithLog(log))
			fill(t, srv, 1, 5)
			snapshot := log.get("r")
			p := harness.Dial(t, base, "r", true)
			p.Until("welcome")
			log.cut("r", 3)
			fill(t, srv, 4, 9)
			for err := error(nil); err == nil; {
				_, err = p.Read() // closed, because the log has lost events
			}
			if used {
				p = harness.Dial(t, base, "r", true)
				p.Until("welcome")
			} else {
				harness.Eventually(t, "the room is not in use", func() bool { return srv.Stats().Rooms == 0 })
			}
			second := log.get("r").epoch
			log.set("r", snapshot)
			if used {
				for err := error(nil); err == nil; {
					_, err = p.Read()
				}
			}
			w := harness.Dial(t, base, "r", true, "since", fmt.Sprint(snapshot.epoch, ":5")).Until("welcome")
			harness.Expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap), "false true")
			if now := log.get("r").epoch; now == snapshot.epoch || now == second {
				t.Errorf("in %s again, after %s and %s", now, snapshot.epoch, second)
			}
		})
	}
}

// opening pushes an entry of another epoch while a room opens.
type opening struct {
	*shortLog
	epoch string
}

func (l opening) Watch(ctx context.Context, sink chatlog.Sink, room string) error {
	err := l.shortLog.Watch(ctx, sink, room)
	if room == "r" {
		for o := range uint64(3) {
			sink.Push(room, l.epoch, chatlog.Event{Type: chatlog.TypeMessage, Offset: o + 1, Time: time.Now(), Username: "Eve", Text: "of another epoch"})
		}
	}
	return err
}

func TestPushOfAnotherEpochWhileOpening(t *testing.T) {
	log := newShortLog()
	srv, base := harness.Serve(t, chat.WithLog(opening{log, "x"}))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	time.Sleep(50 * time.Millisecond) // every push has arrived
	fill(t, srv, 1, 1)
	if o := p.Until("message"); o.Message != "1" || o.Offset != 1 {
		t.Errorf("got %+v", o)
	}
}

// Follow begins at a position that the log does not have, or that now belongs to another entry.
// It reports the gap, and then yields the entries that exist.
func TestFollowFromLostPlace(t *testing.T) {
	log := newShortLog()
	srv, _ := harness.Serve(t, chat.WithLog(log))
	fill(t, srv, 1, 5)
	r := log.get("r")
	for name, since := range map[string]chat.Position{
		"beyond the end":    {Epoch: r.epoch, Offset: 50},
		"of another entry":  {Epoch: r.epoch, Offset: 4, Time: 1},
		"of another epoch":  {Epoch: "other", Offset: 2},
		"beyond, with time": {Epoch: r.epoch, Offset: 6, Time: r.events[4].Time.UnixMilli()},
	} {
		var got []string
		for e, err := range srv.Follow(t.Context(), "r", since) {
			if err != nil {
				got = append(got, err.Error())
				if !errors.Is(err, chat.ErrGap) {
					t.Fatal(err)
				}
			} else {
				got = append(got, e.Text)
			}
			if len(got) == 6 {
				break
			}
		}
		harness.Expect(t, name, fmt.Sprint(got), fmt.Sprint([]string{chat.ErrGap.Error(), "1", "2", "3", "4", "5"}))
	}
	at := chat.Position{Epoch: r.epoch, Offset: 4, Time: r.events[3].Time.UnixMilli()}
	for e, err := range srv.Follow(t.Context(), "r", at) {
		if err != nil || e.Text != "5" {
			t.Errorf("got %+v, %v", e, err)
		}
		break
	}
}
