// Package stream is the live part of a room's log. Each event is encoded once for all
// members that get it in the same form. The encoded events stand one after another in
// memory, and cursors read them without a lock.
package stream

import "unsafe"

// chunk is memory in which frames of one encoding stand one after another.
//
// Its bytes never change once a span covers them: a reader that holds a span reads it
// without a lock, while the stream appends after it. The spans of consecutive items in one
// chunk are neighbours in memory, so that a run of them is one slice.
type chunk struct {
	mem []byte

	// Guarded by the room's mutex.
	used  int // bytes of mem that spans cover
	spans int // items of the stream that have a span here
}

// span is one encoded frame in a chunk; the zero span is no frame.
type span struct {
	chunk      *chunk
	start, end uint32
}

func (s *span) bytes() []byte { return s.chunk.mem[s.start:s.end] }

// An Item is one event as members get it. Its frames stand in [View].
type Item struct {
	Offset uint64 // in the log; 0 for an event that the log does not keep
	Time   int64  // of the entry, in Unix milliseconds; tells it from another entry with the same offset
	Who    *Audience
}

// An Audience says which members get an event that is not for everyone.
type Audience struct {
	Only    [2]string // these users, if Private; an empty id means no user
	Except  string    // not this user
	Private bool      // only the users in Only
	V1Only  bool      // only members of the chat.v1 dialect
	NotConn uint64    // not the connection with this number; 0: no connection
	Target  uint64    // the offset of the message that the event amends; 0: none
}

// Has reports whether r is in the audience.
func (a *Audience) Has(r *Reader) bool {
	switch {
	case a == nil:
		return true
	case a.V1Only && !r.V1, a.Except != "" && a.Except == r.User, a.NotConn != 0 && a.NotConn == r.Conn:
		return false
	}
	return a.allows(r.User)
}

// Amends reports whether the event amends a message that user may see.
func (a *Audience) Amends(user string) bool {
	return a != nil && a.Target != 0 && a.allows(user)
}

// allows reports whether user may see the event at all.
func (a *Audience) allows(user string) bool {
	return !a.Private || user != "" && (user == a.Only[0] || user == a.Only[1])
}

// A Stream is the live part of a room's log: the latest entries and, between them
// in the order they happened, the events that no log keeps. Items have a
// sequence of their own, and a cursor is the sequence of the next item to get:
//
//	           base          cursor        next
//	            v              v             v
//	(trimmed)  | i41 | i42 | i43 | i44 | i45 | <- append
//	                          `---- run ----'   one write
//
// A stream is guarded by its room's mutex; its views need no lock.
//
// Each item has a frame in every encoding in use: [Plain] always is, another one from the
// first [Stream.Use] to the last [Stream.Drop]. A stream holds at most limit bytes for all
// of them, and an eighth more for a moment: the whole chunks in which its frames are, the
// arrays of the items and their spans, and their audiences.
type Stream struct {
	View
	room    string
	epoch   string // of the offsets
	pack    func([]byte) []byte
	limit   int
	held    int // bytes of the chunks and audiences of items
	dead    int // bytes that only trimmed items use and that the arrays still refer to
	array   int // length of the array that items is a part of
	entries int // items that are entries of the log
	lanes   [encodings]lane
}

// lane is what a stream knows of one encoding.
type lane struct {
	open    *chunk // takes the next frame; nil if there is none
	readers int    // the encoding is in use while it has any
}

const (
	itemCost     = int(unsafe.Sizeof(Item{}))
	spanCost     = int(unsafe.Sizeof(span{}))
	audienceCost = int(unsafe.Sizeof(Audience{}))
)

// New returns an empty stream of the room with this name, which holds at most limit bytes.
// pack compresses a payload for the readers of a deflated encoding; it returns nil for what
// it does not make smaller. A nil pack never does.
func New(room string, limit int, pack func([]byte) []byte) Stream {
	s := Stream{room: room, limit: limit, pack: pack}
	s.lanes[Plain].readers = 1
	return s
}

// Begin says which epoch the offsets of the items are in. lost says that the log has lost
// events: what s holds goes, and every reader of before is behind its first item.
func (s *Stream) Begin(epoch string, lost bool) {
	s.epoch = epoch
	if !lost {
		return
	}
	base := s.Next() + 1
	s.View = View{Base: base, Reset: base}
	s.held, s.dead, s.array, s.entries = 0, 0, 0, 0
	for e := range s.lanes {
		s.lanes[e].open = nil
	}
	s.move()
}

// A View is a stream at one moment. It stays valid and needs no lock: new items are
// appended after its end, and items are trimmed by reslicing.
type View struct {
	Items   []Item
	frames  [encodings][]span // of the items; nil for an encoding that is not in use
	Base    uint64            // sequence of items[0]
	special uint64            // every item from here on is for everyone
	Reset   uint64            // the first item after the log has lost events; 0: it has lost none
}

// Next returns the sequence that the next item will get.
func (v *View) Next() uint64 { return v.Base + uint64(len(v.Items)) }

