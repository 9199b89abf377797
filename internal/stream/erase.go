package stream

// nobody is the audience of an item that was erased.
var nobody = &Audience{Private: true}

// Erase takes the frames of the entry target out of memory, and those of the entries before
// the entry by that amend it. Their items stay in their places, and nobody gets them. It
// reports whether there was anything to erase.
//
// What a view reads is not changed: the items move to a new array, and what stays of a chunk
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
			for e := range it.enc {
				if it.enc[e].chunk != nil {
					moved[it.enc[e].chunk] = nil
				}
				it.enc[e] = span{}
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
	for i := range s.Items {
		for e := range s.Items[i].enc {
			sp := &s.Items[i].enc[e]
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
			*sp = span{to, start, to.used}
		}
	}
	for from, to := range moved {
		if to == nil {
			s.held -= len(from.mem)
		}
		for e := range s.open {
			if s.open[e] == from {
				s.open[e] = to
			}
		}
	}
	return true
}

// forgetTrimmed adds the chunks in which trimmed items have frames. Of each encoding that
// can only be the first.
func (s *Stream) forgetTrimmed(moved map[*chunk]*chunk) {
	for e := range s.open {
		for i := range s.Items {
			if sp := &s.Items[i].enc[e]; sp.chunk != nil {
				if sp.start > 0 {
					moved[sp.chunk] = nil
				}
				break
			}
		}
	}
}
