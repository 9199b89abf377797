// Package wsconf is a WebSocket client that can break every rule. Tests use it to send a server
// any bytes that RFC 6455 forbids, and to read the answer. It checks the answer strictly by the
// RFC.
package wsconf

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Opcodes and bits of a frame's first byte (RFC 6455, section 5.2).
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xa

	RSV3 = 0x10
	RSV2 = 0x20
	RSV1 = 0x40
	Fin  = 0x80
)

// mask is the mask of every masked frame.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// Frame returns a frame as a client should send it, masked and with the shortest
// length. first is its first byte, for example Fin|Text.
func Frame(first byte, payload string) []byte {
	b := append(Header(first, uint64(len(payload))), payload...)
	for i := range len(payload) {
		b[len(b)-len(payload)+i] ^= mask[i&3]
	}
	return b
}

// Header returns the header of a masked frame that declares n bytes of payload,
// in the shortest form.
func Header(first byte, n uint64) []byte {
	switch {
	case n < 126:
		return HeaderWith(first, n, 7)
	case n < 1<<16:
		return HeaderWith(first, n, 16)
	}
	return HeaderWith(first, n, 64)
}

// HeaderWith is Header with a length field of 7, 16 or 64 bits, whatever n is.
func HeaderWith(first byte, n uint64, bits int) []byte {
	b := []byte{first, 0x80}
	switch bits {
	case 7:
		b[1] |= byte(n)
	case 16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return append(b, mask[:]...)
}

// Unmasked returns a frame of at most 125 bytes without a mask, as no client may
// send it.
func Unmasked(first byte, payload string) []byte {
	return append([]byte{first, byte(len(payload))}, payload...)
}

// CloseFrame returns a close frame with a code and reason.
func CloseFrame(code int, reason string) []byte {
	return Frame(Fin|Close, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// Deflate compresses a payload as one message without context takeover (RFC 7692,
// section 7.2.1).
func Deflate(payload string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		panic(err)
	}
	io.WriteString(w, payload)
	w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// Handshake returns a complete opening handshake for a path. headers are more header lines, each
// without its line end.
func Handshake(path string, header ...string) string {
	lines := append([]string{
		"GET " + path + " HTTP/1.1",
		"Host: h",
		"Connection: Upgrade",
		"Upgrade: websocket",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, header...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// Conn is a connection to a server after the request.
type Conn struct {
	net.Conn
	Response *http.Response
	Body     string // of a Response that is no upgrade

	r *bufio.Reader
}

// Dial connects to addr, sends request unchanged and reads the answer. Unless the answer is 101,
// Dial reads the body too. Every read and write of the connection ends at the deadline.
func Dial(addr, request string, deadline time.Time) (*Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return Open(conn, request, deadline)
}

// Open is Dial on an existing connection.
func Open(conn net.Conn, request string, deadline time.Time) (*Conn, error) {
	conn.SetDeadline(deadline)
	c := &Conn{Conn: conn, r: bufio.NewReader(conn)}
	if _, err := io.WriteString(conn, request); err != nil {
		conn.Close()
		return nil, err
	}
	method, _, _ := strings.Cut(request, " ")
	var err error
	if c.Response, err = http.ReadResponse(c.r, &http.Request{Method: method}); err != nil {
		conn.Close()
		return nil, err
	}
	if c.Response.StatusCode != http.StatusSwitchingProtocols {
		b, err := io.ReadAll(c.Response.Body)
		if err != nil {
			conn.Close()
			return nil, err
		}
		c.Body = string(b)
	}
	return c, nil
}

// Received is a frame from the server.
type Received struct {
	First   byte // as for Frame
	Payload []byte
}

// Opcode returns the frame's opcode.
func (f Received) Opcode() byte { return f.First & 0x0f }

// Code returns the code of a close frame; 1005 if it has none.
func (f Received) Code() int {
	if len(f.Payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(f.Payload))
}

// Text returns the payload, inflated if RSV1 is set.
func (f Received) Text() (string, error) {
	if f.First&RSV1 == 0 {
		return string(f.Payload), nil
	}
	r := flate.NewReader(io.MultiReader(bytes.NewReader(f.Payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	b, err := io.ReadAll(r)
	return string(b), err
}

// ReadFrame returns the next frame. A frame that a server may not send is an
// error; io.EOF is the end of the connection between two frames.
func (c *Conn) ReadFrame() (f Received, err error) {
	var h [8]byte
	if _, err := io.ReadFull(c.r, h[:1]); err != nil {
		return f, err
	}
	f.First = h[0]
	if _, err := io.ReadFull(c.r, h[:1]); err != nil {
		return f, unexpected(err)
	}
	if h[0]&0x80 != 0 {
		return f, fmt.Errorf("the server masks its frames")
	}
	n, least := uint64(h[0]), uint64(0)
	switch n {
	case 126:
		_, err = io.ReadFull(c.r, h[:2])
		n, least = uint64(binary.BigEndian.Uint16(h[:])), 126
	case 127:
		_, err = io.ReadFull(c.r, h[:8])
		n, least = binary.BigEndian.Uint64(h[:]), 1<<16
	}
	switch {
	case err != nil:
		return f, unexpected(err)
	case n < least:
		return f, fmt.Errorf("the server declares %d bytes in too long a form", n)
	case n > 1<<26:
		return f, fmt.Errorf("the server declares %d bytes", n)
	case f.First&(RSV2|RSV3) != 0:
		return f, fmt.Errorf("the server sets reserved bits: %#x", f.First)
	}
	if op := f.Opcode(); op >= Close {
		if op > Pong || n > 125 || f.First&Fin == 0 || f.First&RSV1 != 0 {
			return f, fmt.Errorf("the server sends a control frame %#x of %d bytes", f.First, n)
		}
	}
	f.Payload = make([]byte, n)
	_, err = io.ReadFull(c.r, f.Payload)
	return f, unexpected(err)
}

// CloseWrite ends the client's side of the connection, if the transport can do that without
// ending the server's side.
func (c *Conn) CloseWrite() {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		h.CloseWrite()
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
