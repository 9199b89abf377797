//go:build unix

package verify

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A wire is the client side of a WebSocket (RFC 6455), with only what a client of the protocol
// needs.
type wire struct {
	conn *net.TCPConn
	r    *bufio.Reader
	mu   sync.Mutex // guards writes
}

// closed is the error of a connection that ended with a close frame.
type closed struct {
	code   int
	reason string
}

func (c closed) Error() string { return fmt.Sprintf("closed with %d %q", c.code, c.reason) }

// refused is an answer to the handshake other than 101.
type refused struct {
	status int
	body   string
}

func (r refused) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.body) }

// ask sends a handshake.
func ask(addr, target, protocols string, patience time.Duration) (*net.TCPConn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	key := "AAAAAAAAAAAAAAAAAAAAAA=="
	offer := ""
	if protocols != "" {
		offer = "Sec-WebSocket-Protocol: " + protocols + "\r\n"
	}
	c.SetDeadline(time.Now().Add(patience))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n", target, addr, key, offer)
	if err != nil {
		c.Close()
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// reset ends a connection without a close frame.
func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// dialWire returns a connection, or an error of the type refused.
func dialWire(addr, target, protocols string, patience time.Duration) (*wire, error) {
	c, err := ask(addr, target, protocols, patience)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
	if err != nil {
		reset(c)
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		b, _ := io.ReadAll(resp.Body)
		c.Close()
		return nil, refused{resp.StatusCode, string(b)}
	}
	c.SetDeadline(time.Time{})
	return &wire{conn: c, r: r}, nil
}

// read returns the next text. It answers pings.
func (w *wire) read() ([]byte, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(w.r, head[:]); err != nil {
			return nil, err
		}
		n := uint64(head[1])
		switch n {
		case 126:
			var b [2]byte
			if _, err := io.ReadFull(w.r, b[:]); err != nil {
				return nil, err
			}
			n = uint64(binary.BigEndian.Uint16(b[:]))
		case 127:
			var b [8]byte
			if _, err := io.ReadFull(w.r, b[:]); err != nil {
				return nil, err
			}
			n = binary.BigEndian.Uint64(b[:])
		}
		if n > 1<<20 {
			return nil, errors.New("a masked or a huge frame")
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(w.r, b); err != nil {
			return nil, err
		}
		switch head[0] {
		case 0x81:
			return b, nil
		case 0x88:
			w.write(0x88, b)
			c := closed{code: 1005}
			if n >= 2 {
				c = closed{int(binary.BigEndian.Uint16(b)), string(b[2:])}
			}
			return nil, c
		case 0x89:
			w.write(0x8a, b)
		case 0x8a:
		default:
			return nil, fmt.Errorf("a frame that begins with %x", head[0])
		}
	}
}

// write sends a frame with a mask.
func (w *wire) write(first byte, b []byte) error {
	var mask [4]byte
	rand.Read(mask[:])
	f := []byte{first}
	if len(b) < 126 {
		f = append(f, 0x80|byte(len(b)))
	} else {
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(len(b)))
	}
	f = append(f, mask[:]...)
	for i, c := range b {
		f = append(f, c^mask[i%4])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, err := w.conn.Write(f)
	return err
}

func (w *wire) text(b []byte) error { return w.write(0x81, b) }

// leave sends a close frame and ends the connection.
func (w *wire) leave() { w.write(0x88, []byte{3, 232}) }
