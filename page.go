package chat

import (
	"context"
	"errors"
	"strconv"
)

// maxPage is the largest number of messages in one answer.
const maxPage = 100

// pageSize is how many messages an answer has if the client does not say.
func (c *config) pageSize() int {
	if c.history == 0 {
		return 50
	}
	return min(c.history, maxPage)
}

// query is a part of a room's history that a client asks for.
type query struct {
	before, after       uint64
	hasBefore, hasAfter bool
	limit               int
}

// parseLimit reads the size of a page. More than maxPage, however much, is maxPage.
func parseLimit(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return maxPage, nil
	}
	if err != nil {
		return 0, errors.New("limit must be a whole number from 0 on")
	}
	return int(min(n, maxPage)), nil
}

// page reads what user may see of a room's history.
func (s *Server) page(ctx context.Context, room, user string, q query) (Page, error) {
	r := Range{Limit: q.limit, Visible: true, Reader: user}
	switch {
	case q.hasAfter:
		r.From = q.after + 1
	case q.hasBefore && q.before == 0:
		r.Limit = 0
	case q.hasBefore:
		r.Before = q.before
	}
	page, err := s.log.Read(ctx, room, r)
	if err != nil {
		return Page{}, s.unavailable(err)
	}
	if q.hasBefore && q.before == 0 {
		page.More = false // nothing is older
	}
	return page, nil
}

// bound leaves as many events in p as take at most so many bytes as clients see
// them, and always one: the first ones, or the last ones for a page that was read
// backwards. More is true if there was more.
func (p *Page) bound(bytes int, forward bool) {
	b := encoded.Get().(*[]byte)
	defer encoded.Put(b)
	for n := range p.Events {
		i := n
		if !forward {
			i = len(p.Events) - 1 - n
		}
		*b = appendEvent((*b)[:0], &p.Events[i])
		if bytes -= len(*b) + 1; bytes >= 0 || n == 0 {
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
func appendPage(b []byte, p *Page, position bool) []byte {
	b = append(b, `"messages":[`...)
	for i := range p.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEvent(b, &p.Events[i])
	}
	b = append(b, ']')
	if position {
		b = appendQuoted(append(b, `,"position":`...), p.Position.place())
	}
	b = strconv.AppendUint(append(b, `,"first":`...), p.First, 10)
	return strconv.AppendBool(append(b, `,"more":`...), p.More)
}
