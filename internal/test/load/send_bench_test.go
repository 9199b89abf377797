package load

import (
	"bytes"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// One message from a member's socket through the room to two members, and its
// acknowledgement.
func BenchmarkSend(b *testing.B) {
	send := func(b *testing.B, text, answer string, header ...string) {
		srv := chat.New(chat.WithLogger(slog.New(slog.DiscardHandler)))
		defer srv.Close()
		ts := httptest.NewServer(srv)
		defer ts.Close()
		var conns [2]*wsconf.Conn
		for i := range conns {
			c, err := wsconf.Dial(ts.Listener.Addr().String(), wsconf.Handshake("/ws/r", header...), time.Time{})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			conns[i] = c
		}
		go io.Copy(io.Discard, conns[1].Conn)
		frame, buf, end := wsconf.Frame(wsconf.Fin|wsconf.Text, text), make([]byte, 64<<10), []byte(answer)
		from := strings.Index(text, "00000000")
		counter, mask := frame[6+from:][:8], frame[2:6]
		b.ReportAllocs()
		for n := 1; b.Loop(); n++ {
			for i, rest := 7, n; i >= 0; i, rest = i-1, rest/10 {
				counter[i] = byte('0'+rest%10) ^ mask[(from+i)&3]
			}
			if _, err := conns[0].Write(frame); err != nil {
				b.Fatal(err)
			}
			for got := 0; !bytes.Contains(buf[:got], end); {
				n, err := conns[0].Conn.Read(buf[got:])
				if err != nil {
					b.Fatal(err)
				}
				got += n
			}
		}
	}
	b.Run("plain", func(b *testing.B) { send(b, "Hello, everybody! 00000000", "everybody!") })
	b.Run("chat.v1", func(b *testing.B) {
		send(b, `{"type":"message","message":"Hello, everybody!","id":"c00000000"}`, `"type":"ack"`, "Sec-WebSocket-Protocol: chat.v1")
	})
}
