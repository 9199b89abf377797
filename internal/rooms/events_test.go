package rooms

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/events"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// TestEventStream: what a member of an event stream gets, from the log, from the stream and
// live, are records. Each entry and the end of a replay has its place as its id, so that a
// client that comes back with the last id misses nothing; nothing else has an id.
func TestEventStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, newTestLog(), func(c *Config) { c.Limits.Resume, c.Limits.History = 4, 4 })
		keeper := join(t, s, Joining{UserID: "k", V1: true, Deflate: true})
		for i := range 200 {
			say(t, s, message(fmt.Sprint("m", i+1)))
			synctest.Wait() // the stream is trimmed to what it must hold
		}
		say(t, s, chatlog.Event{Type: chatlog.TypePrivate, To: "k", Text: "secret"}) // 201
		var conn wsconn.Conn
		var m Member
		server, client := net.Pipe()
		conn.InitStream(pipeConfig, m.Source(), events.Framing{Room: "r"})
		err := s.Join(t.Context(), "r", &m, Joining{
			Conn: &conn, Events: true, UserID: "e", V1: true,
			Since: chatlog.Position{Epoch: keeper.member.Epoch(), Offset: 20},
			Greet: func(g *Greeting) []byte { return conn.AppendText(nil, []byte(`{"type":"welcome"}`)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		conn.Attach(server, nil)
		var got strings.Builder
		var all sync.WaitGroup
		all.Go(func() { io.Copy(&got, client) })
		if err := conn.Open(nil); err != nil {
			t.Fatal(err)
		}
		m.Announce()
		synctest.Wait()
		say(t, s, message("live")) // 202
		s.Typing(t.Context(), "r", "k", "K")
		say(t, s, chatlog.Event{Type: chatlog.TypeEdit, Target: 202, UserID: "u", Text: "edited"}) // 203
		synctest.Wait()
		conn.Kill()
		m.Leave(true)
		client.Close()
		all.Wait()

		var types []string
		next := uint64(21)
		for _, record := range strings.Split(strings.TrimSuffix(got.String(), "\n\n"), "\n\n") {
			id, data, ok := strings.Cut(record, "\n")
			if !ok {
				id, data = "", record
			}
			var o gotten
			if err := json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &o); err != nil {
				t.Fatalf("%q: %v", record, err)
			}
			at := o.Position
			if o.Offset != 0 {
				if at = fmt.Sprint(keeper.member.Epoch(), ":", o.Offset); o.Offset != next {
					t.Errorf("%d instead of %d", o.Offset, next)
				}
				if next++; next == 201 {
					next++ // it is private
				}
			}
			if want := "id: " + at; at != "" && id != want || at == "" && id != "" {
				t.Errorf("%q has the id %q", record, id)
			}
			if n := len(types); n == 0 || types[n-1] != string(o.Type) {
				types = append(types, string(o.Type))
			}
		}
		if got := strings.Join(types, " "); got != "welcome message position message typing edit" || next != 204 {
			t.Errorf("%s, up to %d", got, next-1)
		}
		keeper.leave()
	})
}
