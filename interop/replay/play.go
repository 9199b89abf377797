package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// A Player plays a vector against a server.
type Player struct {
	URL    string // of the server, without a slash at its end
	Record bool   // what the server sends replaces what was expected

	// Saw, if set, gets every JSON text, with what it is of: a def of the schema.
	Saw func(def string, step *Step, text []byte)

	values Values
	peers  map[string]*Peer
	plain  map[string]bool // the peers that speak the plain dialect
	ctx    context.Context // of the present step
}

// patience is the longest time of a step.
const patience = time.Minute

// Play plays all steps, and returns the first error.
func (p *Player) Play(v *Vector) error {
	p.values, p.peers, p.plain = Values{}, map[string]*Peer{}, map[string]bool{}
	if p.Saw == nil {
		p.Saw = func(string, *Step, []byte) {}
	}
	defer func() {
		for _, peer := range p.peers {
			peer.cut()
		}
	}()
	for i, s := range v.Steps {
		for range max(1, s.Repeat) {
			if err := p.step(s); err != nil {
				return fmt.Errorf("step %d, %s: %w", i+1, encode(s), err)
			}
		}
	}
	return nil
}

func (p *Player) step(s *Step) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p.ctx = ctx
	if s.Open != "" {
		return p.open(s)
	}
	if s.Request != "" {
		return p.request(s)
	}
	peer := p.peers[s.Send+s.Expect+s.Close+s.Cut]
	switch {
	case peer == nil:
		return errors.New("there is no such connection")
	case s.Send != "":
		return p.send(peer, s)
	case s.Expect != "":
		return p.expect(peer, s)
	case s.Cut != "":
		peer.cut()
		delete(p.peers, s.Cut)
		return nil
	}
	delete(p.peers, s.Close)
	return p.close(peer, s)
}

func (p *Player) headers(s *Step) (http.Header, error) {
	h := http.Header{}
	for name, value := range s.Headers {
		value, err := p.values.Fill(value)
		if err != nil {
			return nil, err
		}
		h.Set(name, value)
	}
	return h, nil
}

func (p *Player) open(s *Step) error {
	headers, err := p.headers(s)
	if err != nil {
		return err
	}
	path, err := p.values.Fill(s.Path)
	if err != nil {
		return err
	}
	protocols := make([]string, len(s.Protocols))
	for i := range protocols {
		if protocols[i], err = p.values.Fill(s.Protocols[i]); err != nil {
			return err
		}
	}
	var peer *Peer
	if s.Events {
		peer, err = stream(p.ctx, p.URL+path, headers)
	} else {
		peer, err = dial(p.ctx, p.URL+path, protocols, headers)
	}
	if err != nil {
		return err
	}
	p.peers[s.Open] = peer
	p.plain[s.Open] = !s.Events && selected(protocols) == ""
	return nil
}

func (p *Player) send(peer *Peer, s *Step) error {
	kind, b := websocket.TextMessage, []byte(nil)
	switch {
	case s.Object != nil:
		text, err := p.values.Fill(string(s.Object))
		if err != nil {
			return err
		}
		b = []byte(text)
		p.Saw("ClientObject", s, b)
	case s.Text != nil:
		b = []byte(*s.Text)
	case s.Fill > 0:
		b = []byte(strings.Repeat("x", s.Fill))
	default:
		var err error
		if b, err = hex.DecodeString(s.Hex + s.Binary); err != nil {
			return err
		}
		if s.Binary != "" {
			kind = websocket.BinaryMessage
		}
	}
	return peer.conn.WriteMessage(kind, b)
}

// close closes the connection. Nothing else may come before the server's close frame, which has the
// same code.
func (p *Player) close(peer *Peer, s *Step) error {
	code := s.Code
	if code == 0 {
		code = websocket.CloseNormalClosure
	}
	err := peer.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(patience))
	if err != nil {
		return err
	}
	r, err := peer.end(p.ctx)
	if err == nil && r.Code != code {
		err = fmt.Errorf("the close is answered by: %w", r.Err)
	}
	peer.cut()
	return err
}

func (p *Player) request(s *Step) error {
	method, path, _ := strings.Cut(s.Request, " ")
	path, err := p.values.Fill(path)
	if err != nil {
		return err
	}
	var body io.Reader
	if s.Body != nil {
		text := string(s.Body)
		if text[0] == '"' {
			json.Unmarshal(s.Body, &text)
		}
		if text, err = p.values.Fill(text); err != nil {
			return err
		}
		if strings.HasSuffix(path, "/events") || strings.Contains(path, "/events?") {
			if s.Body[0] == '{' {
				p.Saw("ClientObject", s, []byte(text))
			}
		}
		body = strings.NewReader(text)
	}
	r, err := http.NewRequestWithContext(p.ctx, method, p.URL+path, body)
	if err != nil {
		return err
	}
	if r.Header, err = p.headers(s); err != nil {
		return err
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if p.Record && s.Status == 0 {
		s.Status = resp.StatusCode
	}
	if resp.StatusCode != s.Status {
		return fmt.Errorf("the answer is %s %s", resp.Status, b)
	}
	return p.answered(s, resp.Header, b)
}

// answered compares the headers and the body of an answer.
func (p *Player) answered(s *Step, headers http.Header, body []byte) error {
	for name, pattern := range s.Answered {
		want, got := json.RawMessage(encode(pattern)), encode(headers.Get(name))
		if pattern == "${int}" {
			got = headers.Get(name)
		}
		if err := p.check(&want, []byte(got)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		json.Unmarshal(want, &pattern)
		s.Answered[name] = pattern
	}
	if len(body) == 0 && s.Answer == nil {
		return nil
	}
	p.Saw("HttpAnswer", s, body)
	return p.check(&s.Answer, body)
}
