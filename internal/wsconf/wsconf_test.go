package wsconf

import (
	"bytes"
	"testing"
)

func TestFrame(t *testing.T) {
	for _, payload := range []string{"", "hello", "\xcb\xaf\xff é", string(bytes.Repeat([]byte{0xce, 0xba}, 70))} {
		f := Frame(Fin|Text, payload)
		body := f[len(f)-len(payload):]
		for i := range body {
			body[i] ^= mask[i&3]
		}
		if string(body) != payload {
			t.Errorf("%q became %q", payload, body)
		}
	}
}

func TestDeflate(t *testing.T) {
	const s = "the quick brown fox, and the other quick brown fox"
	got, err := Received{First: RSV1, Payload: []byte(Deflate(s))}.Text()
	if got != s || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
