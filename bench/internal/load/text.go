//go:build linux

package load

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// A text begins with its head: the marker, the phase, the sender's index in 6 hexadecimal
// digits, and the time at which it was due in 16.
const (
	marker   = "@!@"
	headSize = len(marker) + 1 + 6 + 16
)

// filler returns n bytes of text like a person's, with a place for the head at its start.
func filler(n int) []byte {
	const words = " so I told them we would rather take the early train, have lunch by the river" +
		" and be back before it rains; nobody minded, and Anna will bring the map this time."
	b := bytes.Repeat([]byte(words), n/len(words)+1)
	return append(make([]byte, headSize), b...)[:n]
}

const hex = "0123456789abcdef"

func putHex(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = hex[v&15]
		v >>= 4
	}
}

func getHex(b []byte) (v uint64) {
	for _, c := range b {
		if c >= 'a' {
			c -= 'a' - '0' - 10
		}
		v = v<<4 | uint64(c-'0')
	}
	return v
}

// putHead writes the head of a text.
func putHead(b []byte, phase byte, sender int, due int64) {
	copy(b, marker)
	b[3] = phase
	putHex(b[4:10], uint64(sender))
	putHex(b[10:26], uint64(due))
}

// head is the content of a text's head.
type head struct {
	phase  byte
	sender int
	due    int64
}

func getHead(b []byte) head {
	return head{b[3], int(getHex(b[4:10])), int64(getHex(b[10:26]))}
}

// appendFrame appends a client's text frame (RFC 6455, section 5.2).
func appendFrame(b []byte, opcode byte, mask uint32, payload ...[]byte) []byte {
	n := 0
	for _, p := range payload {
		n += len(p)
	}
	switch {
	case n < 126:
		b = append(b, 0x80|opcode, 0x80|byte(n))
	case n < 1<<16:
		b = append(b, 0x80|opcode, 0x80|126, byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|opcode, 0x80|127), uint64(n))
	}
	b = binary.LittleEndian.AppendUint32(b, mask)
	start := len(b)
	for _, p := range payload {
		b = append(b, p...)
	}
	for i := range b[start:] {
		b[start+i] ^= byte(mask >> (8 * (i & 3)))
	}
	return b
}

// parseHeader returns the size of the header and of the payload of the frame at the start of b.
// size is 0 if b is too short.
func parseHeader(b []byte) (size, payload int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch n := int(b[1] & 0x7f); {
	case n < 126:
		return 2, n
	case n == 126 && len(b) >= 4:
		return 4, int(binary.BigEndian.Uint16(b[2:]))
	case n == 127 && len(b) >= 10:
		return 10, int(binary.BigEndian.Uint64(b[2:]))
	}
	return 0, 0
}

// appendPublish appends centrifuge's command for a text, in two parts.
func appendPublish(b []byte, id uint64, room int) []byte {
	b = strconv.AppendUint(append(b, `{"id":`...), id, 10)
	b = strconv.AppendInt(append(b, `,"publish":{"channel":"r`...), int64(room), 10)
	return append(b, `","data":"`...)
}
