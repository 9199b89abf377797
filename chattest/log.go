// Package chattest helps to test programs that use package chat. [TestLog] tests whether an
// implementation of [chat.Log] keeps its contract, and [NewServer] runs a server behind a
// real socket for a test. How to write a log:
// https://github.com/seed-08328bfd/chat/blob/main/CONTRIBUTING.md
package chattest

import (
	"context"
	"crypto/rand"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// patience is how long the suite waits for an expected event, and for a method to return
// after its context has ended.
var patience = 30 * time.Second

// kept is the smallest number of entries per room that a log under test must keep.
const kept = 200

// TestLog tests through the interface, in subtests of t, that a log behaves as [chat.Log]
// says:
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
// open returns a handle of the log, as one server uses it, and closes it in the Cleanup of
// the t that it gets. A subtest calls open several times. All handles share one store,
// like the servers of a cluster; a log in memory returns the same handle each time. The
// store may contain other rooms and may be reused, but while TestLog runs, nothing else
// may call Beat on it. The store must keep at least the last 200 entries per room, with
// texts of 1 MiB together, and must keep every room for some minutes.
//
// If a log is a [chatlog.Amender], a [chatlog.Marker], a [chatlog.Pacer] or a
// [chatlog.Tracker], TestLog tests that too. The output of the test says which of these it is. The store of an Amender must keep at
// least the last 200 messages per room and the last 200 entries that amend, a thousand users of
// one reaction, and the markers of some hundred users.
//
// If a feed may lose something, the suite sends it again before a test fails. The suite does not
// test what takes longer than seconds: that ids are known for five minutes, and that old entries
// are deleted.
func TestLog(t *testing.T, open func(t *testing.T) chatlog.Log) {
	tests := []logTest{
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
		{"RepeatedConcurrently", testRepeatedConcurrently},
		{"RepeatedNot", testRepeatedNot},
		{"Lookup", testLookup},
		{"LookupNot", testLookupNot},
		{"Renew", testRenew},
		{"RenewConcurrently", testRenewConcurrently},
		{"Announce", testAnnounce},
		{"AnnounceNames", testAnnounceNames},
		{"Signal", testSignal},
		{"Unwatch", testUnwatch},
		{"Close", testClose},
		{"Enter", testEnter},
		{"EnterNames", testEnterNames},
		{"EnterConcurrently", testEnterConcurrently},
		{"Members", testMembers},
		{"Repeats", testRepeats},
		{"Versions", testVersions},
		{"Rooms", testRooms},
		{"PresenceNames", testPresenceNames},
		{"Beat", testBeat},
		{"BeatConcurrently", testBeatConcurrently},
		{"AllServersSilent", testAllServersSilent},
		{"Return", testReturn},
		{"Context", testContext},
		{"RepeatedOverSocket", testRepeatedOverSocket},
		{"PrivateHistory", testPrivateHistory},
	}
	for _, test := range append(tests, optionalTests(t, open(t))...) {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, func() chatlog.Log { return open(t) })
		})
	}
}

// logTest is one of the subtests of TestLog.
type logTest struct {
	name string
	run  func(*testing.T, func() chatlog.Log)
}

// optionalTests returns the tests of the optional interfaces that l has. It logs which these
// are.
func optionalTests(t *testing.T, l chatlog.Log) (tests []logTest) {
	_, amender := l.(chatlog.Amender)
	_, marker := l.(chatlog.Marker)
	_, pacer := l.(chatlog.Pacer)
	_, tracker := l.(chatlog.Tracker)
	t.Logf("the log is an Amender: %t, a Marker: %t, a Pacer: %t, Tracker: %t", amender, marker, pacer, tracker)
	if amender {
		tests = append(tests, []logTest{
			{"Amend", testAmend},
			{"AmendConcurrently", testAmendConcurrently},
			{"AmendOnce", testAmendOnce},
			{"AmendReadable", testAmendReadable},
			{"AmendFields", testAmendFields},
			{"AmendNames", testAmendNames},
			{"AmendNot", testAmendNot},
			{"AmendAgain", testAmendAgain},
			{"AmendKept", testAmendKept},
			{"AmendHistory", testAmendHistory},
			{"Delete", testDelete},
			{"Reactions", testReactions},
			{"ManyReactions", testManyReactions},
		}...)
	}
	if marker {
		tests = append(tests, []logTest{
			{"Unread", testUnread},
			{"UnreadMany", testUnreadMany},
			{"MarkRead", testMarkRead},
			{"MarkReadConcurrently", testMarkReadConcurrently},
		}...)
	}
	if pacer {
		tests = append(tests, []logTest{
			{"Pace", testPace},
			{"PaceConcurrently", testPaceConcurrently},
		}...)
	}
	if tracker {
		tests = append(tests, []logTest{
			{"Consumer", testConsumer},
			{"ConsumeConcurrently", testConsumeConcurrently},
		}...)
	}
	return tests
}

// newName returns a name that was never used before.
func newName(prefix string) string {
	return prefix + "-" + strings.ToLower(rand.Text()[:12])
}

// within returns a context for one call of the log.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls until ok returns true, and fails the test if that takes too long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !pollFor(patience, ok) {
		t.Fatalf("waited too long for %s", what)
	}
}

// pollFor polls until ok reports true. It returns false if that takes longer than d.
func pollFor(d time.Duration, ok func() bool) bool {
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

// put appends e, which must be new.
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
	return reflect.DeepEqual(a, b)
}

// runConcurrently runs f n times concurrently and waits.
func runConcurrently(n int, f func(i int)) {
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

// handles opens n handles.
func handles(n int, open func() chatlog.Log) []chatlog.Log {
	l := make([]chatlog.Log, n)
	for i := range l {
		l[i] = open()
	}
	return l
}

// confusingNames are names, ids and texts that an implementation may confuse with special values
// or with each other.
var confusingNames = []string{
	"a", "A", "a ", " a", "á", "a\u0301", "a:b", "a/b", "a|b", "a.b", "a,b", "a\x00b", "a\x1ab", "\x00", "\x1a",
	"{x}", "{", "}", "}{", "{}", "{}x", "*", "?", "[a]", "[^a]", "%", "%s", "%d%n", "_", "\\", "\\0", "\\x00", "\\u0000",
	"'", "''", `"`, "`", "'; drop table room; --", "$1", "$$", "a\nb", "a\r\nb", "a\tb", "\n", "#", "..", "null", "NULL", "0", "-1", "__proto__",
	"\u2028", "\u202eabc", "\ufeff", "\ufffd", "\U0010ffff", "ÿ", "ß", "SS", "ı", "I",
	strings.Repeat("👩‍🚀", 16), strings.Repeat("😀", 64), strings.Repeat("x", 256), strings.Repeat("x", 255) + "y",
}
