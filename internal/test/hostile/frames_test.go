package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// Short names for what the tables are made of.
const (
	finText   = wsconf.Fin | wsconf.Text
	finBinary = wsconf.Fin | wsconf.Binary
	finCont   = wsconf.Fin | wsconf.Continuation
	finPing   = wsconf.Fin | wsconf.Ping
	finPong   = wsconf.Fin | wsconf.Pong
	finClose  = wsconf.Fin | wsconf.Close
)

var (
	fr        = wsconf.Frame
	frClose   = wsconf.CloseFrame
	close1002 = []string{"close 1002"}
	opaque    = strings.Repeat("\xfe", 125)
)

// msgLine is the line for a text that the server makes a message of.
func msgLine(s string) string { return "msg " + harness.Brief(s) }

// frameRow is one connection: what it sends after the handshake, and the lines
// that come back until it ends. If no close is wanted, one with 1000 is sent at
// the end, and its answer wanted. The id is that of the Autobahn test suite's
// case (v25.10.1) which the row corresponds to, or one of ours.
type frameRow struct {
	id    string
	send  []byte
	piece int // bytes a TCP segment; 0: all in one
	want  []string
}

// runFrames goes through a table, row after row in one room, in the plain
// dialect: what Autobahn's peer echoes, a room tells its members.
func runFrames(t *testing.T, rows []frameRow, header []string, opts ...chat.Option) {
	_, base := harness.Serve(t, append([]chat.Option{chat.WithHistory(0)}, opts...)...)
	w := harness.Watch(t, base, "r")
	var messages []string
	ids := map[string]bool{}
	for _, row := range rows {
		if ids[row.id] {
			t.Fatalf("two rows have the id %s", row.id)
		}
		ids[row.id] = true
		want, after := row.want, -1
		if !slices.ContainsFunc(want, func(s string) bool { return strings.HasPrefix(s, "close") }) {
			want, after = append(slices.Clone(want), "close 1000"), len(want)
		}
		c := harness.RawDial(t, base, "/ws/r?username=Mallory", header...)
		harness.Settle(t, c)
		written := make(chan struct{})
		go func() {
			defer close(written)
			harness.RawWrite(c, row.send, row.piece)
		}()
		if after == 0 {
			<-written
		}
		got := harness.HeardThen(c, after, frClose(1000, ""))
		c.Close()
		<-written
		messages = append(messages, harness.MessagesIn(want)...)
		// Pongs do not wait for messages: only the order within each of the two is
		// promised, and that the close is last.
		if diff := cmp.Diff(byKind(want), byKind(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.id, diff)
		}
	}
	w.Check(messages)
	t.Logf("%d rows", len(rows))
}

func byKind(lines []string) []string {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b string) int { return kindOf(a) - kindOf(b) })
	return lines
}

func kindOf(line string) int {
	switch {
	case strings.HasPrefix(line, "pong"):
		return 0
	case strings.HasPrefix(line, "msg"), strings.HasPrefix(line, "code"):
		return 1
	}
	return 2 // closing, and whatever follows it
}

func linesOf(n int, f func(i int) string) (l []string) {
	for i := range n {
		l = append(l, f(i))
	}
	return l
}

