package wsconn

import (
	"encoding/binary"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// Opcodes and bits of a frame's first two bytes (RFC 6455, section 5.2).
const (
	opContinuation = 0x0
	OpText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
	FinBit         = 0x80
	RSV1Bit        = 0x40
	rsvBits        = 0x70
	maskBit        = 0x80
)

// MaxHeader is the longest header of a server's frame, which has no mask.
const MaxHeader = 10

// maxControl is the longest payload of a control frame (RFC 6455, section 5.5).
const maxControl = 125

// AppendHeader appends the header of an unmasked frame with a payload of n
// bytes; first is the header's first byte (RFC 6455, section 5.2).
func AppendHeader(b []byte, first byte, n int) []byte {
	switch {
	case n < 126:
		return append(b, first, byte(n))
	case n < 1<<16:
		return append(b, first, 126, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, first, 127), uint64(n))
	}
}

// AppendText appends payload as one text frame.
func AppendText(b, payload []byte) []byte {
	return append(AppendHeader(b, FinBit|OpText, len(payload)), payload...)
}

// noCode stands for the code of a close frame that has none (RFC 6455, section
// 7.1.5).
const noCode = 1005

// appendClose appends a close frame (RFC 6455, section 5.5.1), which is empty for
// noCode. The reason is cut to the 123 bytes that fit, at a rune's start.
func appendClose(b []byte, code int, reason string) []byte {
	if code == noCode {
		return AppendHeader(b, FinBit|opClose, 0)
	}
	reason = proto.CutText(reason, proto.MaxReason)
	b = AppendHeader(b, FinBit|opClose, 2+len(reason))
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

func (h frameHeader) fin() bool     { return h.first&FinBit != 0 }
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

// parseFrameHeader reads the header at the start of b; ok is false if b does not have all
// of it.
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

// unmask removes the masking of a whole payload, in place (RFC 6455, section 5.3).
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
