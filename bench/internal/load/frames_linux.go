package load

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

// Opcodes of RFC 6455, section 5.2, and the bit of a compressed message (RFC 7692,
// section 6).
const (
	opClose    = 8
	opPing     = 9
	opPong     = 10
	compressed = 0x40
)

var (
	errGone   = errors.New("closed by the server")
	errClosed = errors.New("closed by the server with a close frame")
)

// frames processes the whole frames in b, and returns the rest.
func (l *Load) frames(c *conn, b []byte) []byte {
	now := l.now()
	for {
		size, n := parseHeader(b)
		if size == 0 || len(b) < size+n {
			break
		}
		first, payload := b[0], b[size:size+n]
		b = b[size+n:]
		switch first & 0x0f {
		case opClose:
			l.end(c, errClosed)
			return nil
		case opPing:
			c.out = appendFrame(c.out, opPong, l.random, payload)
			l.push(c)
		case opPong:
		default:
			l.data(c, first, payload, now)
		}
		if c.fd < 0 {
			return nil
		}
	}
	if c.sends {
		l.refill(c)
	}
	return b
}

// data processes the payload of a data frame.
func (l *Load) data(c *conn, first byte, payload []byte, now int64) {
	if c.state == connecting {
		l.greeted(c, payload)
		return
	}
	if first&compressed != 0 {
		if !l.syncing && c.index != 0 && !c.sends {
			l.stats.Deliveries++
			return
		}
		var err error
		if payload, err = l.inflate.open(payload); err != nil {
			l.end(c, err)
			return
		}
	}
	switch {
	case l.plan.Centrifuge && isPing(payload):
		c.out = appendFrame(c.out, 1, l.random, []byte("{}"))
		l.push(c)
	case l.plan.V1 && hasLeft(payload):
		l.stats.Lost++ // a room, and not the connection
	}
	for {
		i := bytes.Index(payload, []byte(marker))
		if i < 0 || len(payload) < i+headSize {
			return
		}
		h := getHead(payload[i:])
		payload = payload[i+headSize:]
		switch h.phase {
		case 'p':
			if l.plan.Joined > 0 { // one of each room
				l.unseen--
			} else if !c.seen {
				c.seen = true
				l.unseen--
			}
		case 'm':
			l.stats.Deliveries++
			l.stats.Latency.add(now - h.due)
			if h.sender == c.index {
				c.inflight--
			}
		}
	}
}

// isPing reports whether centrifuge's ping, an empty object, is one of the lines.
func isPing(payload []byte) bool {
	ping := []byte("{}")
	return bytes.Equal(payload, ping) || bytes.HasPrefix(payload, []byte("{}\n")) ||
		bytes.HasSuffix(payload, []byte("\n{}")) || bytes.Contains(payload, []byte("\n{}\n"))
}

// inflater decompresses messages (RFC 7692, section 7.2.2).
type inflater struct {
	r   io.ReadCloser
	out bytes.Buffer
}

func (f *inflater) open(payload []byte) ([]byte, error) {
	in := io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if f.r == nil {
		f.r = flate.NewReader(in)
	} else if err := f.r.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, err
	}
	f.out.Reset()
	_, err := f.out.ReadFrom(f.r)
	return f.out.Bytes(), err
}
