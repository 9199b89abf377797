package chat

import (
	"context"
	"strconv"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// page reads what user may see of a room's history.
func (s *Server) page(ctx context.Context, room, user string, q proto.Query) (chatlog.Page, error) {
	r := chatlog.Range{Limit: q.Limit, Visible: true, Reader: user}
	switch {
	case q.HasAfter:
		r.From = q.After + 1
	case q.HasBefore && q.Before == 0:
		r.Limit = 0
	case q.HasBefore:
		r.Before = q.Before
	}
	page, err := s.rooms.Log().Read(ctx, room, r)
	if err != nil {
		return chatlog.Page{}, err
	}
	if q.HasBefore && q.Before == 0 {
		page.More = false // nothing is older
	}
	return page, nil
}

// boundPage leaves as many events in p as take at most so many bytes as clients see
// them, and always one: the first ones, or the last ones for a page that was read
// backwards. More is true if there was more.
func boundPage(p *chatlog.Page, bytes int, forward bool) {
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

// appendPage appends the messages, first and more of p as members of an object, and
// its position if that is wanted.
func appendPage(b []byte, p *chatlog.Page, position bool) []byte {
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
