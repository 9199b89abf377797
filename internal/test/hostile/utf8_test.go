package hostile

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// utf8Groups are the sequences of the Autobahn test suite's group 6, from 6.5 on.
// Each is sent behind the letter a, because chat refuses texts that show nothing.
var utf8Groups = []struct {
	id    string
	valid bool
	hex   string
}{
	{"6.5", true, "68656c6c6f24776f726c64 68656c6c6fc2a2776f726c64 68656c6c6fe282ac776f726c64 68656c6c6ff0a4ada2776f726c64 cebae1bdb9cf83cebcceb5"},
	{"6.7", true, "00 c280 e0a080 f0908080"},
	{"6.8", false, "f888808080 fc8480808080"},
	{"6.9", true, "7f dfbf efbfbf f48fbfbf"},
	{"6.10", false, "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"},
	{"6.11", true, "ed9fbf ee8080 efbfbd f48fbfbf"},
	{"6.11x", false, "f4908080"},
	{"6.12", false, "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf"},
	{"6.14", false, "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf"},
	{"6.15", false, "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"},
	{"6.16", false, "fe ff fefeffff"},
	{"6.17", false, "c0af e080af f08080af f8808080af fc80808080af"},
	{"6.18", false, "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf"},
	{"6.19", false, "c080 e08080 f0808080 f880808080 fc8080808080"},
	{"6.20", false, "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf"},
	{"6.21", false, "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf"},
	{"6.22", true, "efbfbe efbfbf f09fbfbe f09fbfbf f0afbfbe f0afbfbf f0bfbfbe f0bfbfbf f18fbfbe f18fbfbf f19fbfbe f19fbfbf f1afbfbe f1afbfbf f1bfbfbe f1bfbfbf f28fbfbe f28fbfbf f29fbfbe f29fbfbf f2afbfbe f2afbfbf f2bfbfbe f2bfbfbf f38fbfbe f38fbfbf f39fbfbe f39fbfbf f3afbfbe f3afbfbf f3bfbfbe f3bfbfbf f48fbfbe f48fbfbf"},
	{"6.23", true, "efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf"},
}

const kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"

// byByte is a text with every byte in a fragment of its own.
func byByte(s string) []byte {
	b := fr(wsconf.Text, s[:1])
	for i := 1; i < len(s); i++ {
		b = append(b, fr(wsconf.Continuation, s[i:i+1])...)
	}
	return append(b, fr(finCont, "")...)
}

// textRow is the row of a text that is valid or not.
func textRow(id, s string, frames []byte) frameRow {
	if utf8.ValidString(s) {
		return frameRow{id, frames, 0, []string{msgLine(s)}}
	}
	return frameRow{id, frames, 0, []string{"close 1007"}}
}

