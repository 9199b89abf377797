// Package chattest helps to test what is built with package chat: [TestLog] holds
// an implementation of [chat.Log] to its contract, and [NewServer] runs a server
// behind a real socket for the time of a test.
package chattest

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// patience is how long the suite waits for what must happen, and for a method to
// return after its context has ended.
var patience = 30 * time.Second

// kept is how many entries per room a log under test keeps at least.
const kept = 200

// TestLog tests that logs behave as [chat.Log] says, by what can be seen through
// the interface, in subtests of t:
//
//	func TestLog(t *testing.T) {
//		chattest.TestLog(t, func(t *testing.T) chat.Log {
//			l, err := mylog.Open(store)
//			if err != nil {
//				t.Fatal(err)
//			}
//			t.Cleanup(func() { l.Close() })
//			return l
//		})
//	}
//
// open returns a handle, as one server has it, and closes it with the Cleanup of
// the t that it is given. It is called several times in a subtest, and its handles
// share one store, as the servers of a cluster do; a log in memory is its own
// handle, the same each time. The store may hold other rooms and be used again,
// but while TestLog runs nothing else calls Beat on it. It keeps at least the last
// 200 entries of each room with texts of 1 MiB together, and forgets no room within
// minutes.
//
// What a feed may lose is sent again before a test fails. What takes longer than
// seconds is not tested: that ids are known for five minutes, and that what is old
// is forgotten.
func TestLog(t *testing.T, open func(t *testing.T) chatlog.Log) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func() chatlog.Log)
	}{
		{"Empty", testEmpty},
		{"Dense", testDense},
		{"Readable", testReadable},
		{"Fields", testFields},
		{"Time", testTime},
		{"Names", testNames},
		{"Ranges", testRanges},
		{"Kept", testKept},
		{"Visible", testVisible},
		{"VisibleKept", testVisibleKept},
		{"Large", testLarge},
		{"Positions", testPositions},
		{"Repeated", testRepeated},
		{"RepeatedAtOnce", testRepeatedAtOnce},
		{"RepeatedNot", testRepeatedNot},
		{"Lookup", testLookup},
		{"LookupNot", testLookupNot},
		{"Renew", testRenew},
		{"RenewAtOnce", testRenewAtOnce},
		{"Announce", testAnnounce},
		{"AnnounceNames", testAnnounceNames},
		{"Signal", testSignal},
		{"Unwatch", testUnwatch},
		{"Close", testClose},
		{"Enter", testEnter},
		{"EnterNames", testEnterNames},
		{"EnterAtOnce", testEnterAtOnce},
		{"Members", testMembers},
		{"Repeats", testRepeats},
		{"Versions", testVersions},
		{"Rooms", testRooms},
		{"PresenceNames", testPresenceNames},
		{"Beat", testBeat},
		{"BeatAtOnce", testBeatAtOnce},
		{"NobodyBeats", testNobodyBeats},
		{"Return", testReturn},
		{"Context", testContext},
		{"ServedAgain", testServedAgain},
		{"ServedPast", testServedPast},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, func() chatlog.Log { return open(t) })
		})
	}
}

// newName returns a name that nothing had before.
func newName(prefix string) string {
	return prefix + "-" + strings.ToLower(rand.Text()[:12])
}

// within returns a context for one use of the log.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls until ok, and fails the test if that takes too long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !soon(patience, ok) {
		t.Fatalf("waited in vain for %s", what)
	}
}

// soon polls until ok, and reports false if that takes longer than d.
func soon(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); ; time.Sleep(2 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// message returns an event to append.
func message(text string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeMessage, UserID: "u1", Username: "Alice", Text: text}
}

// put appends e, which nobody has appended before.
func put(t testing.TB, l chatlog.Log, room string, e chatlog.Event) (stored chatlog.Event, epoch string) {
	t.Helper()
	a, err := l.Append(within(t), room, e)
	if err != nil {
		t.Fatalf("Append to %q: %v", room, err)
	}
	if a.Repeated {
		t.Fatalf("Append to %q: Repeated, but %+v is new", room, e)
	}
	return a.Event, a.Epoch
}

func read(t testing.TB, l chatlog.Log, room string, r chatlog.Range) chatlog.Page {
	t.Helper()
	p, err := l.Read(within(t), room, r)
	if err != nil {
		t.Fatalf("Read of %q, %+v: %v", room, r, err)
	}
	return p
}

func positionOf(t testing.TB, l chatlog.Log, room string) chatlog.Position {
	t.Helper()
	at, err := l.Positions(within(t), []string{room})
	if err != nil || len(at) != 1 {
		t.Fatalf("Positions of %q: %v, %v", room, at, err)
	}
	return at[0]
}

// same reports whether two events are equal, their times as instants.
func same(a, b chatlog.Event) bool {
	if !a.Time.Equal(b.Time) {
		return false
	}
	b.Time = a.Time
	return a == b
}

// atOnce runs f n times concurrently and waits.
func atOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	wg.Wait()
}

// handles opens n of them.
func handles(n int, open func() chatlog.Log) []chatlog.Log {
	l := make([]chatlog.Log, n)
	for i := range l {
		l[i] = open()
	}
	return l
}

// hostile are names, ids and texts that an implementation may mistake for
// something else, or for each other.
var hostile = []string{
	"a", "A", "a ", " a", "á", "a\u0301", "a:b", "a/b", "a|b", "a.b", "a,b", "a\x00b", "a\x1ab", "\x00", "\x1a",
	"{x}", "{", "}", "}{", "{}", "{}x", "*", "?", "[a]", "[^a]", "%", "%s", "%d%n", "_", "\\", "\\0", "\\x00", "\\u0000",
	"'", "''", `"`, "`", "'; drop table room; --", "$1", "$$", "a\nb", "a\r\nb", "a\tb", "\n", "#", "..", "null", "NULL", "0", "-1", "__proto__",
	"\u2028", "\u202eabc", "\ufeff", "\ufffd", "\U0010ffff", "ÿ", "ß", "SS", "ı", "I",
	strings.Repeat("👩‍🚀", 16), strings.Repeat("😀", 64), strings.Repeat("x", 256), strings.Repeat("x", 255) + "y",
}
