package stream

import (
	"sync"

	"github.com/seed-08328bfd/chat/internal/events"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// Enc is one of the encodings in which members get events.
type Enc uint8

const (
	Plain          Enc = iota // a WebSocket text frame
	Deflated                  // with permessage-deflate, without context takeover (RFC 7692)
	Tagged                    // as Plain, of an object that names its room
	TaggedDeflated            // as Deflated, of an object that names its room
	Events                    // a record of Server-Sent Events (WHATWG HTML, section 9.2)
	encodings
)

func (e Enc) tagged() bool   { return e == Tagged || e == TaggedDeflated }
func (e Enc) deflated() bool { return e == Deflated || e == TaggedDeflated }

// Append appends object, a JSON object of the room with this name, as readers of e get it,
// not compressed. offset is that of an entry of the log, or the place that the object names,
// in epoch; 0 is none.
func (e Enc) Append(b []byte, room, epoch string, offset uint64, object []byte) []byte {
	switch {
	case e == Events:
		return appendRecord(b, epoch, offset, object)
	case e.tagged():
		t := scratch.Get().(*[]byte)
		*t = proto.AppendTagged((*t)[:0], room, object)
		b = wsconn.AppendText(b, *t)
		clear(*t) // it may be deleted
		scratch.Put(t)
		return b
	}
	return wsconn.AppendText(b, object)
}

// scratch is a pool of buffers for objects in another form.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// appendRecord appends a record with object as its data, and the place EPOCH:OFFSET as its
// id if offset is above 0.
func appendRecord(b []byte, epoch string, offset uint64, object []byte) []byte {
	if offset == 0 {
		epoch = ""
	}
	return events.AppendRecord(b, object, epoch, offset)
}

// encode encodes an item whose payload is the JSON text of one object. Without pack it is
// not compressed in any encoding.
func (s *Stream) encode(e Enc, payload []byte, offset uint64, pack func([]byte) []byte) span {
	if e == Plain {
		return s.put(e, wsconn.FinBit|wsconn.OpText, payload)
	}
	var t *[]byte
	if e != Deflated {
		t = scratch.Get().(*[]byte)
		if e == Events {
			*t = appendRecord((*t)[:0], s.epoch, offset, payload)
		} else {
			*t = proto.AppendTagged((*t)[:0], s.room, payload)
		}
		payload = *t
	}
	first := byte(wsconn.FinBit | wsconn.OpText)
	if e.deflated() && pack != nil {
		if z := pack(payload); z != nil {
			payload, first = z, first|wsconn.RSV1Bit
		}
	}
	sp := s.put(e, first, payload)
	if t != nil {
		clear(*t) // it may be deleted
		scratch.Put(t)
	}
	return sp
}

// payload returns what encode was given for an item whose Plain frame is f.
func payload(f []byte) []byte {
	switch f[1] {
	case 126:
		return f[4:]
	case 127:
		return f[10:]
	}
	return f[2:]
}

// Use notes one more reader of e. With the first one, what s holds is encoded for it, not
// compressed, and the oldest items are removed while all takes more than the limit.
func (s *Stream) Use(e Enc) {
	if s.lanes[e].readers++; s.lanes[e].readers > 1 {
		return
	}
	s.frames[e] = make([]span, len(s.Items), cap(s.Items))
	for i := range s.Items {
		if plain := &s.frames[Plain][i]; plain.chunk != nil { // it was not erased
			s.frames[e][i] = s.encode(e, payload(plain.bytes()), s.Items[i].Offset, nil)
		}
	}
	s.fit()
}

// Drop undoes one Use. With the last one, the frames of e leave the memory.
func (s *Stream) Drop(e Enc) {
	l := &s.lanes[e]
	if l.readers--; l.readers > 0 {
		return
	}
	var counted *chunk
	for i := range s.frames[e] {
		if c := s.frames[e][i].chunk; c != nil && c != counted {
			s.held -= len(c.mem)
			counted = c
		}
	}
	s.frames[e], l.open = nil, nil
	s.move() // what trimmed items had in e is gone, too
}
