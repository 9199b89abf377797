package stream

// nobody is the audience of an item that was erased.
var nobody = &Audience{Private: true}

// Erase takes the frames of the entry target out of memory, and those of the entries before
// the entry by that amend it. Their items stay in their places, and nobody gets them. It
// reports whether there was anything to erase.
//
// What a view reads is not changed: the items move to new arrays, and what stays of a chunk
// with erased frames moves to a new chunk. So the frames are gone when the views are that
// were taken before.
func (s *Stream) Erase(target, by uint64) (erased bool) {
	if target == 0 {
		return false
	}
	s.move()
	moved := map[*chunk]*chunk{} // the chunks to copy, and their copies; nil while there is nothing in one
	if first, ok := s.Entry(); !ok || target < first {
		s.forgetTrimmed(moved)
	}
	for i := range s.Items {
		it := &s.Items[i]
		if it.Offset == target || it.Offset < by && it.Who != nil && it.Who.Target == target {
			for _, frames := range s.frames {
				if frames == nil {
					continue
				}
				if frames[i].chunk != nil {
					moved[frames[i].chunk] = nil
				}
				frames[i] = span{}
			}
			if it.Who != nil {
				s.held -= it.Who.cost()
			}
			it.Who = nobody
			s.held += nobody.cost()
			s.special = max(s.special, s.Base+uint64(i)+1)
		}
	}
	if len(moved) == 0 {
		return false
	}
	for _, frames := range s.frames {
		for i := range frames {
			sp := &frames[i]
			to, ok := moved[sp.chunk]
			if !ok {
				continue
			}
			if to == nil {
				to = &chunk{mem: make([]byte, len(sp.chunk.mem))}
				moved[sp.chunk] = to
			}
			start := to.used
			to.used += copy(to.mem[start:], sp.bytes())
			to.spans++
			*sp = span{to, uint32(start), uint32(to.used)}
		}
	}
	for from, to := range moved {
		if to == nil {
			s.held -= len(from.mem)
		}
		for e := range s.lanes {
			if s.lanes[e].open == from {
				s.lanes[e].open = to
			}
		}
	}
	return true
}

// forgetTrimmed adds the chunks in which trimmed items have frames. Of each encoding that
// can only be the first.
func (s *Stream) forgetTrimmed(moved map[*chunk]*chunk) {
	for _, frames := range s.frames {
		for i := range frames {
			if sp := &frames[i]; sp.chunk != nil {
				if sp.start > 0 {
					moved[sp.chunk] = nil
				}
				break
			}
		}
	}
}
