package redislog_test

import (
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Redis deletes a room some time after its last use. It stores nothing for a room that was only
// read.
func TestExpiry(t *testing.T) {
	t.Parallel()
	const life = 8 * time.Second
	prefix := newPrefix()
	l := redislog.New(shared.client(t), prefix, redislog.Expiry(life, life))
	put(t, l, "left", text("u", "1", "m"))
	left, asked := position(t, l, "left"), position(t, l, "asked")
	if p := read(t, l, "asked", chatlog.Range{Limit: 1}).Position; p != asked {
		t.Errorf("two reads gave %v and then %v", asked, p)
	}
	if head, _, _, _ := l.KeysOf("asked"); lifeOf(t, head) > 0 {
		t.Error("there is a key of a room that was only read")
	}
	head, log, _, _ := l.KeysOf("left")
	for _, key := range []string{head, log} {
		if ms := lifeOf(t, key); ms <= 0 || ms > life*5/4 {
			t.Errorf("%s expires in %v", key, ms)
		}
	}
	eventually(t, "all keys of rooms expire", func() bool {
		return len(shared.exec(t, "KEYS", redislog.Prefix(prefix)+"*head:*").([]any)) == 0 &&
			len(shared.exec(t, "KEYS", redislog.Prefix(prefix)+"*entries:*").([]any)) == 0
	})
	if p := position(t, l, "left"); p.Epoch == left.Epoch || p.Offset != 0 {
		t.Errorf("the room was at %v and is at %v", left, p)
	}
}

func lifeOf(t testing.TB, key string) time.Duration {
	t.Helper()
	return time.Duration(shared.exec(t, "PTTL", key).(int64)) * time.Millisecond
}

// A watched room does not expire, even if Redis has lost it meanwhile.
func TestWatchedLivesOn(t *testing.T) {
	t.Parallel()
	const life = time.Hour
	const least = 2 * time.Second // the shortest life of a room without entries
	l := newLog(t, redislog.Expiry(life, least))
	opened(t, l, "room", "lost")
	put(t, l, "room", text("u", "1", "m"))
	was := position(t, l, "room")
	head, log, _, _ := l.KeysOf("room")
	for _, key := range []string{head, log} {
		shared.exec(t, "EXPIRE", key, 600)
	}
	lost, _, _, _ := l.KeysOf("lost")
	shared.exec(t, "DEL", lost)
	anew := position(t, l, "lost")
	for end := time.Now().Add(2 * least); time.Now().Before(end); time.Sleep(least / 8) {
		if p, ms := position(t, l, "lost"), lifeOf(t, lost); p != anew || ms <= 0 || ms > least {
			t.Fatalf("a watched room without entries went from %v to %v and expires in %v", anew, p, ms)
		}
	}
	beat(t, l, "server", time.Minute)
	if ms := lifeOf(t, head); ms > 600*time.Second {
		t.Errorf("the expiry was extended again immediately: %v", ms)
	}
	l.Age(life / 2)
	beat(t, l, "server", time.Minute)
	for _, key := range []string{head, log} {
		if ms := lifeOf(t, key); ms < life || ms > life*5/4 {
			t.Errorf("%s expires in %v", key, ms)
		}
	}
	if p, q := position(t, l, "room"), position(t, l, "lost"); p != was || q != anew {
		t.Errorf("from %v and %v to %v and %v", was, anew, p, q)
	}
}
