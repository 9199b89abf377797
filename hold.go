package chat

// append adds an event whose payload is the JSON text of one object, and lets go
// of the oldest items while all of them take more than the limit, but never of the
// newest. packed, if not nil, compresses it for those members who take it so.
func (s *stream) append(payload []byte, offset uint64, who *audience, packed func([]byte) []byte) {
	it := item{offset: offset, who: who}
	it.enc[encPlain] = s.put(encPlain, finBit|opText, payload)
	if packed != nil {
		if z := packed(payload); z != nil {
			it.enc[encDeflate] = s.put(encDeflate, finBit|rsv1Bit|opText, z)
		} else {
			it.enc[encDeflate] = s.put(encDeflate, finBit|opText, payload)
		}
	}
	if len(s.items) == cap(s.items) {
		s.move()
	}
	s.items = append(s.items, it)
	if who != nil {
		s.held += who.cost()
		s.special = s.next()
	}
	if offset != 0 {
		s.entries++
	}
	k := 0
	for ; k < len(s.items)-1 && s.held+itemRoom(len(s.items)-k)*itemCost > s.limit; k++ {
		s.drop(&s.items[k])
	}
	s.cut(k)
}

func (a *audience) cost() int {
	return audienceCost + len(a.only[0]) + len(a.only[1]) + len(a.except)
}

// put encodes one frame at the end of the open chunk, or of a new one: chunks
// grow fourfold up to 64 KiB or a sixteenth of the limit, so that quiet rooms stay
// small, and what is let go of is let go of in small parts.
func (s *stream) put(e enc, first byte, payload []byte) span {
	c := s.open[e]
	need := len(payload) + maxFrameHeader
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
	b := append(appendFrameHeader(c.mem[:start], first, len(payload)), payload...)
	c.used = len(b)
	c.items++
	return span{c, start, c.used}
}

// trim lets go of the oldest items that come before the sequence low while there
// are more than entries entries, or many times as many notices.
func (s *stream) trim(entries int, low uint64) {
	k := 0
	for k < len(s.items)-1 && s.base+uint64(k) < low && (s.entries > entries || (len(s.items)-k-64)/2 > entries) {
		s.drop(&s.items[k])
		k++
	}
	s.cut(k)
}

// drop takes an item that is about to be cut off out of the counts.
func (s *stream) drop(it *item) {
	for e := range it.enc {
		c := it.enc[e].chunk
		if c == nil {
			continue
		}
		if c.items--; c.items == 0 {
			s.held -= len(c.mem)
			s.dead += len(c.mem)
			if s.open[e] == c {
				s.open[e] = nil
			}
		}
	}
	if it.who != nil {
		s.held -= it.who.cost()
		s.dead += it.who.cost()
	}
	if it.offset != 0 {
		s.entries--
	}
}

// cut takes the first k items, which were dropped, off. Views may still be reading
// them where they lie, so the others move when too much lies before them.
func (s *stream) cut(k int) {
	s.items = s.items[k:]
	s.base += uint64(k)
	if before := s.array - cap(s.items); s.dead > s.limit/16 || before > len(s.items)/4+64 {
		s.move()
	}
}

// itemRoom returns the length of an array for n items and those to come.
func itemRoom(n int) int { return n + n/2 + 16 }

// move copies the items to an array of their own, so that nothing refers to those
// that were trimmed but the views that still need them.
func (s *stream) move() {
	s.array = itemRoom(len(s.items))
	s.items = append(make([]item, 0, s.array), s.items...)
	s.dead = 0
}

// since returns how many bytes of frames there are from the sequence seq on.
func (s *stream) since(seq uint64) (bytes int) {
	from := uint64(0)
	if seq > s.base {
		from = min(seq-s.base, uint64(len(s.items)))
	}
	for i := range s.items[from:] {
		sp := &s.items[from+uint64(i)].enc[encPlain]
		bytes += sp.end - sp.start
	}
	return bytes
}
