package protocol

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestLeaveAndComeBack: who leaves a room in order to come back is not seen to leave, and
// continues where it was.
func TestLeaveAndComeBack(t *testing.T) {
	t.Parallel()
	k := newTalk(t)
	p, _ := k.many()
	p.Send(`{"type":"join","room":"r"}`)
	epoch, _, _ := strings.Cut(p.Until("welcome").Position, ":")
	other, _ := k.join()
	harness.Publish(t, k.srv, "r", "one")
	m := p.Until("message")
	does(p, `{"type":"leave","room":"r","back":1}`, "error bad_request")
	p.Send(`{"type":"leave","room":"r","back":true}`)
	harness.Expect(t, "left", p.TextOf("left"), `{"type":"left","room":"r","code":1013,"reason":""}`)
	harness.Publish(t, k.srv, "r", "two")
	p.Send(fmt.Sprintf(`{"type":"join","room":"r","since":"%s:%d"}`, epoch, m.Offset))
	if w := p.Until("welcome"); !w.Resumed || w.Gap {
		t.Errorf("%+v", w)
	}
	harness.Expect(t, "replay", in(p.Next()), "r: message 2 two")
	p.Send(`{"type":"leave","room":"r","back":false}`)
	p.Until("left") // which may come before the others are told
	for _, want := range []string{": message 1 one", ": message 2 two", ": system Anonymous left the room"} {
		harness.Expect(t, "the other", in(other.Next()), want)
	}
}
