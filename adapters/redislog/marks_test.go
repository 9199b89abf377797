package redislog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func unread(t testing.TB, l *redislog.Log, user string, rooms ...string) []chatlog.Unread {
	t.Helper()
	list, err := l.Unread(within(t), user, rooms)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A user's own messages do not count as unread, even if there are more than one run of the
// script reads.
func TestUnreadOfMany(t *testing.T) {
	t.Parallel()
	l := newLog(t, redislog.WithHistory(10000))
	want := []chatlog.Unread{{Last: 2506, Unread: 6}, {Last: 2503, Unread: 3}, {}, {Last: 300, Unread: chatlog.MaxUnread}}
	for n := range 2500 {
		if n%500 == 250 {
			put(t, l, "public", text("bob", "", "m"))
			if n > 1000 {
				put(t, l, "private", private("bob", "ann"))
			}
		}
		put(t, l, "public", text("ann", "", "m"))
		put(t, l, "private", private("ann", "bob"))
	}
	put(t, l, "public", text("", "", "m"))
	for range 300 {
		put(t, l, "many", text("bob", "", "m"))
	}
	if got := unread(t, l, "ann", "public", "private", "none", "many"); !slices.Equal(got, want) {
		t.Errorf("unread %+v, want %+v", got, want)
	}
	if got := unread(t, l, "eve", "public", "private"); got[0].Unread != chatlog.MaxUnread || got[1].Unread != 0 {
		t.Errorf("unread of a user without a marker: %+v", got)
	}
}

// Markers and turns expire. Markers stay while their room is watched.
func TestMarkersExpire(t *testing.T) {
	t.Parallel()
	const life = time.Hour
	l := newLog(t, redislog.Expiry(life, time.Minute))
	opened(t, l, "room")
	put(t, l, "room", text("ann", "", "m"))
	if read, raised, err := l.MarkRead(within(t), "room", "bob", 1); err != nil || read != 1 || !raised {
		t.Fatal(read, raised, err)
	}
	keys := l.RoomKeys("room")
	markers := keys[len(keys)-1]
	if ms := lifeOf(t, markers); ms < life || ms > life*5/4 {
		t.Errorf("markers expire in %v", ms)
	}
	shared.exec(t, "EXPIRE", markers, 600)
	l.Age(life / 2)
	beat(t, l, "server", time.Minute)
	if ms := lifeOf(t, markers); ms < life {
		t.Errorf("markers of a watched room expire in %v", ms)
	}
	if wait, err := l.Pace(within(t), "room", "bob", "id", 3*time.Second); err != nil || wait != 0 {
		t.Fatal(wait, err)
	}
	key := l.PaceKey("room", "bob")
	if ms := lifeOf(t, key); ms <= 0 || ms > 4*time.Second {
		t.Errorf("a turn expires in %v", ms)
	}
}

// If Redis' clock is set back, no user has to wait for it.
func TestPaceClockSetBack(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	if wait, err := l.Pace(within(t), "room", "bob", "", time.Hour); err != nil || wait != 0 {
		t.Fatal(wait, err)
	}
	if wait, err := l.Pace(within(t), "room", "bob", "", time.Hour); err != nil || wait <= 59*time.Minute || wait > time.Hour {
		t.Errorf("wait %v, %v", wait, err)
	}
	key := l.PaceKey("room", "bob")
	at, _, _ := strings.Cut(shared.exec(t, "GET", key).(string), " ")
	var us int64
	fmt.Sscan(at, &us)
	shared.exec(t, "SET", key, fmt.Sprint(us+2*time.Hour.Microseconds(), " "), "KEEPTTL")
	if wait, err := l.Pace(within(t), "room", "bob", "", time.Hour); err != nil || wait != 0 {
		t.Errorf("wait %v, %v, after the clock was set back", wait, err)
	}
}
