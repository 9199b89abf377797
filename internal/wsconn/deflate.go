package wsconn

import (
	"bytes"
	"compress/flate"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
)

// Deflate compresses a payload as one message of permessage-deflate without context
// takeover (RFC 7692, section 7.2.1). It returns nil if the result is not smaller.
func Deflate(payload []byte) []byte {
	if len(payload) < 64 {
		return nil
	}
	forgetWhenDue()
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

func newDeflaters() *sync.Pool {
	return &sync.Pool{New: func() any {
		z := new(deflater)
		z.w, _ = flate.NewWriter(&z.buf, flate.DefaultCompression)
		return z
	}}
}

// forgetPause is the least time between two times that the pools are left to the garbage
// collector: a new compressor takes more than a megabyte.
const forgetPause = 100 * time.Millisecond

// forgetting says when the pools were last left to the garbage collector.
var forgetting struct {
	due  atomic.Bool
	mu   lock.Leaf
	last time.Time
}

func init() {
	deflaters.Store(newDeflaters())
	inflaters.Store(newInflaters())
}

// ForgetDeflated leaves to the garbage collector what compressors and decompressors hold of
// the last messages: immediately, or if that was done just before, with the next message that is
// compressed or inflated after forgetPause. If there is none, the collector empties the pools.
func ForgetDeflated() {
	forgetting.due.Store(true)
	forgetWhenDue()
}

func forgetWhenDue() {
	if !forgetting.due.Load() {
		return
	}
	f := &forgetting
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if since := now.Sub(f.last); 0 <= since && since < forgetPause {
		return
	}
	f.last = now
	f.due.Store(false)
	deflaters.Store(newDeflaters())
	inflaters.Store(newInflaters())
}
