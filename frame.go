package chat

import (
	"encoding/binary"
	"strconv"
	"time"
	"unicode/utf8"
)

// Opcodes of RFC 6455, section 5.2, with the FIN bit where we send them.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
	finBit         = 0x80
	rsv1Bit        = 0x40
	rsvBits        = 0x70
	maskBit        = 0x80
)

// maxFrameHeader is the longest header of a server's frame, which has no mask.
const maxFrameHeader = 10

// maxControl is the longest payload of a control frame (RFC 6455, section 5.5).
const maxControl = 125

// appendFrameHeader appends the header of an unmasked frame with a payload of n
// bytes; first is the header's first byte (RFC 6455, section 5.2).
func appendFrameHeader(b []byte, first byte, n int) []byte {
	switch {
	case n < 126:
		return append(b, first, byte(n))
	case n < 1<<16:
		return append(b, first, 126, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, first, 127), uint64(n))
	}
}

// appendText appends payload as one text frame.
func appendText(b, payload []byte) []byte {
	return append(appendFrameHeader(b, finBit|opText, len(payload)), payload...)
}

// noCode stands for the code of a close frame that has none (RFC 6455, section
// 7.1.5).
const noCode = 1005

// appendClose appends a close frame (RFC 6455, section 5.5.1), which is empty for
// noCode. The reason is cut to the 123 bytes that fit, at a rune's start.
func appendClose(b []byte, code int, reason string) []byte {
	if code == noCode {
		return appendFrameHeader(b, finBit|opClose, 0)
	}
	reason = cutText(reason, maxReason)
	b = appendFrameHeader(b, finBit|opClose, 2+len(reason))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}

// frameHeader is the header of a frame from a client.
type frameHeader struct {
	first   byte   // FIN, reserved bits, opcode
	masked  bool   //
	mask    uint32 // little endian, as it lies in memory
	payload uint64 // length
	size    int    // of the header itself
}

func (h frameHeader) fin() bool     { return h.first&finBit != 0 }
func (h frameHeader) opcode() byte  { return h.first & 0x0f }
func (h frameHeader) control() bool { return h.first&0x08 != 0 }

// minimal reports whether the length of a masked frame is in the shortest form.
func (h frameHeader) minimal() bool {
	switch h.size {
	case 2 + 2 + 4:
		return h.payload > 125
	case 2 + 8 + 4:
		return h.payload > 1<<16-1
	}
	return true
}

// parseFrameHeader reads the header at the start of b; ok is false if b is too
// short to hold it whole.
func parseFrameHeader(b []byte) (h frameHeader, ok bool) {
	if len(b) < 2 {
		return h, false
	}
	h.first, h.masked, h.payload, h.size = b[0], b[1]&maskBit != 0, uint64(b[1]&0x7f), 2
	switch h.payload {
	case 126:
		h.size = 4
	case 127:
		h.size = 10
	}
	end := h.size
	if h.masked {
		end += 4
	}
	if len(b) < end {
		return h, false
	}
	switch h.size {
	case 4:
		h.payload = uint64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		h.payload = binary.BigEndian.Uint64(b[2:])
	}
	if h.masked {
		h.mask = binary.LittleEndian.Uint32(b[h.size:])
	}
	h.size = end
	return h, true
}

// unmask undoes the masking of a whole payload in place (RFC 6455, section 5.3).
func unmask(b []byte, mask uint32) {
	wide := uint64(mask)<<32 | uint64(mask)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(mask >> (8 * (i & 3)))
	}
}

// appendEvent appends e as the JSON object that clients see.
func appendEvent(b []byte, e *Event) []byte {
	b = append(b, `{"type":`...)
	b = appendQuoted(b, e.Type)
	if e.Offset != 0 {
		b = strconv.AppendUint(append(b, `,"offset":`...), e.Offset, 10)
	}
	if e.Event != "" {
		b = appendQuoted(append(b, `,"event":`...), e.Event)
	}
	if e.Type != TypeTyping {
		b = appendTime(append(b, `,"time":"`...), e.Time)
		b = append(b, '"')
	}
	b = appendQuoted(append(b, `,"user":`...), e.User)
	b = appendQuoted(append(b, `,"username":`...), e.Username)
	if e.Type == TypePrivate {
		b = appendQuoted(append(b, `,"to":`...), e.To)
		b = appendQuoted(append(b, `,"to_username":`...), e.ToUsername)
	}
	if e.Type != TypeTyping {
		b = appendQuoted(append(b, `,"message":`...), e.Message)
	}
	if e.ID != "" {
		b = appendQuoted(append(b, `,"id":`...), e.ID)
	}
	return append(b, '}')
}

// MarshalJSON implements [json.Marshaler] with the object that clients see.
func (e Event) MarshalJSON() ([]byte, error) {
	return appendEvent(make([]byte, 0, 192+len(e.Message)), &e), nil
}

// appendTime appends t as RFC 3339 in UTC with milliseconds.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string (RFC 8259, section 7). Bytes that are
// not UTF-8 become U+FFFD, and what ends a line or a script in JavaScript is
// escaped, so that the object may stand in a page.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' {
				i++
				continue
			}
			b = append(b, s[from:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(append(b, s[from:i]...), "\ufffd"...)
			from = i + n
		} else if r == '\u2028' || r == '\u2029' {
			b = append(append(b, s[from:i]...), `\u202`...)
			b = append(b, hexDigits[r&15])
			from = i + n
		}
		i += n
	}
	return append(append(b, s[from:]...), '"')
}