var framing = []frameRow{
	{"1.1.1", fr(finText, ""), 0, []string{"code empty_message"}},
	{"1.1.2", fr(finText, harness.LongText[:125]), 0, []string{msgLine(harness.LongText[:125])}},
	{"1.1.3", fr(finText, harness.LongText[:126]), 0, []string{msgLine(harness.LongText[:126])}},
	{"1.1.4", fr(finText, harness.LongText[:127]), 0, []string{msgLine(harness.LongText[:127])}},
	{"1.1.5", fr(finText, harness.LongText[:128]), 0, []string{msgLine(harness.LongText[:128])}},
	{"1.1.6", fr(finText, harness.LongText[:65535]), 0, []string{msgLine(harness.LongText[:65535])}},
	{"1.1.7", fr(finText, harness.LongText), 0, []string{msgLine(harness.LongText)}},
	{"1.1.8", fr(finText, harness.LongText), 997, []string{msgLine(harness.LongText)}},
	{"1.2.1", fr(finBinary, ""), 0, []string{"close 1003"}},
	{"1.2.2", fr(finBinary, opaque), 0, []string{"close 1003"}},
	{"1.2.7", fr(finBinary, harness.LongText), 0, []string{"close 1003"}},
	{"1.2.8", fr(finBinary, harness.LongText), 997, []string{"close 1003"}},

	{"2.1", fr(finPing, ""), 0, []string{"pong "}},
	{"2.2", fr(finPing, "Hello, world!"), 0, []string{"pong Hello, world!"}},
	{"2.3", fr(finPing, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), 0, []string{"pong \x00\xff\xfe\xfd\xfc\xfb\x00\xff"}},
	{"2.4", fr(finPing, opaque), 0, []string{"pong " + harness.Brief(opaque)}},
	{"2.5", fr(finPing, opaque+"x"), 0, close1002},
	{"2.6", fr(finPing, opaque), 1, []string{"pong " + harness.Brief(opaque)}},
	{"2.7", fr(finPong, ""), 0, nil},
	{"2.8", fr(finPong, "unsolicited"), 0, nil},
	{"2.9", harness.Join(fr(finPong, "unsolicited"), fr(finPing, "p")), 0, []string{"pong p"}},
	{"2.10", harness.Repeat(10, func(i int) []byte { return fr(finPing, fmt.Sprint(i)) }), 0, linesOf(10, func(i int) string { return fmt.Sprint("pong ", i) })},
	{"2.11", harness.Repeat(10, func(i int) []byte { return fr(finPing, fmt.Sprint(i)) }), 1, linesOf(10, func(i int) string { return fmt.Sprint("pong ", i) })},

	{"3.1", fr(finText|wsconf.RSV3, "x"), 0, close1002},
	{"3.2", harness.Join(fr(finText, "3.2"), fr(finText|wsconf.RSV2, "x"), fr(finPing, "")), 0, []string{"msg 3.2", "close 1002"}},
	{"3.3", harness.Join(fr(finText, "3.3"), fr(finText|wsconf.RSV2|wsconf.RSV3, "x"), fr(finPing, "")), 9, []string{"msg 3.3", "close 1002"}},
	{"3.4", harness.Join(fr(finText, "3.4"), fr(finText|wsconf.RSV1, "x"), fr(finPing, "")), 1, []string{"msg 3.4", "close 1002"}},
	{"3.5", fr(finBinary|wsconf.RSV1|wsconf.RSV3, opaque), 0, close1002},
	{"3.6", fr(finPing|wsconf.RSV1|wsconf.RSV2, "x"), 0, close1002},
	{"3.7", fr(finClose|wsconf.RSV1|wsconf.RSV2|wsconf.RSV3, ""), 0, close1002},

	{"4.1.1", fr(wsconf.Fin|3, ""), 0, close1002},
	{"4.1.2", fr(wsconf.Fin|4, "reserved"), 0, close1002},
	{"4.1.3", harness.Join(fr(finText, "4.1.3"), fr(wsconf.Fin|5, ""), fr(finPing, "")), 0, []string{"msg 4.1.3", "close 1002"}},
	{"4.1.4", harness.Join(fr(finText, "4.1.4"), fr(wsconf.Fin|6, "reserved"), fr(finPing, "")), 0, []string{"msg 4.1.4", "close 1002"}},
	{"4.1.5", harness.Join(fr(finText, "4.1.5"), fr(wsconf.Fin|7, "reserved"), fr(finPing, "")), 1, []string{"msg 4.1.5", "close 1002"}},
	{"4.2.1", fr(wsconf.Fin|11, ""), 0, close1002},
	{"4.2.2", fr(wsconf.Fin|12, "reserved"), 0, close1002},
	{"4.2.3", harness.Join(fr(finText, "4.2.3"), fr(wsconf.Fin|13, ""), fr(finPing, "")), 0, []string{"msg 4.2.3", "close 1002"}},
	{"4.2.4", harness.Join(fr(finText, "4.2.4"), fr(wsconf.Fin|14, "reserved"), fr(finPing, "")), 0, []string{"msg 4.2.4", "close 1002"}},
	{"4.2.5", harness.Join(fr(finText, "4.2.5"), fr(wsconf.Fin|15, "reserved"), fr(finPing, "")), 1, []string{"msg 4.2.5", "close 1002"}},

	{"5.1", harness.Join(fr(wsconf.Ping, "1"), fr(finCont, "2")), 0, close1002},
	{"5.2", harness.Join(fr(wsconf.Pong, "1"), fr(finCont, "2")), 0, close1002},
	{"5.3", harness.Join(fr(wsconf.Text, "5"), fr(finCont, ".3")), 0, []string{"msg 5.3"}},
	{"5.4", harness.Join(fr(wsconf.Text, "5"), fr(finCont, ".4")), 7, []string{"msg 5.4"}},
	{"5.5", harness.Join(fr(wsconf.Text, "5"), fr(finCont, ".5")), 1, []string{"msg 5.5"}},
	{"5.6", harness.Join(fr(wsconf.Text, "5"), fr(finPing, "p"), fr(finCont, ".6")), 0, []string{"pong p", "msg 5.6"}},
	{"5.7", harness.Join(fr(wsconf.Text, "5"), fr(finPing, "p"), fr(finCont, ".7")), 7, []string{"pong p", "msg 5.7"}},
	{"5.8", harness.Join(fr(wsconf.Text, "5"), fr(finPing, "p"), fr(finCont, ".8")), 1, []string{"pong p", "msg 5.8"}},
	{"5.9", harness.Join(fr(finCont, "x"), fr(finText, "y")), 0, close1002},
	{"5.10", harness.Join(fr(finCont, "x"), fr(finText, "y")), 7, close1002},
	{"5.11", harness.Join(fr(finCont, "x"), fr(finText, "y")), 1, close1002},
	{"5.12", harness.Join(fr(wsconf.Continuation, "x"), fr(finText, "y")), 0, close1002},
	{"5.13", harness.Join(fr(wsconf.Continuation, "x"), fr(finText, "y")), 7, close1002},
	{"5.14", harness.Join(fr(wsconf.Continuation, "x"), fr(finText, "y")), 1, close1002},
	{"5.15", harness.Join(fr(wsconf.Text, "5"), fr(finCont, ".15"), fr(wsconf.Continuation, "x"), fr(finText, "y")), 0, []string{"msg 5.15", "close 1002"}},
	{"5.16", harness.Join(fr(wsconf.Continuation, "x"), fr(wsconf.Text, "a"), fr(finCont, "b"), fr(wsconf.Continuation, "x")), 0, close1002},
	{"5.17", harness.Join(fr(finCont, "x"), fr(wsconf.Text, "a"), fr(finCont, "b")), 0, close1002},
	{"5.18", harness.Join(fr(wsconf.Text, "a"), fr(finText, "b")), 0, close1002},
	{"5.19", pingedText("5.19"), 0, []string{"pong 1", "pong 2", "msg 5.19a5.19b5.19c5.19d5.19e"}},
	{"5.20", pingedText("5.20"), 1, []string{"pong 1", "pong 2", "msg 5.20a5.20b5.20c5.20d5.20e"}},
}

