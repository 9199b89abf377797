package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// TestStreamModel compares what readers get from a stream with a plain slice of
// all that was appended, over random appends, trims and reads.
func TestStreamModel(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		type entry struct {
			payload string
			offset  uint64
			who     *Audience
		}
		var all []entry
		s := New("a \"room\"", 1<<30>>rng.IntN(24), func(b []byte) []byte {
			if len(b)%2 == 0 {
				return nil
			}
			return append([]byte("packed "), b...)
		})
		s.Begin("ep", false)
		var offset uint64
		had := map[*Reader]uint64{}
		var old View // and what it gave to a reader, before an Erase
		var oldFrames []byte
		readers := []*Reader{
			reader("a", false, Plain), reader("b", true, Plain), reader("c", true, Deflated), reader("d", false, Deflated),
			reader("a", true, Tagged), reader("c", true, TaggedDeflated), reader("d", true, TaggedDeflated), reader("b", true, Events),
		}
		var used [encodings]int
		var since [encodings]uint64 // what is older was encoded when the encoding came in use
		in := map[*Reader]bool{}
		use := func(r *Reader, on bool) {
			if in[r] == on {
				return
			}
			if in[r] = on; !on {
				used[r.Enc]--
				s.Drop(r.Enc)
				return
			}
			if used[r.Enc]++; used[r.Enc] == 1 {
				since[r.Enc] = s.Next()
			}
			s.Use(r.Enc)
		}
		for range 300 {
			switch op := rng.IntN(10); {
			case op < 6:
				e := entry{payload: fmt.Sprint(`{"type":"m",`+"\n|payload ", len(all), "|", string(bytes.Repeat([]byte{'x'}, rng.IntN(3000)>>rng.IntN(12))))}
				if rng.IntN(3) > 0 {
					offset++
					e.offset = offset
				}
				switch rng.IntN(7) {
				case 6:
					if e.offset > 1 {
						e.who = &Audience{V1Only: true, Target: 1 + rng.Uint64N(e.offset-1)}
					}
				case 0:
					e.who = &Audience{Private: true, Only: [2]string{"a", "c"}}
				case 1:
					e.who = &Audience{Except: "b"}
				case 2:
					e.who = &Audience{V1Only: true}
				}
				all = append(all, e)
				s.Append([]byte(e.payload), e.offset, 0, e.who)
			case op < 7:
				if offset == 0 || rng.IntN(2) == 0 {
					first, entries := s.Base, s.entries
					low, keep := s.Base+uint64(rng.IntN(100)), rng.IntN(3) == 0
					if s.Trim(rng.IntN(50), low, keep); keep && s.entries < entries || s.Base > max(first, low) {
						t.Fatalf("seed %d: Trim has removed what it must keep", seed)
					}
					if len(s.Items) > 1 && s.Base < low && s.Items[0].Offset == 0 {
						t.Fatalf("seed %d: an event that no log keeps is left as the oldest", seed)
					}
					break
				}
				old = s.View
				from := *reader("a", true, Plain)
				from.Cursor = old.Base
				oldFrames, _ = old.Run(&from)
				oldFrames = bytes.Clone(oldFrames)
				target, by := 1+rng.Uint64N(offset), 1+rng.Uint64N(offset+1)
				s.Erase(target, by)
				for i := range all {
					if e := &all[i]; e.offset == target || e.offset != 0 && e.offset < by && e.who != nil && e.who.Target == target {
						e.who = &Audience{Private: true}
						holds(t, &s, e.payload[len(`{"type":"m"`)+2:])
					}
				}
				from.Cursor = old.Base
				if b, _ := old.Run(&from); !bytes.Equal(b, oldFrames) {
					t.Fatalf("seed %d: Erase has changed what an earlier view reads", seed)
				}
			default:
				r := readers[rng.IntN(len(readers))]
				if rng.IntN(8) == 0 {
					use(r, !in[r])
				}
				v := s.View
				if !in[r] {
					if r.Cursor = v.Next(); used[r.Enc] == 0 && r.Enc != Plain {
						if b, next := v.Run(&Reader{Cursor: v.Base, Identity: r.Identity}); b != nil || next != v.Next() {
							t.Fatalf("seed %d: %d bytes in an encoding that is not in use", seed, len(b))
						}
					}
					break
				}
				if r.Cursor < v.Base {
					r.Cursor = v.Base // as a member that comes back
				}
				if rng.IntN(4) == 0 {
					r.Live = r.Cursor + uint64(rng.IntN(3))
				}
				if rng.IntN(4) == 0 {
					r.Had = max(had[r], offset+rng.Uint64N(4)) // perhaps one that is still to come
					had[r] = r.Had
				}
				var want []byte
				for i := r.Cursor; i < v.Next(); i++ {
					e := all[i]
					if !e.who.Has(r) || e.offset == 0 && i < r.Live || e.offset != 0 && e.offset <= had[r] {
						continue
					}
					want = appendWanted(want, e.payload, e.offset, r.Enc, i >= since[r.Enc])
				}
				var got []byte
				for r.Cursor < v.Next() {
					b, next := v.Run(r)
					if len(b) > 0 && rng.IntN(3) == 0 { // the socket takes a part
						n, start := rng.IntN(len(b)), len(got)
						got = append(got, b[:n]...)
						for !r.Sees(&v.Items[r.Cursor-v.Base], r.Cursor) {
							r.Cursor++
						}
						if rng.IntN(2) == 0 {
							n, r.Cursor = v.Whole(r.Cursor, r.Enc, n)
							got = append(got[:start], b[:n]...)
							continue
						}
						var rest []byte
						rest, r.Cursor = v.Split(r.Cursor, r.Enc, n)
						got = append(got, rest...)
						continue
					}
					got = append(got, b...)
					r.Cursor = next
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("seed %d: reader %+v got %d bytes, want %d", seed, r, len(got), len(want))
				}
			}
			held, largest, entries := 0, 0, 0
			chunks := map[*chunk]bool{}
			for i, it := range s.Items {
				for e, frames := range s.frames {
					if frames == nil && e != int(Plain) && used[e] == 0 {
						continue
					}
					if len(frames) != len(s.Items) || cap(frames) != cap(s.Items) {
						t.Fatalf("seed %d: %d frames for %d items", seed, len(frames), len(s.Items))
					}
					sp := frames[i]
					if sp.chunk == nil {
						if it.Who != nobody {
							t.Fatalf("seed %d: an item has no frames", seed)
						}
						continue
					}
					if !chunks[sp.chunk] {
						chunks[sp.chunk] = true
						held += len(sp.chunk.mem)
						largest = max(largest, len(sp.chunk.mem))
					}
				}
				if it.Who != nil {
					held += it.Who.cost()
				}
				if it.Offset != 0 {
					entries++
				}
			}
			if held != s.held || entries != s.entries {
				t.Fatalf("seed %d: counts %d bytes, %d entries; holds %d, %d", seed, s.held, s.entries, held, entries)
			}
			// With what only trimmed items have, and the array.
			if all := s.held + s.dead + s.array*s.itemCost(); len(s.Items) > 1 && all > s.limit+s.limit/4+64*s.itemCost() {
				t.Fatalf("seed %d: %d bytes are held, in chunks of up to %d; the limit is %d", seed, all, largest, s.limit)
			}
		}
	}
}

