package hostile

import (
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// TestClosingIsImmediate has both sides send a close frame, whoever is first and
// whatever was wrong, and the server close the connection then: in a bubble no time
// passes between.
func TestClosingIsImmediate(t *testing.T) {
	for _, row := range []struct {
		name string
		send []byte
		code int
	}{
		{"unmasked", wsconf.Unmasked(finText, "x"), 1002},
		{"unmasked close", wsconf.Unmasked(finClose, "\x03\xe8"), 1002},
		{"reserved bits", fr(finText|wsconf.RSV2, "x"), 1002},
		{"reserved opcode", fr(wsconf.Fin|3, "x"), 1002},
		{"length not minimal", append(wsconf.HeaderWith(finText, 2, 16), fr(finText, "ab")[6:]...), 1002},
		{"ping in fragments", fr(wsconf.Ping, "x"), 1002},
		{"too big", fr(finText, harness.LongText), 1009},
		{"too big, and more", harness.Join(fr(finText, harness.LongText), fr(finText, "x"), fr(finPing, "x")), 1009},
		{"binary", fr(finBinary, "x"), 1003},
		{"not UTF-8", fr(finText, "\xff"), 1007},
		{"close", frClose(1000, ""), 1000},
		{"empty close", fr(finClose, ""), 1005},
	} {
		t.Run(row.name, func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				conn, err := b.Pipes.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				c, err := wsconf.Open(conn, wsconf.Handshake("/ws/r"), time.Now().Add(harness.Patience))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				go c.Write(row.send) // ends when it was read, or with the connection
				for {
					f, err := c.ReadFrame()
					if err != nil {
						t.Fatal(err)
					}
					if f.Opcode() != wsconf.Close {
						continue
					}
					if f.Code() != row.code {
						t.Errorf("closed with %d, want %d", f.Code(), row.code)
					}
					break
				}
				began := time.Now()
				if row.send[0] != finClose || row.code == 1002 {
					c.Write(frClose(row.code, ""))
				}
				for err == nil {
					_, err = c.ReadFrame()
				}
				if d := time.Since(began); d != 0 {
					t.Errorf("closed after %v", d)
				}
			}, harness.Quiet)
		})
	}
}
