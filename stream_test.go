package chat

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/chatlog"
)

// TestStreamModel compares what readers get from a stream with a plain slice of
// all that was appended, over random appends, trims and reads.
func TestStreamModel(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		type entry struct {
			payload string
			offset  uint64
			who     *audience
		}
		var all []entry
		s := newStream(0, 1<<30>>rng.IntN(24))
		var offset uint64
		readers := []*reader{{user: "a"}, {user: "b", v1: true}, {user: "c", v1: true, enc: encDeflate}, {user: "d", enc: encDeflate}}
		for range 300 {
			switch op := rng.IntN(10); {
			case op < 6:
				e := entry{payload: fmt.Sprint("payload ", len(all), string(bytes.Repeat([]byte{'x'}, rng.IntN(3000)>>rng.IntN(12))))}
				if rng.IntN(3) > 0 {
					offset++
					e.offset = offset
				}
				switch rng.IntN(6) {
				case 0:
					e.who = &audience{private: true, only: [2]string{"a", "c"}}
				case 1:
					e.who = &audience{except: "b"}
				case 2:
					e.who = &audience{v1Only: true}
				}
				all = append(all, e)
				s.append([]byte(e.payload), e.offset, e.who, func(b []byte) []byte {
					if len(b)%2 == 0 {
						return nil
					}
					return append([]byte("packed "), b...)
				})
			case op < 7:
				s.trim(rng.IntN(50), s.base+uint64(rng.IntN(100)))
			default:
				r := readers[rng.IntN(len(readers))]
				v := s.view
				if r.cursor < v.base {
					r.cursor = v.base // as a member that comes back
				}
				if rng.IntN(4) == 0 {
					r.live = r.cursor + uint64(rng.IntN(3))
				}
				var want []byte
				for i := r.cursor; i < v.next(); i++ {
					e := all[i]
					if !e.who.has(r.user, r.v1) || e.offset == 0 && i < r.live {
						continue
					}
					if r.enc == encDeflate && len(e.payload)%2 == 1 {
						p := append([]byte("packed "), e.payload...)
						want = append(appendFrameHeader(want, finBit|rsv1Bit|opText, len(p)), p...)
					} else {
						want = appendText(want, []byte(e.payload))
					}
				}
				var got []byte
				for r.cursor < v.next() {
					b, next := v.run(r)
					if len(b) > 0 && rng.IntN(3) == 0 { // the socket takes a part
						n := rng.IntN(len(b))
						got = append(got, b[:n]...)
						for !r.sees(&v.items[r.cursor-v.base], r.cursor) {
							r.cursor++
						}
						var rest []byte
						rest, r.cursor = v.split(r.cursor, r.enc, n)
						got = append(got, rest...)
						continue
					}
					got = append(got, b...)
					r.cursor = next
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("seed %d: reader %+v got %d bytes, want %d", seed, r, len(got), len(want))
				}
			}
			held, largest, entries := 0, 0, 0
			chunks := map[*chunk]bool{}
			for _, it := range s.items {
				for _, sp := range it.enc {
					if !chunks[sp.chunk] {
						chunks[sp.chunk] = true
						held += len(sp.chunk.mem)
						largest = max(largest, len(sp.chunk.mem))
					}
				}
				if it.who != nil {
					held += it.who.cost()
				}
				if it.offset != 0 {
					entries++
				}
			}
			if held != s.held || entries != s.entries {
				t.Fatalf("seed %d: counts %d bytes, %d entries; holds %d, %d", seed, s.held, s.entries, held, entries)
			}
			// With what only trimmed items have, and the array.
			if all := s.held + s.dead + s.array*itemCost; len(s.items) > 1 && all > s.limit+s.limit/4+64*itemCost {
				t.Fatalf("seed %d: %d bytes are held, in chunks of up to %d; the limit is %d", seed, all, largest, s.limit)
			}
		}
	}
}

// FuzzFrameHeader compares the header's reader with its writer.
func FuzzFrameHeader(f *testing.F) {
	f.Add([]byte{0x81, 0x85, 1, 2, 3, 4})
	f.Add([]byte{0x82, 126, 1, 0})
	f.Add([]byte{0x01, 255, 0, 0, 0, 0, 0, 1, 0, 0, 9, 9, 9, 9})
	f.Add([]byte{0x89, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := parseFrameHeader(b)
		if !ok {
			if len(b) >= 14 {
				t.Fatal("a header has at most 14 bytes")
			}
			return
		}
		if h.size > len(b) || h.first != b[0] {
			t.Fatalf("%+v of % x", h, b)
		}
		if h.payload < 1<<31 {
			again := appendFrameHeader(nil, h.first, int(h.payload))
			if h.masked {
				again[1] |= maskBit
				again = binary.LittleEndian.AppendUint32(again, h.mask)
			}
			g, ok := parseFrameHeader(again)
			g.size, h.size = 0, 0 // lengths may be written longer than needed
			if !ok || g != h {
				t.Fatalf("%+v became %+v", h, g)
			}
		}
	})
}

// FuzzEventJSON holds the encoder to encoding/json.
func FuzzEventJSON(f *testing.F) {
	f.Add("u1", "Alice", "hi <b> \u2028 \x00 \xff \"\\", "id", uint64(7))
	f.Fuzz(func(t *testing.T, user, name, text, id string, offset uint64) {
		e := chatlog.Event{Type: chatlog.TypePrivate, Offset: offset, User: user, Username: name, To: name, ToUsername: user, Message: text, ID: id, Time: time.UnixMilli(1e12).UTC()}
		var got chatlog.Event
		b := chatlog.AppendJSON(nil, &e)
		if err := json.Unmarshal(b, &got); err != nil || !utf8.Valid(b) {
			t.Fatalf("%s: %v", b, err)
		}
		for _, s := range []string{user, name, text, id} {
			if !utf8.ValidString(s) {
				return
			}
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// FuzzUnmask compares unmasking eight bytes at a time with the definition.
func FuzzUnmask(f *testing.F) {
	f.Add([]byte("some text longer than eight"), uint32(0xdeadbeef))
	f.Fuzz(func(t *testing.T, b []byte, mask uint32) {
		key := binary.LittleEndian.AppendUint32(nil, mask)
		want := make([]byte, len(b))
		for i := range b {
			want[i] = b[i] ^ key[i%4]
		}
		got := bytes.Clone(b)
		if unmask(got, mask); !bytes.Equal(got, want) {
			t.Fatalf("% x, want % x", got, want)
		}
	})
}

func TestDeflate(t *testing.T) {
	if deflate([]byte("short")) != nil {
		t.Error("compressed what gains nothing")
	}
	payload := bytes.Repeat([]byte("all work and no play "), 100)
	if z := deflate(payload); len(z) == 0 || len(z) > len(payload)/10 {
		t.Errorf("%d bytes became %d", len(payload), len(z))
	}
}

// Who a private message is from may be nobody: a program, or a row that was deleted.
func TestPrivateFromNobody(t *testing.T) {
	for _, e := range []chatlog.Event{{Type: chatlog.TypePrivate, To: "a"}, {Type: chatlog.TypePrivate}} {
		who := audienceOf(&e)
		for _, user := range []string{"a", "b", ""} {
			if got, want := who.has(user, true), e.VisibleTo(user); got != want {
				t.Errorf("to %q: user %q gets it: %v, want %v", e.To, user, got, want)
			}
		}
	}
}
