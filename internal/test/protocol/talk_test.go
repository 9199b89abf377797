package protocol

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// talk is a room with members.
type talk struct {
	t    *testing.T
	srv  *chat.Server
	base string
}

func newTalk(t *testing.T, opts ...chat.Option) *talk {
	srv, base := harness.Serve(t, opts...)
	return &talk{t, srv, base}
}

// join adds a chat.v1 member, who has read everything up to its own coming.
func (k *talk) join(params ...string) (p *harness.Peer, welcome harness.Object) {
	k.t.Helper()
	p = dial(k.t, k.base, "r", true, params...)
	welcome = p.Until("welcome")
	settle(p)
	return p, welcome
}

// settle reads until everything has come that was there when p joined. For what came to the
// room later an answer is no sign: see UpTo.
func settle(p *harness.Peer) (before []harness.Object) {
	p.T.Helper()
	p.Send(`{"type":"ping","id":"settled"}`)
	for {
		o := p.Next()
		if o.Type == "pong" && o.ID == "settled" {
			return before
		}
		if o.Type != "system" {
			before = append(before, o)
		}
	}
}

// line is an object in short.
func line(o harness.Object) string {
	s := o.Type
	if o.Offset != 0 {
		s += fmt.Sprint(" ", o.Offset)
	}
	if o.Target != 0 {
		s += fmt.Sprint(" of ", o.Target)
	}
	for _, part := range []string{o.Code, o.ID, o.Message, o.Reaction, o.Name, string(o.Data)} {
		if part != "" && o.Type != "error" || part == o.Code && part != "" {
			s += " " + part
		}
	}
	if o.Remove {
		s += " removed"
	}
	if o.ReplyTo != 0 {
		s += fmt.Sprint(" to ", o.ReplyTo)
	}
	if !o.Edited.IsZero() {
		s += " edited"
	}
	for _, r := range o.Reactions {
		s += fmt.Sprintf(" %s×%d", r.Reaction, r.Count)
	}
	if o.Amended != 0 {
		s += fmt.Sprint(" as of ", o.Amended)
	}
	return s
}

// hears fails unless exactly these lines come to p next, notices apart.
func hears(p *harness.Peer, want ...string) {
	p.T.Helper()
	var got []string
	for len(got) < len(want) {
		if o := p.Next(); o.Type != "system" {
			got = append(got, line(o))
		}
	}
	harness.Expect(p.T, "heard", got, want)
}

// does sends an object, and fails unless these lines come to p, its acknowledgement and its
// event in any order.
func does(p *harness.Peer, object string, want ...string) {
	p.T.Helper()
	p.Send(object)
	left := map[string]int{}
	for _, w := range want {
		left[w]++
	}
	var got []string
	for range want {
		s := ""
		for s == "" || strings.HasPrefix(s, "system") {
			s = line(p.Next())
		}
		got = append(got, s)
		left[s]--
	}
	for _, n := range left {
		if n != 0 {
			p.T.Errorf("%s: heard %q, want %q", object, got, want)
			return
		}
	}
}

// history is the room's messages in short, as p sees them.
func history(p *harness.Peer) (lines []string) {
	p.T.Helper()
	p.Send(`{"type":"history","limit":100}`)
	for _, o := range p.Until("history").Messages {
		lines = append(lines, line(o))
	}
	return lines
}
