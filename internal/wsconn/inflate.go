package wsconn

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
	"sync/atomic"
)

// inflateTail ends a message of permessage-deflate: what its sender has left out of the last
// block (RFC 7692, section 7.2.2), and an empty final block.
const inflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// An inflater inflates messages without context takeover.
type inflater struct {
	in   []byte
	src  bytes.Reader
	r    io.ReadCloser
	text []byte
	pool *sync.Pool
}

var inflaters atomic.Pointer[sync.Pool]

func newInflaters() *sync.Pool {
	return &sync.Pool{New: func() any {
		z := new(inflater)
		z.r = flate.NewReader(&z.src)
		return z
	}}
}

// inflate returns z inflated, in an inflater that release gives back, or nil if z is wrong or
// is more than limit bytes.
func inflate(z []byte, limit int) *inflater {
	forgetWhenDue()
	pool := inflaters.Load()
	f := pool.Get().(*inflater)
	f.pool = pool
	f.in = append(append(f.in[:0], z...), inflateTail...)
	f.src.Reset(f.in)
	f.r.(flate.Resetter).Reset(&f.src, nil)
	for {
		if len(f.text) == cap(f.text) {
			f.text = append(f.text, make([]byte, max(512, cap(f.text)))...)[:len(f.text)]
		}
		n, err := f.r.Read(f.text[len(f.text):cap(f.text)])
		f.text = f.text[:len(f.text)+n]
		switch {
		case len(f.text) > limit || err != nil && err != io.EOF:
		case err == nil:
			continue
		case f.src.Len() == 0:
			return f
		} // else a final block before the end
		f.release()
		return nil
	}
}

// release gives f back. Its text must not be used after that.
func (f *inflater) release() {
	clear(f.in)
	clear(f.text)
	f.text = f.text[:0]
	if cap(f.text) <= 2*readBuffer {
		f.pool.Put(f)
	}
}