func utf8Rows(t *testing.T) []frameRow {
	mixed, broken := "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", kosme+"\xed\xa0\x80edited"
	beyond := kosme + "\xf4\x90\x80\x80edited"
	rows := []frameRow{
		{"6.1.1", fr(finText, ""), 0, []string{"code empty_message"}},
		{"6.1.2", harness.Join(fr(wsconf.Text, ""), fr(wsconf.Continuation, ""), fr(finCont, "")), 0, []string{"code empty_message"}},
		textRow("6.1.3", "middle", harness.Join(fr(wsconf.Text, ""), fr(wsconf.Continuation, "middle"), fr(finCont, ""))),
		textRow("6.2.1", mixed, fr(finText, mixed)),
		textRow("6.2.2", mixed, harness.Join(fr(wsconf.Text, mixed[:8]), fr(finCont, mixed[8:]))),
		textRow("6.2.3", mixed, byByte(mixed)),
		textRow("6.2.4", kosme, byByte(kosme)),
		textRow("6.3.1", broken, fr(finText, broken)),
		textRow("6.3.2", broken, byByte(broken)),
		textRow("6.4.1", beyond, harness.Join(fr(wsconf.Text, kosme), fr(wsconf.Continuation, "\xf4\x90\x80\x80"), fr(finCont, "edited"))),
		textRow("6.4.2", beyond, harness.Join(fr(wsconf.Text, kosme+"\xf4"), fr(wsconf.Continuation, "\x90"), fr(finCont, "\x80\x80edited"))),
		{"6.4.3", fr(finText, beyond), 1, []string{"close 1007"}},
		{"6.4.4", fr(finText, beyond), 12, []string{"close 1007"}},
	}
	for n := 1; n <= len(kosme); n++ {
		rows = append(rows, textRow(fmt.Sprint("6.6.", n), kosme[:n], fr(finText, kosme[:n])))
	}
	for _, g := range utf8Groups {
		for i, h := range strings.Fields(g.hex) {
			b, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			s := "a" + string(b)
			if utf8.ValidString(s) != g.valid {
				t.Fatalf("%s.%d: is valid %v", g.id, i+1, !g.valid)
			}
			rows = append(rows, textRow(fmt.Sprint(g.id, ".", i+1), s, fr(finText, s)))
		}
	}
	all := ""
	for b := 0x80; b <= 0xbf; b++ {
		all += string([]byte{byte(b)})
	}
	rows = append(rows, textRow("6.12.8", all, fr(finText, all)))
	for i, first := range []int{0xc0, 0xe0, 0xf0, 0xf8, 0xfc} {
		s, end := "", []int{0xe0, 0xf0, 0xf8, 0xfc, 0xfe}[i]
		for b := first; b < end; b++ {
			s += string([]byte{byte(b), ' '})
		}
		rows = append(rows, textRow(fmt.Sprint("6.13.", i+1), s, fr(finText, s)))
	}
	return rows
}

// TestBadUTF8 is group 6 in the plain dialect.
func TestBadUTF8(t *testing.T) {
	t.Parallel()
	runFrames(t, utf8Rows(t), nil)
}

// TestBadUTF8InObjects puts what is not UTF-8 into objects.
func TestBadUTF8InObjects(t *testing.T) {
	t.Parallel()
	var rows []frameRow
	for _, g := range utf8Groups {
		if g.valid {
			continue
		}
		for i, h := range strings.Fields(g.hex) {
			b, _ := hex.DecodeString(h)
			rows = append(rows, frameRow{fmt.Sprint(g.id, ".", i+1), fr(finText, `{"type":"message","message":"a`+string(b)+`"}`), 0, []string{"close 1007"}})
		}
	}
	rows = append(rows, frameRow{"key", fr(finText, "{\"type\":\"ping\",\"\xff\":1}"), 0, []string{"close 1007"}})
	runFrames(t, rows, []string{harness.OfferV1})
}

