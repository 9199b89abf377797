package chat

// enc names an encoding in which members get the same events.
type enc uint8

const (
	encPlain   enc = iota
	encDeflate     // permessage-deflate without context takeover
	encodings
)

// span is one encoded frame in a chunk of frames that stand one after another.
//
// A chunk's bytes never change once a span covers them: whoever holds a span
// reads it without a lock, while the stream appends behind it. Spans of one chunk
// and consecutive items are neighbours in memory, so that a run of them is one
// slice.
type span struct {
	buf   []byte // the chunk up to and including the frame
	start int
	chunk uint32
}

func (s *span) bytes() []byte { return s.buf[s.start:] }

// item is one event as members get it.
type item struct {
	offset uint64 // in the log; 0 for what the log does not keep
	time   int64  // of the entry, in Unix milliseconds: tells it from another of its offset
	who    *audience
	enc    [encodings]span
}

// audience says who gets an event that is not for everyone.
type audience struct {
	only    [2]string // these users, if private; an empty one is nobody
	except  string    // not this user
	private bool      // only the users in only
	v1Only  bool      // only members of the chat.v1 dialect
}

func (a *audience) has(user string, v1 bool) bool {
	switch {
	case a == nil:
		return true
	case a.v1Only && !v1, a.except != "" && a.except == user:
		return false
	case a.private:
		return between(user, a.only[0], a.only[1])
	}
	return true
}

// stream is the live part of a room's log: the latest entries and, between them
// in the order they happened, the events that no log keeps. Items have a
// sequence of their own, and a cursor is the sequence of the next item to get:
//
//	           base          cursor        next
//	            v              v             v
//	(trimmed)  | i41 | i42 | i43 | i44 | i45 | <- append
//	                          `---- run ----'   one write
//
// A stream is guarded by its room's mutex; views of it are free of it.
type stream struct {
	view
	bytes   int    // of the frames held
	entries int    // items that are entries of the log
	scratch []byte // where events are encoded
	open    [encodings]chunk
}

// chunk is where the next frames of an encoding go.
type chunk struct {
	buf []byte
	n   uint32 // number of the chunk
}

// view is a stream at one moment. It stays valid, and may be read without a
// lock, for ever: items are appended behind its end and trimmed by reslicing.
type view struct {
	items   []item
	base    uint64 // sequence of items[0]
	special uint64 // every item from here on is for everyone
	reset   uint64 // the first item since the log has lost events; 0: it has not
}

func (v *view) next() uint64 { return v.base + uint64(len(v.items)) }

// reader is one who reads a stream from a cursor.
type reader struct {
	cursor uint64
	live   uint64 // events that no log keeps are seen from this sequence on
	enc    enc
	user   string
	v1     bool
}

// public reports whether every item of v from the cursor on is for r.
func (r *reader) public(v *view) bool { return r.cursor >= v.special && r.cursor >= r.live }

func (r *reader) sees(it *item, seq uint64) bool {
	return (it.offset != 0 || seq >= r.live) && it.who.has(r.user, r.v1)
}

// run returns the longest run of frames from r's cursor on that lies in one piece
// and is all for r, and the cursor after it. With nothing more to get it returns
// no bytes and the view's end. The cursor is not below v.base.
func (v *view) run(r *reader) (b []byte, next uint64) {
	i, n := int(r.cursor-v.base), len(v.items)
	public := r.public(v)
	for i < n && !public && !r.sees(&v.items[i], v.base+uint64(i)) {
		i++
	}
	if i >= n {
		return nil, v.next()
	}
	first := &v.items[i].enc[r.enc]
	j := n - 1 // the last item of the run
	if !public || v.items[j].enc[r.enc].chunk != first.chunk {
		for j = i; j+1 < n; j++ {
			it := &v.items[j+1]
			if it.enc[r.enc].chunk != first.chunk || !public && !r.sees(it, v.base+uint64(j)+1) {
				break
			}
		}
	}
	return v.items[j].enc[r.enc].buf[first.start:], v.base + uint64(j) + 1
}

// split finds the frame in which the first n bytes of a run from cursor end, and
// returns what of that frame is not among them and the cursor after it.
func (v *view) split(cursor uint64, e enc, n int) (rest []byte, next uint64) {
	for i := int(cursor - v.base); ; i++ {
		f := v.items[i].enc[e].bytes()
		if n < len(f) {
			if n == 0 {
				return nil, v.base + uint64(i)
			}
			return f[n:], v.base + uint64(i) + 1
		}
		n -= len(f)
	}
}

// at returns the sequence of the entry with offset, if the view holds it.
func (v *view) at(offset uint64) (seq uint64, ok bool) {
	for i := range v.items {
		if o := v.items[i].offset; o == offset && o != 0 {
			return v.base + uint64(i), true
		} else if o > offset {
			break // entries are in order
		}
	}
	return 0, false
}

// timeOf returns the time of the entry with offset, or 0 if the view does not
// hold it.
func (v *view) timeOf(offset uint64) int64 {
	for i := len(v.items) - 1; i >= 0; i-- {
		if o := v.items[i].offset; o == offset && o != 0 {
			return v.items[i].time
		} else if o != 0 && o < offset {
			break // entries are in order
		}
	}
	return 0
}

// entry returns the offset of the first entry of the log that the view holds.
func (v *view) entry() (offset uint64, ok bool) {
	for i := range v.items {
		if o := v.items[i].offset; o != 0 {
			return o, true
		}
	}
	return 0, false
}

// after returns the sequence from which a reader gets every entry after offset,
// if the view holds them all; last is the newest entry there is.
func (v *view) after(offset, last uint64) (seq uint64, ok bool) {
	if offset == last {
		return v.next(), true
	}
	return v.at(offset + 1)
}

// append adds an event whose payload is the JSON text of one object. packed, if
// not nil, compresses it for those members who take it so.
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
	s.items = append(s.items, it)
	if who != nil {
		s.special = s.next()
	}
	if offset != 0 {
		s.entries++
	}
}

// put encodes one frame at the end of the open chunk, or of a new one: chunks
// grow fourfold up to 64 KiB, so that quiet rooms stay small.
func (s *stream) put(e enc, first byte, payload []byte) span {
	c := &s.open[e]
	need := len(payload) + maxFrameHeader
	if cap(c.buf)-len(c.buf) < need {
		size := min(max(4*cap(c.buf), 1<<10), 64<<10)
		c.buf = make([]byte, 0, max(size, need))
		c.n++
	}
	start := len(c.buf)
	c.buf = append(appendFrameHeader(c.buf, first, len(payload)), payload...)
	s.bytes += len(c.buf) - start
	return span{c.buf, start, c.n}
}

// trim lets go of the oldest items while there are more than entries entries or
// more than bytes bytes, or many times as many notices, but never of the newest.
func (s *stream) trim(entries, bytes int) {
	k := 0
	for k < len(s.items)-1 && (s.entries > entries || s.bytes > bytes || len(s.items)-k > 2*entries+64) {
		for e := range s.items[k].enc {
			if sp := &s.items[k].enc[e]; sp.buf != nil {
				s.bytes -= len(sp.bytes())
			}
		}
		if s.items[k].offset != 0 {
			s.entries--
		}
		k++
	}
	s.items = s.items[k:]
	s.base += uint64(k)
}
