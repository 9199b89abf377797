package object

import (
	"strconv"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// BoundPage removes events from p until their JSON takes at most this number of bytes; one
// event always stays. It keeps the first events, or the last ones for a page that was read
// backwards. It sets More if it has removed any.
func BoundPage(p *chatlog.Page, bytes int, forward bool) {
	var object []byte
	for n := range p.Events {
		i := n
		if !forward {
			i = len(p.Events) - 1 - n
		}
		object = chatlog.AppendJSON(object[:0], &p.Events[i])
		if bytes -= len(object) + 1; bytes >= 0 || n == 0 {
			continue
		}
		if p.More = true; forward {
			p.Events = p.Events[:i]
		} else {
			p.Events = p.Events[i+1:]
		}
		return
	}
}

// AppendPage appends the messages, first and more of p as members of an object; with
// position set, also its position.
func AppendPage(b []byte, p *chatlog.Page, position bool) []byte {
	b = append(b, `"messages":[`...)
	for i := range p.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = chatlog.AppendJSON(b, &p.Events[i])
	}
	b = append(b, ']')
	if position {
		b = proto.AppendQuoted(append(b, `,"position":`...), p.Position.Place())
	}
	b = strconv.AppendUint(append(b, `,"first":`...), p.First, 10)
	return strconv.AppendBool(append(b, `,"more":`...), p.More)
}

// History returns the answer to a request for a part of the history.
func History(p *chatlog.Page, request string) []byte {
	b := AppendPage([]byte(`{"type":"`+proto.TypeHistory+`",`), p, false)
	if request != "" {
		b = proto.AppendQuoted(append(b, `,"request":`...), request)
	}
	return append(b, '}')
}
