package memlog

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/chatlog"
)

// checkAccounts compares the counts of a log with what it holds.
func checkAccounts(t *testing.T, l *Log) {
	t.Helper()
	idle, bytes, occupied := 0, 0, int64(0)
	for i := range l.shards {
		for name, r := range l.shards[i].rooms {
			checkEntries(t, l, r)
			if len(r.users) != len(r.roster) {
				t.Fatalf("%s has %d users, %d listed", name, len(r.users), len(r.roster))
			}
			inUse := len(r.watchers) > 0 || len(r.users) > 0
			if inUse == (r.idle.elem != nil) || !inUse && r.last == 0 {
				t.Fatalf("%s at %d is in use: %t, idle: %t", name, r.last, inUse, r.idle.elem != nil)
			}
			if len(r.users) > 0 {
				occupied++
			}
			if !inUse {
				idle++
				bytes += r.idle.bytes
			}
		}
	}
	if idle != l.idle.rooms.Len() || bytes != l.idle.bytes || bytes > maxIdle {
		t.Fatalf("%d idle rooms with %d bytes, counted %d with %d", idle, bytes, l.idle.rooms.Len(), l.idle.bytes)
	}
	if n := l.occupied.Load(); n != occupied {
		t.Fatalf("%d rooms have users, counted %d", occupied, n)
	}
}

func TestMemoryLogForgetsIdleRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(10, 1<<20, time.Hour)
		s := &modelSink{}
		l.Open(bg, s)
		l.Watch(bg, s, "watched")
		rooms := []string{"watched", "entered", "idle"}
		l.Enter(bg, "s1", "entered", chatlog.Member{UserID: "u", Username: "U", Connections: 1})
		l.Beat(bg, "s1", 100*time.Hour)
		var epochs []string
		for _, room := range rooms {
			say(t, l, room, "id")
			epochs = append(epochs, epochOf(t, l, room))
		}
		after := func(d time.Duration, want ...bool) {
			t.Helper()
			time.Sleep(d)
			l.Beat(bg, "s1", 100*time.Hour)
			checkAccounts(t, l)
			for i, room := range rooms {
				if kept := epochOf(t, l, room) == epochs[i]; kept != want[i] {
					t.Errorf("%s is kept: %t, want %t", room, kept, want[i])
				}
			}
		}
		after(time.Hour-time.Millisecond, true, true, true)
		l.Read(bg, "idle", chatlog.Range{}) // a use
		after(time.Hour-time.Millisecond, true, true, true)
		after(time.Millisecond, true, true, false)
		if say(t, l, "idle", "id") != 1 || epochOf(t, l, "idle") == epochs[2] {
			t.Error("a forgotten room does not begin again")
		}
		l.Unwatch(s, "watched")
		l.Leave(bg, "s1", "entered", "u")
		after(time.Hour-time.Millisecond, true, true, false)
		after(time.Millisecond, false, false, false)
		if n := stateOf(l); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
	})
}

// TestMemoryLogForgetsAtOnce has an expiry of zero. Texts are deleted when the last use ends.
// Ids stay for their time, so repetitions are still known.
func TestMemoryLogForgetsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(10, 1<<20, -1)
		s := &modelSink{}
		l.Open(bg, s)
		l.Watch(bg, s, "r")
		say(t, l, "r", "a")
		say(t, l, "r", "b")
		epoch := epochOf(t, l, "r")
		l.Unwatch(s, "r")
		p, _ := l.Read(bg, "r", chatlog.Range{Limit: 10})
		if d := cmp.Diff(chatlog.Page{Position: chatlog.Position{Epoch: epoch, Offset: 2}, First: 3}, p); d != "" {
			t.Errorf("page (-want +got):\n%s", d)
		}
		time.Sleep(5 * time.Minute)
		l.Beat(bg, "s1", time.Hour)
		if o := say(t, l, "r", "a"); o != 1 || epochOf(t, l, "r") != epoch {
			t.Errorf("a repetition got offset %d", o)
		}
		time.Sleep(5 * time.Minute)
		l.Beat(bg, "s1", time.Hour)
		if n := stateOf(l); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
		if o := say(t, l, "r", "a"); o != 1 || epochOf(t, l, "r") == epoch {
			t.Errorf("a forgotten room continues with offset %d", o)
		}
	})
}

func TestMemoryLogBoundsIdleRooms(t *testing.T) {
	l := New(100, 1<<20, time.Hour)
	s := &modelSink{}
	l.Open(bg, s)
	l.Watch(bg, s, "watched")
	text := strings.Repeat("x", 1<<19)
	put := func(room string) {
		if _, err := l.Append(bg, room, chatlog.Event{Type: chatlog.TypeMessage, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	put("watched")
	old := epochOf(t, l, "watched")
	const rooms = 300 // of 512 KiB each
	put("read")
	for i := range rooms {
		put(fmt.Sprint("r", i))
		checkAccounts(t, l)
		if p, _ := l.Read(bg, "read", chatlog.Range{Limit: 1}); len(p.Events) == 0 {
			t.Fatal("the room that was used last was forgotten")
		}
	}
	held := 0
	for i := range rooms {
		p, _ := l.Read(bg, fmt.Sprint("r", i), chatlog.Range{Limit: 1})
		if held > 0 && len(p.Events) == 0 {
			t.Fatalf("room %d was forgotten before room %d", i, i-1)
		}
		held += len(p.Events)
	}
	if want := maxIdle/len(text) - 2; held != want {
		t.Errorf("%d idle rooms are held, want %d", held, want)
	}
	if epochOf(t, l, "watched") != old {
		t.Error("a watched room was forgotten")
	}
	l.Unwatch(s, "watched")
	checkAccounts(t, l)
}

// TestMemoryLogLeavesNothing uses rooms without writing to them.
func TestMemoryLogLeavesNothing(t *testing.T) {
	l := New(10, 1<<20, time.Hour)
	s := &modelSink{}
	l.Open(bg, s)
	for i := range 100 {
		room := fmt.Sprint("r", i)
		l.Read(bg, room, chatlog.Range{Limit: 1})
		l.Positions(bg, []string{room})
		l.Renew(bg, room, epochOf(t, l, room))
		l.Signal(bg, room, chatlog.Event{Type: chatlog.TypeTyping})
		l.Unwatch(s, room)
		l.Watch(bg, s, room)
		l.Watch(bg, s, room)
		l.Enter(bg, "s1", room, chatlog.Member{UserID: "u", Username: "U", Connections: 1})
		l.Unwatch(s, room)
		l.Leave(bg, "s1", room, "u")
		l.Enter(bg, "s2", room, chatlog.Member{UserID: "u", Username: "U", Connections: 1})
	}
	l.Beat(bg, "s2", -1)
	l.Beat(bg, "s3", time.Minute)
	l.Watch(bg, s, "r")
	l.Close(s)
	if n := stateOf(l); n != 0 {
		t.Errorf("%d rooms are left", n)
	}
	if err := l.Open(bg, s); err != nil {
		t.Fatal(err)
	}
	l.Watch(bg, s, "r")
	l.Watch(bg, s, "r")
	if say(t, l, "r", ""); len(s.pushes) != 1 {
		t.Errorf("a room watched twice gave %d pushes", len(s.pushes))
	}
	l.Close(s)
	if err := l.Watch(bg, s, "r"); err == nil {
		t.Error("a closed sink can watch")
	}
}
