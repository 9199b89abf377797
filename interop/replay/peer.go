package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
)

// Received is what a connection has received: the JSON of an object or of a record of an event stream,
// or else its end.
type Received struct {
	JSON []byte

	Code   int    // of the close frame; 0 without one
	Reason string // of the close frame
	Err    error  // why the connection has ended; nil for an object
}

// A Peer is one connection to the server.
type Peer struct {
	conn *websocket.Conn // nil for an event stream
	in   chan Received   // is never closed; the last element has an Err
	cut  func()          // ends the connection without a close frame
}

// maxReceived is how much a peer holds that no step has expected yet.
const maxReceived = 10_000

// dial opens a WebSocket.
func dial(ctx context.Context, url string, protocols []string, headers http.Header) (*Peer, error) {
	dialer := websocket.Dialer{Subprotocols: protocols}
	conn, _, err := dialer.DialContext(ctx, strings.Replace(url, "http", "ws", 1), headers)
	if err != nil {
		return nil, err
	}
	p := &Peer{conn: conn, in: make(chan Received, maxReceived), cut: func() { conn.Close() }}
	if want := selected(protocols); conn.Subprotocol() != want {
		p.cut()
		return nil, fmt.Errorf("the subprotocol is %q, but expected is %q", conn.Subprotocol(), want)
	}
	go p.readFrames() // ends with the connection
	return p, nil
}

// selected returns the subprotocol that the server selects.
func selected(offered []string) string {
	for _, p := range offered {
		if p == "chat.v1" {
			return p
		}
	}
	return ""
}

func (p *Peer) readFrames() {
	for {
		kind, b, err := p.conn.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			p.in <- Received{Code: closed.Code, Reason: closed.Text, Err: err}
			return
		case err == nil && kind != websocket.TextMessage:
			err = errors.New("a binary frame")
		}
		p.in <- Received{JSON: b, Err: err}
		if err != nil {
			return
		}
	}
}

// stream opens an event stream.
func stream(ctx context.Context, url string, headers http.Header) (*Peer, error) {
	streaming, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, cancel)
	r, err := http.NewRequestWithContext(streaming, http.MethodGet, url, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	r.Header = headers
	resp, err := http.DefaultClient.Do(r)
	stop()
	if err != nil {
		cancel()
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		cancel()
		return nil, fmt.Errorf("no event stream, but %s", resp.Status)
	}
	p := &Peer{in: make(chan Received, maxReceived), cut: cancel}
	go p.readRecords(resp.Body) // ends with the connection
	return p, nil
}

// readRecords reads the records of an event stream (WHATWG HTML, section 9.2). A record becomes an
// object with its fields.
func (p *Peer) readRecords(body io.Reader) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var fields []string
	for lines.Scan() {
		line := lines.Text()
		if line == "" && fields != nil {
			p.in <- Received{JSON: []byte("{" + strings.Join(fields, ",") + "}")}
			fields = nil
		}
		switch field, value, _ := strings.Cut(line, ":"); field {
		case "": // a comment
		case "id":
			fields = append(fields, `"id":`+encode(strings.TrimPrefix(value, " ")))
		default: // retry is a number, and data an object
			fields = append(fields, fmt.Sprintf("%q:%s", field, strings.TrimPrefix(value, " ")))
		}
	}
	err := lines.Err()
	if err == nil {
		err = io.EOF
	}
	p.in <- Received{Err: err}
}

// next returns what comes next.
func (p *Peer) next(ctx context.Context) (Received, error) {
	select {
	case r := <-p.in:
		return r, nil
	case <-ctx.Done():
		return Received{}, errors.New("nothing comes")
	}
}

// object returns the next object.
func (p *Peer) object(ctx context.Context) ([]byte, error) {
	r, err := p.next(ctx)
	if err == nil && r.Err != nil {
		err = fmt.Errorf("the connection has ended: %w", r.Err)
	}
	return r.JSON, err
}

// end waits for the end of the connection. What comes before the end is an error.
func (p *Peer) end(ctx context.Context) (Received, error) {
	r, err := p.next(ctx)
	if err == nil && r.Err == nil {
		err = fmt.Errorf("in place of the end comes %s", r.JSON)
	}
	return r, err
}
