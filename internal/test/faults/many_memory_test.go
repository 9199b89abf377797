package faults

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// TestManyWaitBounded has clients join a hundred rooms with a history, ask for more of it and
// never read. What waits for each is 64 KiB, however many rooms there are; the members and
// what they have in the rooms' streams is small.
func TestManyWaitBounded(t *testing.T) {
	const (
		clients = 20
		rooms   = 100
		waiting = 64 << 10
		member  = 1 << 10 // in a room
	)
	srv := chat.New(harness.Quiet, chat.WithHistory(20), chat.WithResume(20), chat.WithPresenceSize(1), chat.WithPing(harness.Patience, harness.Patience), chat.WithWriteTimeout(harness.Patience),
		chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 20})))
	base := small(t, srv)
	reader := harness.Dial(t, base, harness.Many, true) // keeps the rooms in use
	reader.Until("hello")
	for r := range rooms {
		reader.Send(fmt.Sprintf(`{"type":"join","room":"r%d"}`, r))
		reader.Until("welcome")
		for range 20 {
			harness.Publish(t, srv, fmt.Sprint("r", r), strings.Repeat("<", 1<<10))
			reader.Until("message")
		}
	}
	go func() {
		for {
			if _, err := reader.Any(); err != nil {
				return
			}
		}
	}()
	join := func(since string) []byte {
		var all []string
		for r := range rooms {
			all = append(all, fmt.Sprintf(`"r%d":%q`, r, since))
		}
		return fr(finText, `{"type":"join","rooms":{`+strings.Join(all, ",")+`}}`)
	}
	before := settledHeap()
	var conns []*wsconf.Conn
	for range clients {
		c := harness.RawDial(t, base, "/ws", harness.OfferV1)
		c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		conns = append(conns, c)
		c.Write(join("x:1"))
	}
	for i := range 20 {
		for _, c := range conns {
			c.Write(fr(finText, fmt.Sprintf(`{"type":"history","room":"r%d","limit":100}`, i)))
		}
		time.Sleep(20 * time.Millisecond)
	}
	held := (settledHeap() - before) / clients
	t.Logf("%d bytes a client, %d members", held, srv.Stats().Members)
	if held > waiting+waiting/4+24<<10+rooms*member {
		t.Errorf("%d bytes wait for a client", held)
	}
}
