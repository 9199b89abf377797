//go:build linux

package load

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHead(t *testing.T) {
	b := filler(80)
	if len(b) != 80 {
		t.Fatalf("%d bytes of text", len(b))
	}
	want := head{'m', 0xabcde, 1<<62 + 12345}
	putHead(b, want.phase, want.sender, want.due)
	if !bytes.HasPrefix(b, []byte(marker)) {
		t.Errorf("no marker: %q", b)
	}
	if got := getHead(b); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if bytes.Count(filler(10_000), []byte(marker)) != 0 {
		t.Error("the filler contains the marker")
	}
}

func TestFrame(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		payload := filler(max(n, headSize))[:n]
		b := appendFrame(nil, 1, 0xa1b2c3d4, payload[:n/2], payload[n/2:])
		if b[1]&0x80 == 0 {
			t.Fatalf("%d bytes: no mask", n)
		}
		size, got := parseHeader(b)
		if got != n || len(b) != size+4+n {
			t.Fatalf("%d bytes: header of %d says %d of %d", n, size, got, len(b))
		}
		mask, text := b[size:size+4], b[size+4:]
		for i := range text {
			text[i] ^= mask[i%4]
		}
		if !bytes.Equal(text, payload) {
			t.Errorf("%d bytes: payload differs", n)
		}
		for short := range size {
			if s, _ := parseHeader(b[:short]); s != 0 {
				t.Errorf("%d bytes: header read from %d bytes of it", n, short)
			}
		}
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 {
		t.Error("the empty histogram is not zero")
	}
	var all []int64
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		ns := int64(1) << r.IntN(35)
		ns += r.Int64N(ns)
		all = append(all, ns)
		h.add(ns)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 0.999} {
		want := time.Duration(all[int(q*float64(len(all)))])
		got := h.Quantile(q)
		if got > want || got < want-want/30-2*time.Microsecond {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if h.Max() != time.Duration(all[len(all)-1]) {
		t.Errorf("max %v", h.Max())
	}
	if b := bucket(1 << 62); b >= len(h.counts) {
		t.Errorf("a very long time is in bucket %d", b)
	}
}

func TestIsPing(t *testing.T) {
	for s, want := range map[string]bool{
		"{}": true, "{}\n{\"id\":1}": true, "{\"id\":1}\n{}": true, "{\"a\":1}\n{}\n{\"b\":2}": true,
		`{"id":1,"publish":{}}`: false, "": false,
	} {
		if isPing([]byte(s)) != want {
			t.Errorf("isPing(%q) is not %v", s, want)
		}
	}
}
