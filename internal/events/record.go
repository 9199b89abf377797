// Package events writes the event stream of a client that has no WebSocket: Server-Sent
// Events (WHATWG HTML, section 9.2) over an HTTP response.
package events

import (
	"bytes"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// ContentType is the media type of an event stream (WHATWG HTML, section 9.2.3). The
// encoding is always UTF-8, so it has no parameter.
const ContentType = "text/event-stream"

// AppendRecord appends one object as a record. Its id is EPOCH:OFFSET, the place of what the
// log holds; with an empty epoch it has none. A client sends the last id that it has seen
// when it comes back.
func AppendRecord(b, object []byte, epoch string, offset uint64) []byte {
	if epoch != "" {
		b = append(append(append(b, "id: "...), epoch...), ':')
		b = append(strconv.AppendUint(b, offset, 10), '\n')
	}
	b = append(b, "data: "...)
	start := len(b)
	b = append(b, object...)
	// A line end inside of JSON can only be white space, and would end the line of the
	// record. Our objects have none; the data of a foreign log may.
	for _, end := range []byte{'\n', '\r'} {
		for i := start; ; {
			n := bytes.IndexByte(b[i:], end)
			if n < 0 {
				break
			}
			i += n
			b[i] = ' '
		}
	}
	return append(b, "\n\n"...)
}

// AppendRetry appends the time after which a client comes back by itself when the stream has
// ended; it is at least a millisecond.
func AppendRetry(b []byte, after time.Duration) []byte {
	b = strconv.AppendInt(append(b, "retry: "...), max(1, after.Milliseconds()), 10)
	return append(b, "\n\n"...)
}

// A Framing is the form of an event stream of one room. It implements [wsconn.Framing].
type Framing struct {
	Room string // told to the client at the end
}

var _ wsconn.Framing = Framing{}

// AppendText appends text, which is one object, as a record.
func (Framing) AppendText(b, text []byte, epoch string, offset uint64) []byte {
	return AppendRecord(b, text, epoch, offset)
}

// AppendPing appends a comment, which keeps what lies between from closing a silent
// connection.
func (Framing) AppendPing(b []byte) []byte { return append(b, ":\n\n"...) }

// AppendClose appends the last record: a stream has no close frame, so an object says why
// it ends. A reason that is too long is cut, as in a close frame.
func (f Framing) AppendClose(b []byte, code int, reason string) []byte {
	o := proto.AppendQuoted([]byte(`{"type":"left","room":`), f.Room)
	o = strconv.AppendInt(append(o, `,"code":`...), int64(code), 10)
	o = proto.AppendQuoted(append(o, `,"reason":`...), proto.CutText(reason, proto.MaxReason))
	return AppendRecord(b, append(o, '}'), "", 0)
}
