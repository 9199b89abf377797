package wsconn

import (
	"bytes"
	"compress/flate"
	"sync"
	"sync/atomic"
)

// Deflate compresses a payload as one message of permessage-deflate without context
// takeover (RFC 7692, section 7.2.1). It returns nil if the result is not smaller.
func Deflate(payload []byte) []byte {
	if len(payload) < 64 {
		return nil
	}
	pool := deflaters.Load()
	z := pool.Get().(*deflater)
	defer pool.Put(z)
	z.buf.Reset()
	z.w.Reset(&z.buf)
	z.w.Write(payload)
	z.w.Flush()
	out := z.buf.Bytes()
	if n := len(out) - 4; n > 0 && n < len(payload) {
		return append([]byte(nil), out[:n]...) // without the 00 00 ff ff of the flush
	}
	return nil
}

type deflater struct {
	buf bytes.Buffer
	w   *flate.Writer
}

var deflaters atomic.Pointer[sync.Pool]

func init() { ForgetDeflated() }

// ForgetDeflated leaves to the garbage collector what compressors and decompressors hold of
// the last messages.
func ForgetDeflated() {
	inflaters.Store(newInflaters())
	deflaters.Store(&sync.Pool{New: func() any {
		z := new(deflater)
		z.w, _ = flate.NewWriter(&z.buf, flate.DefaultCompression)
		return z
	}})
}