// pinged is a text in five fragments with pings between them.
func pingedText(s string) []byte {
	return harness.Join(fr(wsconf.Text, s+"a"), fr(wsconf.Continuation, s+"b"), fr(finPing, "1"), fr(wsconf.Continuation, s+"c"), fr(wsconf.Continuation, s+"d"), fr(finPing, "2"), fr(finCont, s+"e"))
}

func TestBadFrames(t *testing.T) {
	t.Parallel()
	runFrames(t, framing, nil, chat.WithMessageSize(1<<17))
}

var closes = []frameRow{
	{"7.1.1", harness.Join(fr(finText, "7.1.1"), frClose(1000, "")), 0, []string{"msg 7.1.1", "close 1000"}},
	{"7.1.2", harness.Join(frClose(1000, ""), frClose(1000, "")), 0, []string{"close 1000"}},
	{"7.1.3", harness.Join(frClose(1000, ""), fr(finPing, "x")), 0, []string{"close 1000"}},
	{"7.1.4", harness.Join(frClose(1000, ""), fr(finText, "x")), 0, []string{"close 1000"}},
	{"7.1.5", harness.Join(fr(wsconf.Text, "x"), frClose(1000, ""), fr(finCont, "y")), 0, []string{"close 1000"}},
	{"7.1.6", harness.Join(fr(finText, strings.Repeat("B", 1<<18)), frClose(1000, ""), fr(finPing, "")), 0, []string{msgLine(strings.Repeat("B", 1<<18)), "close 1000"}},
	{"7.3.1", fr(finClose, ""), 0, []string{"close 1005"}}, // which stands for no code,
	{"7.3.2", fr(finClose, "a"), 0, close1002},
	{"7.3.3", frClose(1000, ""), 0, []string{"close 1000"}},
	{"7.3.4", frClose(1000, "Hello World!"), 0, []string{"close 1000"}},
	{"7.3.5", frClose(1000, harness.LongText[:123]), 0, []string{"close 1000"}},
	{"7.3.6", frClose(1000, harness.LongText[:124]), 0, close1002},
	{"7.5.1", frClose(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"), 0, []string{"close 1007"}},
}

func TestBadCloses(t *testing.T) {
	t.Parallel()
	rows := slices.Clone(closes)
	for i, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		rows = append(rows, frameRow{fmt.Sprint("7.7.", i+1), frClose(code, ""), 0, []string{fmt.Sprint("close ", code)}})
	}
	for i, code := range []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		rows = append(rows, frameRow{fmt.Sprint("7.9.", i+1), frClose(code, ""), 0, close1002})
	}
	for i, code := range []int{5000, 65535} {
		rows = append(rows, frameRow{fmt.Sprint("7.13.", i+1), frClose(code, ""), 0, close1002})
	}
	runFrames(t, rows, nil, chat.WithMessageSize(1<<18))
}