func reader(user string, v1 bool, e Enc) *Reader {
	return &Reader{Identity: &Identity{User: user, V1: v1, Enc: e}}
}

// appendWanted appends what a reader of e must get.
func appendWanted(b []byte, object string, offset uint64, e Enc, packed bool) []byte {
	switch e {
	case Events:
		if offset != 0 {
			b = fmt.Appendf(b, "id: ep:%d\n", offset)
		}
		return fmt.Appendf(b, "data: %s\n\n", strings.ReplaceAll(object, "\n", " "))
	case Tagged, TaggedDeflated:
		object = `{"type":"m","room":"a \"room\"",` + object[len(`{"type":"m",`):]
	}
	if packed && (e == Deflated || e == TaggedDeflated) && len(object)%2 == 1 {
		p := "packed " + object
		return append(wsconn.AppendHeader(b, wsconn.FinBit|wsconn.RSV1Bit|wsconn.OpText, len(p)), p...)
	}
	return wsconn.AppendText(b, []byte(object))
}

// holds fails if s has payload in memory.
func holds(t *testing.T, s *Stream, payload string) {
	t.Helper()
	if s.array != cap(s.Items) {
		t.Fatal("the array of the items has trimmed ones")
	}
	look := func(c *chunk) {
		if c != nil && bytes.Contains(c.mem, []byte(payload)) {
			t.Fatalf("%q is still in memory", payload)
		}
	}
	for e, frames := range s.frames {
		for _, sp := range frames[:cap(frames)] {
			look(sp.chunk)
		}
		look(s.lanes[e].open)
	}
}

// TestLags fills a stream that has several encodings, which share its limit. A reader lags long
// before it loses what it needs, however many there are.
func TestLags(t *testing.T) {
	for n := 1; n <= int(encodings); n++ {
		s := New("r", 64<<10, nil)
		for e := Enc(1); int(e) < n; e++ {
			s.Use(e)
		}
		payload := []byte(`{"type":"m","text":"` + strings.Repeat("x", 500) + `"}`)
		for o := uint64(1); s.Base == 0; o++ {
			lags := s.Lags(0)
			s.Append(payload, o, 0, nil)
			if s.Base > 0 && !lags {
				t.Errorf("with %d encodings, a reader lost its place before it lagged", n)
			}
			if o == 1 && s.Lags(0) {
				t.Errorf("with %d encodings, a reader lags by one event", n)
			}
		}
	}
}

func BenchmarkStreamAppend(b *testing.B) {
	s := New("r", 1<<20, nil)
	payload := make([]byte, 200)
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		s.Append(payload, i, 0, nil)
		s.Trim(256, s.Next(), false)
	}
}
