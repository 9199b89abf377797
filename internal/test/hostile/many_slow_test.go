package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// slowly is a connection over which 4 KB arrive per second.
type slowly struct{ net.Conn }

func (c slowly) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	return c.Conn.Read(b[:min(len(b), 4<<10)])
}

// TestSlowComeback lets a client with a slow network come back to many rooms with one object. The
// server reads nothing while it carries that out, not even pongs. But the client takes what it
// is sent, so it is not gone.
func TestSlowComeback(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		const rooms = 40
		join := `{"type":"join","rooms":{`
		for i := range rooms {
			room := fmt.Sprint("r", i)
			harness.Publish(t, b.Server, room, strings.Repeat("x", 15_000))
			join += fmt.Sprintf("%q:\"\",", room)
		}
		conn, err := b.Pipes.Dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := wsconf.Open(slowly{conn}, wsconf.Handshake("/ws", harness.OfferV1), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		says := make(chan []byte, 1000)
		defer close(says)
		go func() { // ends with says
			for f := range says {
				c.Write(f)
			}
		}()
		says <- wsconf.Frame(wsconf.Fin|wsconf.Text, strings.TrimSuffix(join, ",")+"}}")
		welcomes := 0
		for welcomes < rooms {
			f, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("cut after %v, in %d of %d rooms: %v", time.Since(start), welcomes, rooms, err)
			}
			if f.Opcode() == wsconf.Ping {
				says <- wsconf.Frame(wsconf.Fin|wsconf.Pong, "")
			}
			text, _ := f.Text()
			var o harness.Object
			switch json.Unmarshal([]byte(text), &o); {
			case o.Type == "welcome":
				welcomes++
			case o.Code == "unavailable": // the time for one object is over
				says <- wsconf.Frame(wsconf.Fin|wsconf.Text, fmt.Sprintf(`{"type":"join","room":%q}`, o.Room))
			case o.Type == "error":
				t.Fatal(text)
			}
		}
		if took := time.Since(start); took < time.Minute {
			t.Errorf("it took only %v", took)
		}
	}, chat.WithPing(25*time.Second, 10*time.Second), harness.Quiet)
}
