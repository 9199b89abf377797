package pglog

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
)

// maxSignal is the largest size of a signal's JSON in bytes. It fits into maxPayloads payloads.
const maxSignal = 100_000

// Signal implements [chatlog.Feed]: it sends e with NOTIFY and does not store it. It returns an
// error if the JSON of e has more than 100,000 bytes, or if 1,024 signals already wait.
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.Offset = 0
	lines, err := l.signalLines(room, e)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	n := &l.notices
	n.mu.Lock()
	if len(n.signals) >= maxSignals {
		n.mu.Unlock()
		return errSignals
	}
	n.signals = append(n.signals, signal{lines, done})
	l.notifyLocked()
	n.mu.Unlock()
	select {
	case err := <-done:
		if err == nil {
			l.push(room, "", e, "")
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signalled is an event whose JSON has all fields. The JSON of a chatlog.Event has only the
// fields for clients. Data is a string, so it keeps its exact bytes.
type signalled struct {
	*fields
	Data string `json:"data,omitempty"`
}

type fields chatlog.Event

// signalLines returns the lines for a signal. They are one line with its JSON, or several lines
// with parts of it. Each line fits into a payload.
func (l *Log) signalLines(room string, e chatlog.Event) ([]string, error) {
	f := fields(e)
	data, err := json.Marshal(signalled{&f, string(e.Data)})
	if err != nil {
		return nil, err
	}
	k, text := key(room), string(data)
	size := maxPayload - len(l.tag) - len(k) - len("\n \n")
	if len(text) > maxSignal {
		return nil, errTooLong
	}
	if len(text) <= size {
		return []string{k + " " + text + "\n"}, nil
	}
	size -= len("+ 18446744073709551615 99 99 ")
	var parts []string
	for len(text) > size {
		end := size
		for !utf8.RuneStart(text[end]) {
			end--
		}
		parts = append(parts, text[:end])
		text = text[end:]
	}
	parts = append(parts, text)
	id := l.notices.parted.Add(1)
	for i, part := range parts {
		parts[i] = fmt.Sprintf("%s +%d %d %d %s\n", k, id, i+1, len(parts), part)
	}
	return parts, nil
}

// A notice is one line of a payload.
type notice struct {
	key    string
	span   span
	signal *chatlog.Event
	part   part   // of a signal, if its number is not 0
	trace  string // of the event at span.first; otherwise the events of span are new
}

// A part is one of the parts of a signal.
type part struct {
	id        string // of the signal; its sender chose it
	number, n int    // from 1, and the number of parts
	text      string
}

// parts collects the parts of one signal on a connection that receives notices. All parts come
// in one transaction, so one after the other. The zero value has no parts.
type parts struct {
	tag, id string
	next, n int
	text    strings.Builder
}

// add adds p, which the server with tag has sent. It returns the signal if that was its last
// part. A signal with a missing part is lost.
func (p *parts) add(tag string, one part) *chatlog.Event {
	if one.number == 1 {
		*p = parts{tag: tag, id: one.id, next: 1, n: one.n}
	}
	if tag != p.tag || one.id != p.id || one.number != p.next || one.n != p.n {
		*p = parts{}
		return nil
	}
	p.text.WriteString(one.text)
	if p.next++; p.next <= p.n {
		return nil
	}
	e := parseSignal(p.text.String())
	*p = parts{}
	return e
}

// parseSignal returns nil if text is not a signal.
func parseSignal(text string) *chatlog.Event {
	s := signalled{fields: new(fields)}
	if json.Unmarshal([]byte(text), &s) != nil || s.Offset != 0 {
		return nil
	}
	if s.Data != "" {
		s.fields.Data = json.RawMessage(s.Data)
	}
	return (*chatlog.Event)(s.fields)
}

// parseNotices parses a payload. It skips lines that it does not understand.
func parseNotices(payload string) (tag string, lines []notice) {
	tag, rest, _ := strings.Cut(payload, "\n")
	for line := range strings.Lines(rest) {
		k, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n := notice{key: k}
		if strings.HasPrefix(what, "{") {
			if n.signal = parseSignal(what); n.signal == nil {
				continue
			}
		} else if strings.HasPrefix(what, "+") {
			if n.part = parsePart(what[1:]); n.part.number == 0 {
				continue
			}
		} else if strings.HasPrefix(what, "@") {
			offset, trace, _ := strings.Cut(what[1:], " ")
			o, err := strconv.ParseUint(offset, 10, 53)
			if err != nil || !chatlog.ValidTrace(trace) {
				continue
			}
			n.span.first, n.trace = o, trace
		} else {
			first, last, _ := strings.Cut(what, " ")
			var err1, err2 error
			n.span.first, err1 = strconv.ParseUint(first, 10, 53)
			n.span.last, err2 = strconv.ParseUint(last, 10, 53)
			if err1 != nil || err2 != nil || n.span.first == 0 || n.span.first > n.span.last {
				continue
			}
		}
		lines = append(lines, n)
	}
	return tag, lines
}

// parsePart parses the text after the plus sign. It returns the zero part if it does not
// understand the text.
func parsePart(s string) (p part) {
	f := strings.SplitN(s, " ", 4)
	if len(f) < 4 {
		return part{}
	}
	number, err1 := strconv.Atoi(f[1])
	n, err2 := strconv.Atoi(f[2])
	if err1 != nil || err2 != nil || number < 1 || number > n || n > maxPayloads {
		return part{}
	}
	return part{f[0], number, n, f[3]}
}
