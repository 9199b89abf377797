package wsconn

import (
	"bytes"
	"compress/flate"
	"sync"
)

// Deflate compresses a payload as one message of permessage-deflate without context
// takeover (RFC 7692, section 7.2.1). It returns nil if the result is not smaller.
func Deflate(payload []byte) []byte {
	if len(payload) < 64 {
		return nil
	}
	z := deflaters.Get().(*deflater)
	defer deflaters.Put(z)
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

var deflaters = sync.Pool{New: func() any {
	z := new(deflater)
	z.w, _ = flate.NewWriter(&z.buf, flate.DefaultCompression)
	return z
}}
