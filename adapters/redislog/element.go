package redislog

import (
	"errors"
	"strconv"
	"strings"

	"github.com/seed-08328bfd/chat/chatlog"
)

// splitElement returns the parts of an element of a room's lists: see lua/lists.lua.
func splitElement(s string) (offset, ms, flags, target, json string) {
	offset, s, _ = strings.Cut(s, " ")
	ms, s, _ = strings.Cut(s, " ")
	i := 0
	for i < len(s) && 'a' <= s[i] && s[i] <= 'z' {
		i++
	}
	flags, s = s[:i], s[i:]
	if i = strings.IndexByte(s, '{'); i < 0 {
		i = len(s)
	}
	target, _, _ = strings.Cut(s[:i], ",")
	return offset, ms, flags, target, s[i:]
}

// decodeElement returns the event of an element. For a deleted message it is only the place of
// it: see [chatlog.Amender].
func decodeElement(s string) (chatlog.Event, error) {
	offset, ms, flags, _, json := splitElement(s)
	if strings.Contains(flags, "d") {
		json = `{"type":"private"}`
	}
	return decode(offset, ms, json)
}

// decodeElements returns the events of the elements that a script has read. more has the values
// that belong to them: see lua/read.lua.
func decodeElements(list, more *values, rg chatlog.Range) ([]chatlog.Event, error) {
	var events []chatlog.Event
	if n := len(list.items); n > 0 {
		events = make([]chatlog.Event, 0, n)
	}
	next := 0
	for i := range list.items {
		element := list.text(i)
		e, err := decodeElement(element)
		if err != nil {
			return nil, err
		}
		switch _, _, flags, _, json := splitElement(element); {
		case rg.Messages:
			if strings.Contains(flags, "e") {
				err = parseEdited(&e, json)
			}
			if err == nil && strings.Contains(flags, "s") {
				err = parseState(&e, more.text(next))
				next++
			}
		case e.Type == chatlog.TypeEdit:
			err = fillEdit(&e, more.text(next))
			next++
		}
		if err != nil {
			return nil, err
		}
		if !rg.Visible || e.VisibleTo(rg.Reader) { // the script has checked this already
			events = append(events, e)
		}
	}
	return events, nil
}

// fillEdit gives an edit the text and the data of its message. message is the message's element.
// If it is "", the edit is gone too.
func fillEdit(e *chatlog.Event, message string) error {
	if message == "" {
		*e = chatlog.Event{Type: chatlog.TypePrivate, Offset: e.Offset, Time: e.Time}
		return nil
	}
	m, err := decodeElement(message)
	e.Text, e.Data = m.Text, m.Data
	return err
}

var errState = errors.New("redislog: state of a message in Redis is not as expected")

// parseEdited sets the time of the message's last edit, from the JSON of its element. No string
// before the text and the data can contain these quotes.
func parseEdited(e *chatlog.Event, json string) error {
	_, json, _ = strings.Cut(json, `,"edited":[`)
	json, _, _ = strings.Cut(json, "]")
	offset, ms, _ := strings.Cut(json, ",")
	at, err := decode(offset, ms, "{}")
	e.Amended, e.Edited = at.Offset, at.Time
	return err
}

// parseState sets the reactions to the message e. s is a state as in lua/state.lua, or "" if
// Redis has evicted it.
func parseState(e *chatlog.Event, s string) error {
	if s == "" {
		return nil
	}
	word, s, _ := strings.Cut(s, " ")
	offset, err := strconv.ParseUint(word, 10, 53)
	if err != nil {
		return errState
	}
	e.Amended = max(e.Amended, offset)
	_, s, _ = strings.Cut(s, " ") // the time of the last change
	p := stateParser{rest: s}
	for p.rest != "" && !p.bad {
		size := p.number()
		if size > len(p.rest) {
			return errState
		}
		section := stateParser{rest: p.rest[:size]}
		p.rest = p.rest[size:]
		r := chatlog.Reaction{Count: section.number()}
		r.Reaction = section.counted()
		r.Users = make([]string, 0, min(r.Count, chatlog.MaxReactionListed))
		for section.rest != "" && !section.bad {
			r.Users = append(r.Users, section.counted())
		}
		if p.bad = p.bad || section.bad; e.Reactions == nil {
			e.Reactions = make([]chatlog.Reaction, 0, 1+len(p.rest)/max(size, 1))
		}
		e.Reactions = append(e.Reactions, r)
	}
	if p.bad {
		return errState
	}
	return nil
}

// A stateParser takes parts from the start of a state.
type stateParser struct {
	rest string
	bad  bool
}

// number takes a number that ends with a colon.
func (p *stateParser) number() int {
	word, rest, _ := strings.Cut(p.rest, ":")
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 {
		p.bad, p.rest = true, ""
		return 0
	}
	p.rest = rest
	return n
}

// counted takes a text that follows the number of its bytes.
func (p *stateParser) counted() string {
	n := p.number()
	if n > len(p.rest) {
		p.bad, p.rest = true, ""
		return ""
	}
	text := p.rest[:n]
	p.rest = p.rest[n:]
	return text
}