// TestBadLengths has the frames that no Autobahn case is for. F numbers are of
// the kind of the frame's fault.
func TestBadLengths(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 48<<10)
	close1009 := []string{"close 1009"}
	runFrames(t, []frameRow{
		{"F3 unmasked text", wsconf.Unmasked(finText, "hello"), 0, close1002},
		{"F3 unmasked ping", wsconf.Unmasked(finPing, "hello"), 0, close1002},
		{"F3 unmasked close", wsconf.Unmasked(finClose, "\x03\xe8"), 0, close1002},
		{"F3 unmasked, after a masked one", harness.Join(fr(finText, "F3"), wsconf.Unmasked(finText, "hello")), 0, []string{"msg F3", "close 1002"}},
		{"F5 fragmented close", harness.Join(fr(wsconf.Close, "\x03\xe8"), fr(finCont, "")), 0, close1002},
		{"F5 close of 64 KiB", wsconf.Header(finClose, 1<<16), 0, close1002},
		{"F5 ping of 4 GiB", wsconf.Header(finPing, 1<<32), 0, close1002},
		{"F5 ping of 2^33", wsconf.Header(finPing, 1<<33), 0, close1002},
		{"F5 pong of 2^62", wsconf.Header(finPong, 1<<62), 0, close1002},
		{"F5 ping of 2^64-1", wsconf.Header(finPing, 1<<64-1), 0, close1002},
		{"F7 as long as may be", fr(finText, big[:16<<10]), 0, []string{msgLine(big[:16<<10])}},
		{"F7 too long for a message", fr(finText, big[:16<<10+1]), 0, []string{"code too_long"}},
		{"F7 largest frame", fr(finText, big[:40<<10]), 0, []string{"code too_long"}},
		{"F7 one byte more", fr(finText, big[:40<<10+1]), 0, close1009},
		{"F7 70,000 bytes", fr(finText, strings.Repeat("x", 70000)), 0, close1009},
		{"F7 too long in two fragments", harness.Join(fr(wsconf.Text, big[:24<<10]), fr(finCont, big[:24<<10])), 0, close1009},
		{"F7 too long in many fragments", append(fr(wsconf.Text, "x"), harness.Repeat(11, func(int) []byte { return fr(wsconf.Continuation, big[:4<<10]) })...), 0, close1009},
		{"F7 header of 2^62", wsconf.Header(finText, 1<<62), 0, close1009},
		{"F7 fragment of 2^40", wsconf.Header(wsconf.Text, 1<<40), 0, close1009},
		{"F7 binary of 2^40", wsconf.Header(finBinary, 1<<40), 0, close1009},
		{"F8 top bit of the length", wsconf.Header(finText, 1<<63), 0, close1002},
		{"F8 top bit, reserved opcode", wsconf.Header(wsconf.Fin|3, 1<<63), 0, close1002},
		{"F9 16 bits for 2", append(wsconf.HeaderWith(finText, 2, 16), fr(finText, "F9")[6:]...), 0, close1002},
		{"F9 64 bits for 2", append(wsconf.HeaderWith(finText, 2, 64), fr(finText, "F9")[6:]...), 0, close1002},
		{"F9 16 bits for 125", append(wsconf.HeaderWith(finText, 125, 16), fr(finText, big[:125])[6:]...), 0, close1002},
		{"F9 16 bits for 126", append(wsconf.HeaderWith(finText, 126, 16), fr(finText, big[:126])[8:]...), 0, []string{msgLine(big[:126])}},
		{"F9 64 bits for 16 KiB", append(wsconf.HeaderWith(finText, 16<<10, 64), fr(finText, big[:16<<10])[8:]...), 0, close1002},
		{"F9 64 bits for 65,535", wsconf.HeaderWith(wsconf.Text, 65535, 64), 0, close1002},
		{"F9 16 bits for a fragment", append(wsconf.HeaderWith(wsconf.Text, 2, 16), fr(wsconf.Text, "F9")[6:]...), 0, close1002},
		{"F9 16 bits for a ping", append(wsconf.HeaderWith(finPing, 2, 16), fr(finPing, "F9")[6:]...), 0, close1002},
		{"F9 64 bits for a close", append(wsconf.HeaderWith(finClose, 2, 64), frClose(1000, "")[6:]...), 0, close1002},
		{"F12 binary after close", harness.Join(frClose(3000, ""), fr(finBinary, "x")), 0, []string{"close 3000"}},
		{"F12 garbage after close", harness.Join(frClose(3000, ""), []byte("GET / HTTP/1.1\r\n\r\n")), 0, []string{"close 3000"}},
		{"F16 second request", []byte("GET /ws/r HTTP/1.1\r\nHost: h\r\n\r\n"), 0, close1002},
		{"F17 text inside a binary message", harness.Join(fr(wsconf.Binary, "a"), fr(finText, "b")), 0, close1002},
		{"F17 binary in fragments", harness.Join(fr(wsconf.Binary, "a"), fr(finCont, "b")), 0, []string{"close 1003"}},
		{"F17 close inside a message", harness.Join(fr(wsconf.Text, "a"), frClose(1001, "")), 0, []string{"close 1001"}},
		{"F17 empty fragments", harness.Join(fr(wsconf.Text, "F"), harness.Repeat(100, func(int) []byte { return fr(wsconf.Continuation, "") }), fr(finCont, "17")), 0, []string{"msg F17"}},
	}, nil)
}
