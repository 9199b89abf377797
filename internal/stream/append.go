package stream

import "github.com/seed-08328bfd/chat/internal/wsconn"

// Append adds an event whose payload is the JSON text of one object. It removes the oldest
// items while all items take more than the limit, but never the newest. packed, if not nil,
// compresses the payload for the members that use compression.
func (s *Stream) Append(payload []byte, offset uint64, ms int64, who *Audience, packed func([]byte) []byte) {
	it := Item{Offset: offset, Time: ms, Who: who}
	it.enc[Plain] = s.put(Plain, wsconn.FinBit|wsconn.OpText, payload)
	if packed != nil {
		if z := packed(payload); z != nil {
			it.enc[Deflated] = s.put(Deflated, wsconn.FinBit|wsconn.RSV1Bit|wsconn.OpText, z)
		} else {
			it.enc[Deflated] = s.put(Deflated, wsconn.FinBit|wsconn.OpText, payload)
		}
	}
	if len(s.Items) == cap(s.Items) {
		s.move()
	}
	s.Items = append(s.Items, it)
	if who != nil {
		s.held += who.cost()
		s.special = s.Next()
	}
	if offset != 0 {
		s.entries++
	}
	k := 0
	for ; k < len(s.Items)-1 && s.held+itemRoom(len(s.Items)-k)*itemCost > s.limit; k++ {
		s.drop(&s.Items[k])
	}
	s.cut(k)
}

func (a *Audience) cost() int {
	return audienceCost + len(a.Only[0]) + len(a.Only[1]) + len(a.Except)
}

// put encodes one frame at the end of the open chunk, or of a new chunk. Each new chunk is
// four times larger, up to 64 KiB or a sixteenth of the limit: so quiet rooms stay small,
// and memory is freed in small parts.
func (s *Stream) put(e Enc, first byte, payload []byte) span {
	c := s.open[e]
	need := len(payload) + wsconn.MaxHeader
	if c == nil || len(c.mem)-c.used < need {
		size := 1 << 10
		if c != nil {
			size = min(4*min(len(c.mem), 64<<10), 64<<10)
		}
		size = max(min(size, s.limit/16), 1<<10, need)
		c = &chunk{mem: make([]byte, size)}
		s.open[e] = c
		s.held += size
	}
	start := c.used
	b := append(wsconn.AppendHeader(c.mem[:start], first, len(payload)), payload...)
	c.used = len(b)
	c.spans++
	return span{c, start, c.used}
}

// Trim removes the oldest items before the sequence low while there are more than entries
// entries, or more than twice as many items.
func (s *Stream) Trim(entries int, low uint64) {
	k := 0
	for k < len(s.Items)-1 && s.Base+uint64(k) < low && (s.entries > entries || (len(s.Items)-k-64)/2 > entries) {
		s.drop(&s.Items[k])
		k++
	}
	s.cut(k)
}

// drop removes an item, which is about to be cut off, from the counts.
func (s *Stream) drop(it *Item) {
	for e := range it.enc {
		c := it.enc[e].chunk
		if c == nil {
			continue
		}
		if c.spans--; c.spans == 0 {
			s.held -= len(c.mem)
			s.dead += len(c.mem)
			if s.open[e] == c {
				s.open[e] = nil
			}
		}
	}
	if it.Who != nil {
		s.held -= it.Who.cost()
		s.dead += it.Who.cost()
	}
	if it.Offset != 0 {
		s.entries--
	}
}

// cut cuts off the first k items, which were dropped. Views may still read them in their
// array. So when too much memory before the remaining items is unused, these move to a new
// array.
func (s *Stream) cut(k int) {
	s.Items = s.Items[k:]
	s.Base += uint64(k)
	if before := s.array - cap(s.Items); s.dead > s.limit/16 || before > len(s.Items)/4+64 {
		s.move()
	}
}

// itemRoom returns the length of an array for n items and for items to come.
func itemRoom(n int) int { return n + n/2 + 16 }

// move copies the items to a new array. After that only views that still need the trimmed
// items refer to them.
func (s *Stream) move() {
	s.array = itemRoom(len(s.Items))
	s.Items = append(make([]Item, 0, s.array), s.Items...)
	s.dead = 0
}

// since returns the number of bytes of the frames from the sequence seq on.
func (s *Stream) since(seq uint64) (bytes int) {
	from := uint64(0)
	if seq > s.Base {
		from = min(seq-s.Base, uint64(len(s.Items)))
	}
	for i := range s.Items[from:] {
		sp := &s.Items[from+uint64(i)].enc[Plain]
		bytes += sp.end - sp.start
	}
	return bytes
}

// Lags reports whether the frames from seq on take more than half of the limit.
func (s *Stream) Lags(seq uint64) bool { return s.since(seq) > s.limit/2 }
