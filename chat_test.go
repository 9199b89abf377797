package chat_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestTwoMembersTalk(t *testing.T) {
	_, base := harness.Serve(t)
	alice := harness.Dial(t, base, "general", false, "username", "Alice")
	bob := harness.Dial(t, base, "general", false, "username", "Bob")
	if o := alice.Next(); o.Type != "system" || o.Event != "join" || o.Message != "Bob joined the room" || o.Username != "Bob" {
		t.Fatalf("Alice sees %+v", o)
	}
	alice.Send(`{"type":"not an object"}`)
	for _, p := range []*harness.Peer{alice, bob} {
		o := p.Next()
		if o.Type != "message" || o.Username != "Alice" || o.Message != `{"type":"not an object"}` || o.Offset != 1 {
			t.Fatalf("got %+v", o)
		}
	}
	if status, body := harness.Get(t, base+"/rooms"); status != 200 || body != `{"general":2}` {
		t.Fatalf("rooms: %d %s", status, body)
	}
	bob.Conn.Close(1000, "")
	if o := alice.Next(); o.Event != "leave" || o.Message != "Bob left the room" {
		t.Fatalf("Alice sees %+v", o)
	}
	alice.Conn.Close(1000, "")
	harness.Eventually(t, "the room to vanish", func() bool {
		_, body := harness.Get(t, base+"/rooms")
		return body == `{}`
	})
}

func TestMain(m *testing.M) { harness.Main(m) }
