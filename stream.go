package chat

import "unsafe"

// enc names an encoding in which members get the same events.
type enc uint8

const (
	encPlain   enc = iota
	encDeflate     // permessage-deflate without context takeover
	encodings
)

// chunk is memory in which frames of one encoding stand one after another.
//
// Its bytes never change once a span covers them: whoever holds a span reads it
// without a lock, while the stream appends behind it. Spans of one chunk and
// consecutive items are neighbours in memory, so that a run of them is one slice.
type chunk struct {
	mem []byte

	// Guarded by the room's mutex.
	used  int // bytes of mem that spans cover
	items int // items of the stream that have a span here
}

// span is one encoded frame in a chunk.
type span struct {
	chunk      *chunk
	start, end int
}

func (s *span) bytes() []byte { return s.chunk.mem[s.start:s.end] }

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
		return user != "" && (user == a.only[0] || user == a.only[1])
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
//
// A stream holds at most limit bytes, and an eighth more for a moment: the whole
// chunks in which its items are, the array of the items, and their audiences.
type stream struct {
	view
	limit   int
	held    int // bytes of the chunks and audiences of items
	dead    int // bytes of those that only trimmed items have, which the array still refers to
	array   int // length of the array that items is a part of
	entries int // items that are entries of the log
	open    [encodings]*chunk
}

const (
	itemCost     = int(unsafe.Sizeof(item{}))
	audienceCost = int(unsafe.Sizeof(audience{}))
)

func newStream(base uint64, limit int) stream {
	return stream{view: view{base: base}, limit: limit}
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
	return first.chunk.mem[first.start:v.items[j].enc[r.enc].end], v.base + uint64(j) + 1
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
