package hostile

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// TestCutMessages ends connections within a message, after every byte of it. Nothing of it
// may be published, however complete it looks.
func TestCutMessages(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, chat.WithCompression(true), chat.WithHistory(0))
	var random [4500]byte
	rand.NewChaCha8([32]byte{}).Read(random[:])
	long, short := hex.EncodeToString(random[:]), prose(40) // long has no more than 4 bits a byte
	z := wsconf.Deflate(short)
	deflate := []string{harness.OfferDeflate}
	for i, row := range []struct {
		name   string
		text   string
		header []string
		send   []byte
	}{
		{"one frame", "Hello world", nil, fr(finText, "Hello world")},
		{"two fragments", "Hello world", nil, harness.Join(fr(wsconf.Text, "Hello "), fr(finCont, "world"))},
		{"three, and others between", "Hello world", nil, harness.Join(fr(wsconf.Text, "Hello "), fr(finPing, "p"), fr(wsconf.Continuation, "wor"), fr(finPong, ""), fr(finCont, "ld"))},
		{"empty fragments", "Hello", nil, harness.Join(fr(wsconf.Text, "Hello"), fr(wsconf.Continuation, ""), fr(finCont, ""))},
		{"larger than the read buffer", long, nil, fr(finText, long)},
		{"compressed", short, deflate, fr(finText|wsconf.RSV1, z)},
		{"compressed, larger than a buffer", long, deflate, fr(finText|wsconf.RSV1, wsconf.Deflate(long))},
		{"compressed, in fragments", short, deflate, packedIn(short, 7)},
		{"compressed, the last fragment empty", short, deflate, harness.Join(fr(wsconf.Text|wsconf.RSV1, z), fr(finCont, ""))},
		{"an object", "Hello", []string{harness.OfferV1}, harness.Join(fr(wsconf.Text, `{"type":"message","message":"Hello"}`), fr(finCont, " "))},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			room := fmt.Sprint("r", i)
			w := harness.Watch(t, base, room)
			for n := 1; n <= len(row.send); n++ {
				switch n { // far ends are near the sizes of the library's reads only
				case 600:
					n = 4090
				case 4120:
					n = len(row.send)
				}
				c := harness.RawDial(t, base, "/ws/"+room, row.header...)
				harness.RawWrite(c, row.send[:n], 0)
				c.CloseWrite()
				harness.Heard(c) // until the server has read the end
				c.Close()
			}
			w.Check([]string{msgLine(row.text)})
		})
	}
}
