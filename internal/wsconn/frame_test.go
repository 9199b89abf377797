package wsconn

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// FuzzFrameHeader compares the header's reader with its writer.
func FuzzFrameHeader(f *testing.F) {
	f.Add([]byte{0x81, 0x85, 1, 2, 3, 4})
	f.Add([]byte{0x82, 126, 1, 0})
	f.Add([]byte{0x01, 255, 0, 0, 0, 0, 0, 1, 0, 0, 9, 9, 9, 9})
	f.Add([]byte{0x89, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := parseFrameHeader(b)
		if !ok {
			if len(b) >= 14 {
				t.Fatal("a header has at most 14 bytes")
			}
			return
		}
		if h.size > len(b) || h.first != b[0] {
			t.Fatalf("%+v of % x", h, b)
		}
		if h.payload < 1<<31 {
			again := AppendHeader(nil, h.first, int(h.payload))
			if h.masked {
				again[1] |= maskBit
				again = binary.LittleEndian.AppendUint32(again, h.mask)
			}
			g, ok := parseFrameHeader(again)
			g.size, h.size = 0, 0 // lengths may be written longer than needed
			if !ok || g != h {
				t.Fatalf("%+v became %+v", h, g)
			}
		}
	})
}

// FuzzUnmask compares unmasking eight bytes at a time with the definition.
func FuzzUnmask(f *testing.F) {
	f.Add([]byte("some text longer than eight"), uint32(0xdeadbeef))
	f.Fuzz(func(t *testing.T, b []byte, mask uint32) {
		key := binary.LittleEndian.AppendUint32(nil, mask)
		want := make([]byte, len(b))
		for i := range b {
			want[i] = b[i] ^ key[i%4]
		}
		got := bytes.Clone(b)
		if unmask(got, mask); !bytes.Equal(got, want) {
			t.Fatalf("% x, want % x", got, want)
		}
	})
}

func TestDeflate(t *testing.T) {
	if Deflate([]byte("short")) != nil {
		t.Error("compressed what gains nothing")
	}
	payload := bytes.Repeat([]byte("all work and no play "), 100)
	if z := Deflate(payload); len(z) == 0 || len(z) > len(payload)/10 {
		t.Errorf("%d bytes became %d", len(payload), len(z))
	}
}

// One text frame from the bytes that were read to the handler.
func BenchmarkRead(b *testing.B) {
	frame := append(AppendHeader(nil, FinBit|OpText, 80), make([]byte, 84)...) // with a mask of zeros
	frame[1] |= maskBit
	var c Conn
	var got counter
	c.Init(&Config{ReadLimit: 1 << 20, Clock: func() time.Duration { return 0 }}, nil, &got, false)
	in := &c.in
	in.buf = frame
	b.ReportAllocs()
	for b.Loop() {
		in.start, in.end = 0, len(frame)
		h, _ := parseFrameHeader(in.unread())
		if done, err := in.frame(h); !done || err != nil {
			b.Fatal(done, err)
		}
	}
	if int(got) != 80*b.N {
		b.Fatalf("%d bytes of %d messages", got, b.N)
	}
}

// counter is a Handler that counts bytes.
type counter int

func (c *counter) Handle(text []byte) { *c += counter(len(text)) }