// A Reader is a place in a stream, and what decides which items are delivered from there.
type Reader struct {
	Cursor    uint64
	Live      uint64 // events that no log keeps are seen from this sequence on
	Had       uint64 // entries up to this offset are not seen: r has got them another way
	*Identity        // shared by all readers of a connection
}

// An Identity is who reads, and in which form.
type Identity struct {
	User string
	Conn uint64 // the connection's number, unique on its server
	Enc  Enc
	V1   bool // chat.v1
}

// Public reports whether every item of v from the cursor on is for r.
func (r *Reader) Public(v *View) bool {
	return r.Cursor >= v.special && r.Cursor >= r.Live && r.Had == 0
}

// Sees reports whether the item numbered seq is for r.
func (r *Reader) Sees(it *Item, seq uint64) bool {
	if it.Offset == 0 && seq < r.Live || it.Offset != 0 && it.Offset <= r.Had {
		return false
	}
	return it.Who.Has(r)
}

// passHad forgets r.Had if no entry of v from the cursor on, nor any later one, is up to it.
func (r *Reader) passHad(v *View) {
	here := int(r.Cursor - v.Base)
	for i := here; i < len(v.Items); i++ {
		if o := v.Items[i].Offset; o != 0 {
			if o > r.Had {
				r.Had = 0
			}
			return // entries are in order
		}
	}
	for i := here - 1; i >= 0; i-- {
		if o := v.Items[i].Offset; o != 0 {
			if o >= r.Had {
				r.Had = 0
			}
			return
		}
	}
}

// Run returns the longest run of frames from r's cursor on that is one piece of memory and
// is all for r, and the cursor after it. If there is nothing more, it returns no bytes and
// the view's end; also if r's encoding is no longer in use. The cursor must not be below
// v.Base. Run forgets r.Had once it is passed.
func (v *View) Run(r *Reader) (b []byte, next uint64) {
	if r.Had != 0 {
		r.passHad(v)
	}
	i, n, frames := int(r.Cursor-v.Base), len(v.Items), v.frames[r.Enc]
	public := r.Public(v)
	for i < n && !public && !r.Sees(&v.Items[i], v.Base+uint64(i)) {
		i++
	}
	if i >= n || len(frames) < n {
		return nil, v.Next()
	}
	first := &frames[i]
	j := n - 1 // the last item of the run
	if !public || frames[j].chunk != first.chunk {
		for j = i; j+1 < n; j++ {
			if frames[j+1].chunk != first.chunk || !public && !r.Sees(&v.Items[j+1], v.Base+uint64(j)+1) {
				break
			}
		}
	}
	return first.chunk.mem[first.start:frames[j].end], v.Base + uint64(j) + 1
}

// Split finds the frame in which the first n bytes of a run from cursor end. It returns the
// rest of that frame, and the cursor after it.
func (v *View) Split(cursor uint64, e Enc, n int) (rest []byte, next uint64) {
	for i := int(cursor - v.Base); ; i++ {
		f := v.frames[e][i].bytes()
		if n < len(f) {
			if n == 0 {
				return nil, v.Base + uint64(i)
			}
			return f[n:], v.Base + uint64(i) + 1
		}
		n -= len(f)
	}
}

// Whole returns the length of the first frames of a run from cursor that are together at
// most n bytes, but of one frame at least, and the cursor after them. The run must be longer
// than n.
func (v *View) Whole(cursor uint64, e Enc, n int) (bytes int, next uint64) {
	i := int(cursor - v.Base)
	for bytes = len(v.frames[e][i].bytes()); bytes < n; i++ {
		next := len(v.frames[e][i+1].bytes()) // it is there, because the run is longer
		if bytes+next > n {
			break
		}
		bytes += next
	}
	return bytes, v.Base + uint64(i) + 1
}

// At returns the sequence of the entry with offset, if the view holds it.
func (v *View) At(offset uint64) (seq uint64, ok bool) {
	for i := range v.Items {
		if o := v.Items[i].Offset; o == offset && o != 0 {
			return v.Base + uint64(i), true
		} else if o > offset {
			break // entries are in order
		}
	}
	return 0, false
}

// TimeOf returns the time of the entry with offset, or 0 if the view does not
// hold it.
func (v *View) TimeOf(offset uint64) int64 {
	for i := len(v.Items) - 1; i >= 0; i-- {
		if o := v.Items[i].Offset; o == offset && o != 0 {
			return v.Items[i].Time
		} else if o != 0 && o < offset {
			break // entries are in order
		}
	}
	return 0
}

// Entry returns the offset of the first entry of the log that the view holds.
func (v *View) Entry() (offset uint64, ok bool) {
	for i := range v.Items {
		if o := v.Items[i].Offset; o != 0 {
			return o, true
		}
	}
	return 0, false
}

// After returns the sequence from which a reader gets every entry after offset,
// if the view holds them all; last is the newest entry there is.
func (v *View) After(offset, last uint64) (seq uint64, ok bool) {
	if offset == last {
		return v.Next(), true
	}
	return v.At(offset + 1)
}
