package redislog_test

import (
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// When a message was removed, the room holds every entry from after the last removed one. That
// is also so if amending entries follow it.
func TestFirstBehindTrimmed(t *testing.T) {
	t.Parallel()
	l := newLog(t, redislog.WithHistory(10))
	for range 64 {
		put(t, l, "room", text("ann", "", "m"))
	}
	for n := range 5 {
		amend(t, l, reaction("ann", uint64(60+n), "+"))
	}
	for range 10 {
		put(t, l, "room", text("ann", "", "m"))
	}
	for _, messages := range []bool{false, true} {
		p := read(t, l, "room", chatlog.Range{From: 1, Limit: 100, Messages: messages})
		want := map[bool]int{false: 15, true: 10}[messages]
		if p.First != 65 || len(p.Events) != want || p.Events[want-1].Offset != 79 {
			t.Errorf("messages only %t: %d from %d", messages, len(p.Events), p.First)
		}
	}
	if _, err := l.Amend(within(t), "room", reaction("ann", 64, "-"), false); err != chatlog.ErrNoSuchMessage {
		t.Errorf("a removed message was amended: %v", err)
	}
	if u := unread(t, l, "bob", "room"); u[0].Unread != 10 {
		t.Errorf("unread %+v", u)
	}
}

// Edits can make messages larger than WithHistoryBytes. Then some messages are removed, but not
// all.
func TestEditsBeyondBytes(t *testing.T) {
	t.Parallel()
	l := newLog(t, redislog.WithHistoryBytes(10_000))
	for range 6 {
		put(t, l, "room", text("ann", "", "m"))
	}
	for _, size := range []int{1500, 10, 2000, 5, 2000} {
		for target := uint64(1); target <= 6; target++ {
			_, err := l.Amend(within(t), "room", edit("ann", target, strings.Repeat("x", size)), false)
			if err != nil && (err != chatlog.ErrNoSuchMessage || target == 6) {
				t.Fatal(err)
			}
		}
		p := read(t, l, "room", chatlog.Range{Limit: 100, Messages: true})
		bytes := 0
		for _, e := range p.Events {
			bytes += len(e.Text)
		}
		if n := len(p.Events); n < 2 || bytes > 10_000 || p.Events[n-1].Offset != 6 {
			t.Errorf("%d messages of %d bytes are kept", n, bytes)
		}
	}
}
