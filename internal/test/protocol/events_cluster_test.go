package protocol

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestProtocolEventsCluster(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"any server of a cluster takes either half", func(t *testing.T) {
			log := chat.NewMemoryLog(chat.MemoryOptions{})
			_, one := harness.Serve(t, chat.WithLog(log), chat.WithReadReceipts(true))
			_, two := harness.Serve(t, chat.WithLog(log), chat.WithReadReceipts(true))
			l := harness.Listen(t, one, "r", "username", "Ann")
			user := l.Until("welcome").User
			for _, row := range []struct{ body, typ string }{
				{`{"type":"message","message":"hi","id":"c1"}`, "message"},
				{`{"type":"private","to":"` + user + `","message":"psst"}`, "private"},
				{`{"type":"typing"}`, "typing"},
				{`{"type":"signal","name":"s"}`, "signal"},
				{`{"type":"reaction","target":1,"reaction":"👍"}`, "reaction"},
				{`{"type":"read","offset":1}`, "read"},
				{`{"type":"delete","target":1}`, "delete"},
			} {
				status, answer := harness.Say(t, two, "r", row.body, "session", secret)
				harness.Expect(t, row.typ+": "+answer, status, 200)
				harness.Expect(t, "heard", l.Until(row.typ).Type, row.typ)
			}
			_, answer := harness.Say(t, one, "r", `{"type":"message","message":"hi","id":"c1"}`, "session", secret)
			harness.Expect(t, "a repetition, at the other server", answer, `{"type":"ack","offset":1,"id":"c1"}`)
			again := harness.Listen(t, two, "r", "Last-Event-ID:", l.ID)
			harness.Expect(t, "resumed at the other server", again.Until("welcome").Resumed, true)
			harness.Say(t, one, "r", "live")
			harness.Expect(t, "live", again.Next().Message, "live")
		}},
		{"what only the log holds has its ids, in a history and after a loss", func(t *testing.T) {
			log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000})
			srv, base := harness.Serve(t, chat.WithLog(log), chat.WithHistory(3), chat.WithResume(3))
			const last = 300
			for i := range last {
				harness.Publish(t, srv, "r", fmt.Sprint(i+1))
			}
			harness.Listen(t, base, "r").Until("welcome") // the room is in use, and holds the last few
			for _, since := range []uint64{1, 150, last - 2, last} {
				l := harness.Listen(t, base, "r", "Last-Event-ID:", fmt.Sprintf("%s:%d", epochOf(t, base), since))
				w := l.Until("welcome")
				harness.Expect(t, "resumed", w.Resumed, true)
				harness.Publish(t, srv, "other", "x")
				for n := since + 1; n <= last; n++ {
					id, object := l.TextOf("message")
					harness.Expect(t, "id, message", id+harness.Value(t, object, "message"), fmt.Sprintf(`%s:%d"%d"`, epochOf(t, base), n, n))
				}
				l.Leave()
			}
			l := harness.Listen(t, base, "r")
			for n := last - 2; n <= last; n++ {
				id, _ := l.TextOf("message")
				harness.Expect(t, "id in the history", id, fmt.Sprintf("%s:%d", epochOf(t, base), n))
			}
		}},
	})
}

// epochOf returns the epoch of the room r.
func epochOf(t *testing.T, base string) string {
	_, body := harness.Get(t, base+"/rooms/r/messages?limit=0")
	p, err := chat.ParsePosition(harness.Value(t, body, "position")[1 : len(harness.Value(t, body, "position"))-1])
	if err != nil {
		t.Fatal(err)
	}
	return p.Epoch
}

// TestProtocolEventsHTTP2 lets a listener over HTTP/2 fall behind, whose flow control stops the
// server's writes while its connection goes on.
func TestProtocolEventsHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := chat.New(harness.Quiet, chat.WithLeaveGrace(0))
		var h2 http.Protocols
		h2.SetUnencryptedHTTP2(true)
		hs, pipes := &http.Server{Handler: srv, Protocols: &h2}, harness.NewPipes()
		go hs.Serve(pipes)
		transport := &http.Transport{DialContext: pipes.Dial, Protocols: &h2}
		defer func() {
			srv.Close()
			hs.Close()
			transport.CloseIdleConnections()
		}()
		listen := func() *harness.Listener {
			l, answer := harness.TryListen(t, &http.Client{Transport: transport}, "http://pipe", "r")
			harness.Expect(t, "protocol", answer.ProtoMajor, 2)
			l.Until("welcome")
			return l
		}
		listen() // and reads no more
		quick := listen()
		text := make([]byte, 16<<10)
		for i := range text {
			text[i] = 'x'
		}
		for range 700 { // Go's client takes 4 MiB that nobody reads
			harness.Publish(t, srv, "r", string(text))
			quick.Until("message")
		}
		harness.Expect(t, "closed for being slow", srv.Stats().SlowCloses, 1)
		time.Sleep(11 * time.Second)
		harness.Expect(t, "connections", srv.Stats().Connections, 1)
		harness.Publish(t, srv, "r", "over the same connection")
		harness.Expect(t, "the quick one, which shares its connection", quick.Until("message").Message, "over the same connection")
	})
}
