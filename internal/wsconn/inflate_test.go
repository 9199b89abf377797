package wsconn

import (
	"bytes"
	"compress/flate"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// packed compresses b as one message, at the given level.
func packed(b []byte, level int) []byte {
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, level)
	w.Write(b)
	w.Flush()
	return bytes.TrimSuffix(z.Bytes(), []byte("\x00\x00\xff\xff"))
}

// TestInflate inflates texts of many sizes, in buffers that are used again, up to the limit;
// and nothing of what is cut, has a final block or is no compressed message.
func TestInflate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		want := make([]byte, rng.IntN(40<<10)>>rng.IntN(16))
		for i := range want {
			want[i] = byte('a' + rng.IntN(1+rng.IntN(20)))
		}
		z := packed(want, rng.IntN(11)-1)
		f := inflate(z, len(want))
		if f == nil || !bytes.Equal(f.text, want) {
			t.Fatalf("%d bytes are not what was compressed", len(want))
		}
		f.release()
		if len(want) > 0 && inflate(z, len(want)-1) != nil {
			t.Fatalf("%d bytes pass a lower limit", len(want))
		}
		if len(z) > 1 && inflate(z[:len(z)-1], 1<<20) != nil && len(want) > 0 {
			if f := inflate(z[:len(z)-1], 1<<20); bytes.Equal(f.text, want) {
				t.Fatalf("%d bytes are whole although their end is missing", len(want))
			}
		}
	}
	var final bytes.Buffer
	w, _ := flate.NewWriter(&final, -1)
	w.Write([]byte("final"))
	w.Close()
	for _, z := range [][]byte{final.Bytes(), append(final.Bytes(), 1, 2, 3), []byte("\xff\xff\xff\xff"), []byte("not compressed at all")} {
		if f := inflate(z, 1<<20); f != nil {
			t.Errorf("%q is inflated to %q", z, f.text)
		}
	}
}

// TestForgetDeflated: what compressed or inflated a message before is not used after it; and
// however often messages are deleted, compressors are not made for each.
func TestForgetDeflated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := bytes.Repeat([]byte("secret "), 50)
		z := packed(text, -1)
		pools := func() [2]*sync.Pool { return [2]*sync.Pool{inflaters.Load(), deflaters.Load()} }
		f := inflate(z, 1<<20)
		first := pools()
		time.Sleep(forgetPause)
		ForgetDeflated()
		f.release()
		second := pools()
		if second[0] == first[0] || second[1] == first[1] || f.pool != first[0] ||
			bytes.Contains(f.text[:cap(f.text)], text[:7]) || bytes.Contains(f.in[:cap(f.in)], z) {
			t.Error("a compressor, a decompressor or its text is kept")
		}
		ForgetDeflated()
		Deflate(text)
		if pools() != second {
			t.Error("two in one moment")
		}
		time.Sleep(forgetPause)
		Deflate(text)
		if third := pools(); third[0] == second[0] || third[1] == second[1] {
			t.Error("the second was not made up for")
		}
		last := pools()
		time.Sleep(forgetPause)
		if Deflate(text); pools() != last {
			t.Error("there was none")
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	z := packed(bytes.Repeat([]byte("Hello, everybody! "), 10), -1)
	b.ReportAllocs()
	for b.Loop() {
		inflate(z, 1<<20).release()
	}
}
