package stream

import "github.com/seed-08328bfd/chat/internal/wsconn"

// Append adds an event whose payload is the JSON text of one object. It removes the oldest
// items while all items take more than the limit, but never the newest.
func (s *Stream) Append(payload []byte, offset uint64, ms int64, who *Audience) {
	if len(s.Items) == cap(s.Items) {
		s.move()
	}
	s.Items = append(s.Items, Item{Offset: offset, Time: ms, Who: who})
	for e := range s.lanes {
		if s.lanes[e].readers > 0 {
			s.frames[e] = append(s.frames[e], s.encode(Enc(e), payload, offset, s.pack))
		}
	}
	if who != nil {
		s.held += who.cost()
		s.special = s.Next()
	}
	if offset != 0 {
		s.entries++
	}
	s.fit()
}

// fit removes the oldest items while all items take more than the limit, but never the
// newest.
func (s *Stream) fit() {
	cost, k := s.itemCost(), 0
	for ; k < len(s.Items)-1 && s.held+itemRoom(len(s.Items)-k)*cost > s.limit; k++ {
		s.drop(k)
	}
	s.cut(k)
}

// itemCost returns what an item takes in the arrays.
func (s *Stream) itemCost() int {
	cost := itemCost
	for e := range s.lanes {
		if s.lanes[e].readers > 0 {
			cost += spanCost
		}
	}
	return cost
}

func (a *Audience) cost() int {
	return audienceCost + len(a.Only[0]) + len(a.Only[1]) + len(a.Except)
}

// put encodes one frame at the end of the open chunk, or of a new chunk. A new chunk has space
// for as many frames as s has items, up to 64 KiB or a sixteenth of the limit: so rooms that
// keep little stay small, and memory is freed in small parts.
func (s *Stream) put(e Enc, first byte, payload []byte) span {
	c := s.lanes[e].open
	need := len(payload) + wsconn.MaxHeader
	if c == nil || len(c.mem)-c.used < need {
		size := max(min(len(s.Items)*need, 64<<10, s.limit/16), 1<<10, need)
		c = &chunk{mem: make([]byte, size)}
		s.lanes[e].open = c
		s.held += size
	}
	start := c.used
	b := c.mem[:start]
	if e != Events {
		b = wsconn.AppendHeader(b, first, len(payload))
	}
	b = append(b, payload...)
	c.used = len(b)
	c.spans++
	return span{c, uint32(start), uint32(c.used)}
}

// Trim removes the oldest items before the sequence low while there are more than entries
// entries, or more than twice as many items. Events that no log keeps always go when they are
// the oldest: nobody resumes from them, and in a room in which little is said they would stay.
// With keep, it removes no entry and nothing after the first one.
func (s *Stream) Trim(entries int, low uint64, keep bool) {
	k := 0
	for k < len(s.Items)-1 && s.Base+uint64(k) < low {
		if many := s.entries > entries || (len(s.Items)-k-64)/2 > entries; s.Items[k].Offset != 0 && (keep || !many) {
			break
		}
		s.drop(k)
		k++
	}
	s.cut(k)
}

// drop removes item k, which is about to be cut off, from the counts.
func (s *Stream) drop(k int) {
	for e := range s.frames {
		if s.frames[e] == nil || s.frames[e][k].chunk == nil {
			continue
		}
		c := s.frames[e][k].chunk
		if c.spans--; c.spans == 0 {
			s.held -= len(c.mem)
			s.dead += len(c.mem)
			if s.lanes[e].open == c {
				s.lanes[e].open = nil
			}
		}
	}
	it := &s.Items[k]
	if it.Who != nil {
		s.held -= it.Who.cost()
		s.dead += it.Who.cost()
	}
	if it.Offset != 0 {
		s.entries--
	}
}

// cut cuts off the first k items, which were dropped. Views may still read them in their
// arrays. So when too much memory before the remaining items is unused, these move to new
// arrays.
func (s *Stream) cut(k int) {
	s.Items = s.Items[k:]
	for e := range s.frames {
		if s.frames[e] != nil {
			s.frames[e] = s.frames[e][k:]
		}
	}
	s.Base += uint64(k)
	if before := s.array - cap(s.Items); s.dead > min(s.limit/16, s.held+2<<10) || before > len(s.Items)/4+64 {
		s.move()
	}
}

// itemRoom returns the length of an array for n items and for items to come.
func itemRoom(n int) int { return n + n/2 + 16 }

// move copies the items and their spans to new arrays. After that only views that still need
// the trimmed items refer to them.
func (s *Stream) move() {
	s.array = itemRoom(len(s.Items))
	s.Items = append(make([]Item, 0, s.array), s.Items...)
	for e := range s.lanes {
		if s.lanes[e].readers > 0 {
			s.frames[e] = append(make([]span, 0, s.array), s.frames[e]...)
		}
	}
	s.dead = 0
}

// since returns the number of bytes of the frames from the sequence seq on, in all encodings.
func (s *Stream) since(seq uint64) (bytes int) {
	from := uint64(0)
	if seq > s.Base {
		from = min(seq-s.Base, uint64(len(s.Items)))
	}
	for _, frames := range s.frames {
		if frames == nil {
			continue
		}
		for _, sp := range frames[from:] {
			bytes += int(sp.end - sp.start)
		}
	}
	return bytes
}

// Lags reports whether the frames from seq on take more than half of the limit.
func (s *Stream) Lags(seq uint64) bool { return s.since(seq) > s.limit/2 }

// Held returns the bytes that s holds, of the limit.
func (s *Stream) Held() int { return s.held + s.dead + s.array*s.itemCost() }
