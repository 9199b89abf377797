package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// packed is a compressed message in one frame.
func packed(s string) []byte { return fr(finText|wsconf.RSV1, wsconf.Deflate(s)) }

// packedIn is one in fragments of n bytes.
func packedIn(s string, n int) []byte {
	z := wsconf.Deflate(s)
	b, first := []byte(nil), byte(wsconf.Text|wsconf.RSV1)
	for ; len(z) > n; z = z[n:] {
		b = append(b, fr(first, z[:n])...)
		first = wsconf.Continuation
	}
	return append(b, fr(first|wsconf.Fin, z)...)
}

// prose is n bytes that compress as texts do.
func prose(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d: the quick brown fox %x jumps over the lazy dog; ", i, i*i*7919)
	}
	return b.String()[:n]
}

// TestBadDeflate is the Autobahn test suite's groups 12 and 13, as far as they
// are about what a server reads: 12.1 and 12.3 in fewer messages each.
func TestBadDeflate(t *testing.T) {
	t.Parallel()
	var rows []frameRow
	for i, n := range []int{16, 64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10} {
		s := prose(n)
		rows = append(rows,
			frameRow{fmt.Sprint("12.1.", i+1), packed(s), 0, []string{msgLine(s)}},
			frameRow{fmt.Sprint("12.2.", i+1), fr(finBinary|wsconf.RSV1, wsconf.Deflate(s)), 0, []string{"close 1003"}},
			frameRow{fmt.Sprint("12.3.", i+1), harness.Join(packed(s), packed(s)), 997, []string{msgLine(s), msgLine(s)}})
	}
	for i, n := range []int{256, 512, 1 << 10, 2 << 10} {
		s := prose(64 << 10)
		rows = append(rows, frameRow{fmt.Sprint("12.1.", i+15), packedIn(s, n), 0, []string{msgLine(s)}})
	}
	hello := "\xf2\x48\xcd\xc9\xc9\x07\x00" // RFC 7692, section 7.2.3.1
	rows = append(rows, []frameRow{
		{"Z1 empty", fr(finText|wsconf.RSV1, "\x00"), 0, []string{"code empty_message"}},
		{"Z2 RFC 7692, 7.2.3.1", fr(finText|wsconf.RSV1, hello), 0, []string{"msg Hello"}},
		{"Z2 in two fragments", harness.Join(fr(wsconf.Text|wsconf.RSV1, hello[:3]), fr(finCont, hello[3:])), 0, []string{"msg Hello"}},
		{"Z2 no compression, 7.2.3.3", fr(finText|wsconf.RSV1, "\x00\x05\x00\xfa\xffHello\x00"), 0, []string{"msg Hello"}},
		{"Z2 final block, 7.2.3.4", fr(finText|wsconf.RSV1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 0, []string{"msg Hello"}},
		{"Z2 two blocks, 7.2.3.5", fr(finText|wsconf.RSV1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), 0, []string{"msg Hello"}},
		{"Z3 not compressed", fr(finText, "Z3"), 0, []string{"msg Z3"}},
		{"Z3 one of each", harness.Join(fr(finText, "Z3"), packed("Z3"), fr(finText, "Z3")), 0, []string{"msg Z3", "msg Z3", "msg Z3"}},
		{"Z3 ping among fragments", harness.Join(fr(wsconf.Text|wsconf.RSV1, hello[:3]), fr(finPing, "p"), fr(finCont, hello[3:])), 0, []string{"pong p", "msg Hello"}},
		{"Z4 not deflate", fr(finText|wsconf.RSV1, "\xff\xff\xff\xff"), 0, close1002},
		{"Z4 reserved block", fr(finText|wsconf.RSV1, "\x06"), 0, close1002},
		{"Z5 RSV1 on a continuation", harness.Join(fr(wsconf.Text|wsconf.RSV1, hello[:3]), fr(finCont|wsconf.RSV1, hello[3:])), 0, close1002},
		{"Z5 RSV1 on a ping", fr(finPing|wsconf.RSV1, "p"), 0, close1002},
		{"Z5 RSV1 on a close", fr(finClose|wsconf.RSV1, "\x03\xe8"), 0, close1002},
		{"Z5 RSV2", fr(finText|wsconf.RSV1|wsconf.RSV2, hello), 0, close1002},
		{"Z6 not UTF-8", packed("a\xff"), 0, []string{"close 1007"}},
		{"Z6 half a character", packed("a\xce"), 0, []string{"close 1007"}},
		{"Z7 bomb of 60 MB", fr(finText|wsconf.RSV1, harness.DeflateBomb()), 0, []string{"close 1009"}},
		{"Z7 bomb in fragments", harness.Join(fr(wsconf.Text|wsconf.RSV1, harness.DeflateBomb()), fr(finCont, "\x00")), 0, []string{"close 1009"}},
		{"Z7 bomb of binary", fr(finBinary|wsconf.RSV1, harness.DeflateBomb()), 0, []string{"close 1009"}},
	}...)
	runFrames(t, rows, []string{harness.OfferDeflate}, chat.WithCompression(true), chat.WithMessageSize(128<<10))
}

// TestBadOffers is what the server answers to offers of extensions: group 13's
// negotiation, where a parameter that it cannot keep to declines the offer.
func TestBadOffers(t *testing.T) {
	t.Parallel()
	const both = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	_, on := harness.Serve(t, chat.WithCompression(true))
	_, off := harness.Serve(t)
	for _, row := range []struct{ id, offer, want string }{
		{"13.1", "permessage-deflate", both},
		{"13.2", "permessage-deflate; client_no_context_takeover; client_max_window_bits", both},
		{"13.3", "permessage-deflate; server_max_window_bits=9", ""},
		{"13.4", "permessage-deflate; server_max_window_bits=15", both + "; server_max_window_bits=15"},
		{"13.4 twice", "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15", ""},
		{"13.6 too small", "permessage-deflate; client_max_window_bits=7", ""},
		{"13.5", "permessage-deflate; client_no_context_takeover; server_max_window_bits=9", ""},
		{"13.6", "permessage-deflate; client_max_window_bits=15; server_no_context_takeover", both},
		{"13.7", "permessage-deflate; server_max_window_bits=9, permessage-deflate; client_max_window_bits, permessage-deflate", both},
		{"N1", "permessage-deflate; unheard_of", ""},
		{"N2", "x-webkit-deflate-frame", ""},
		{"N3", "permessage-deflate; server_no_context_takeover=1", ""},
		{"N4", strings.Repeat("permessage-foo, ", 200) + "permessage-deflate", both},
		{"N5", ";;,,=", ""},
	} {
		for base, want := range map[string]string{on: row.want, off: ""} {
			c := harness.RawDial(t, base, "/ws/r", "Sec-WebSocket-Extensions: "+row.offer)
			got := strings.Split(c.Response.Header.Get("Sec-WebSocket-Extensions"), "; ")
			slices.Sort(got)
			expect := strings.Split(want, "; ")
			slices.Sort(expect)
			if !slices.Equal(got, expect) {
				t.Errorf("%s, compression %v: answered %q", row.id, base == on, c.Response.Header.Get("Sec-WebSocket-Extensions"))
			}
			c.Close()
		}
	}
	// What was not offered may not be used.
	c := harness.RawDial(t, on, "/ws/r")
	harness.RawWrite(c, packed("hello"), 0)
	if got := harness.Heard(c); !slices.Equal(got, close1002) {
		t.Errorf("compressed without an offer: %q", got)
	}
}

// TestBadBombs sends many bombs concurrently beside a healthy member.
func TestBadBombs(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, chat.WithCompression(true))
	w := harness.Watch(t, base, "r")
	frame := fr(finText|wsconf.RSV1, harness.DeflateBomb())
	done := make(chan []string)
	const bombs = 200
	for range bombs {
		c := harness.RawDial(t, base, "/ws/r", harness.OfferDeflate)
		go func() {
			harness.RawWrite(c, frame, 0)
			done <- harness.Heard(c)
		}()
	}
	for range bombs {
		select {
		case got := <-done:
			if !slices.Equal(got, []string{"close 1009"}) {
				t.Errorf("got %q", got)
			}
		case <-time.After(harness.Patience):
			t.Fatal("a bomb is still being read")
		}
	}
	w.Check(nil)
}
