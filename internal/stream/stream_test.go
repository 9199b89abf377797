package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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
		s := New(0, 1<<30>>rng.IntN(24))
		var offset uint64
		readers := []*Reader{{User: "a"}, {User: "b", V1: true}, {User: "c", V1: true, Enc: Deflated}, {User: "d", Enc: Deflated}}
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
					e.who = &Audience{Private: true, Only: [2]string{"a", "c"}}
				case 1:
					e.who = &Audience{Except: "b"}
				case 2:
					e.who = &Audience{V1Only: true}
				}
				all = append(all, e)
				s.Append([]byte(e.payload), e.offset, 0, e.who, func(b []byte) []byte {
					if len(b)%2 == 0 {
						return nil
					}
					return append([]byte("packed "), b...)
				})
			case op < 7:
				s.Trim(rng.IntN(50), s.Base+uint64(rng.IntN(100)))
			default:
				r := readers[rng.IntN(len(readers))]
				v := s.View
				if r.Cursor < v.Base {
					r.Cursor = v.Base // as a member that comes back
				}
				if rng.IntN(4) == 0 {
					r.Live = r.Cursor + uint64(rng.IntN(3))
				}
				var want []byte
				for i := r.Cursor; i < v.Next(); i++ {
					e := all[i]
					if !e.who.Has(r) || e.offset == 0 && i < r.Live {
						continue
					}
					if r.Enc == Deflated && len(e.payload)%2 == 1 {
						p := append([]byte("packed "), e.payload...)
						want = append(wsconn.AppendHeader(want, wsconn.FinBit|wsconn.RSV1Bit|wsconn.OpText, len(p)), p...)
					} else {
						want = wsconn.AppendText(want, []byte(e.payload))
					}
				}
				var got []byte
				for r.Cursor < v.Next() {
					b, next := v.Run(r)
					if len(b) > 0 && rng.IntN(3) == 0 { // the socket takes a part
						n := rng.IntN(len(b))
						got = append(got, b[:n]...)
						for !r.Sees(&v.Items[r.Cursor-v.Base], r.Cursor) {
							r.Cursor++
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
			for _, it := range s.Items {
				for _, sp := range it.enc {
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
			if all := s.held + s.dead + s.array*itemCost; len(s.Items) > 1 && all > s.limit+s.limit/4+64*itemCost {
				t.Fatalf("seed %d: %d bytes are held, in chunks of up to %d; the limit is %d", seed, all, largest, s.limit)
			}
		}
	}
}

func BenchmarkStreamAppend(b *testing.B) {
	s := New(0, 1<<20)
	payload := make([]byte, 200)
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		s.Append(payload, i, 0, nil, nil)
		s.Trim(256, s.Next())
	}
}
