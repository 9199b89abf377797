package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// expect compares what a connection receives with what a step expects.
func (p *Player) expect(peer *Peer, s *Step) error {
	for i := range s.Objects {
		b, err := p.receive(peer, s)
		if err != nil {
			return err
		}
		if err := p.check(&s.Objects[i], b); err != nil {
			return err
		}
	}
	if err := p.unordered(peer, s); err != nil {
		return err
	}
	if s.Closed == 0 && !s.End {
		return nil
	}
	r, err := peer.end(p.ctx)
	switch {
	case err != nil:
		return err
	case s.End && r.Err != io.EOF:
		return r.Err
	case !s.End && r.Code != s.Closed:
		return fmt.Errorf("the connection has ended: %w", r.Err)
	case s.Reason != nil && r.Reason != *s.Reason:
		return fmt.Errorf("the reason is %q", r.Reason)
	}
	return nil
}

func (p *Player) receive(peer *Peer, s *Step) ([]byte, error) {
	b, err := peer.object(p.ctx)
	if err != nil {
		return nil, err
	}
	object := b
	if peer.conn == nil {
		var record struct{ Data json.RawMessage }
		if err := json.Unmarshal(b, &record); err != nil {
			return nil, fmt.Errorf("%s: %w", b, err)
		}
		object = record.Data
	}
	if def := "ServerObject"; object != nil {
		if p.plain[s.Expect] {
			def = "PlainObject"
		}
		p.Saw(def, s, object)
	}
	return b, nil
}

// check compares what has come with what is expected.
func (p *Player) check(pattern *json.RawMessage, got []byte) error {
	set, err := p.values.Match(*pattern, got)
	if err != nil && p.Record {
		*pattern = p.record(got)
		set, err = p.values.Match(*pattern, got)
	}
	if err != nil {
		return fmt.Errorf("%w in %s", err, got)
	}
	p.values = set
	return nil
}

// unordered compares objects that may come in any order.
func (p *Player) unordered(peer *Peer, s *Step) error {
	left := make([]*json.RawMessage, len(s.Unordered))
	for i := range left {
		left[i] = &s.Unordered[i]
	}
next:
	for len(left) > 0 {
		b, err := p.receive(peer, s)
		if err != nil {
			return err
		}
		for i, pattern := range left {
			set, err := p.values.Match(*pattern, b)
			if err == nil {
				p.values = set
				left = append(left[:i], left[i+1:]...)
				continue next
			}
		}
		if !p.Record {
			return fmt.Errorf("%s is not among the expected objects", b)
		}
		if err := p.check(left[0], b); err != nil {
			return err
		}
		left = left[1:]
	}
	return nil
}
