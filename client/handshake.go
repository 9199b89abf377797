package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// connect makes a connection and reads what the server says first.
func (c *Conn) connect(ctx context.Context) (*link, error) {
	l, err := c.handshake(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return l, err
}

func (c *Conn) handshake(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.network.timeout)
	defer cancel()
	u, opts, err := c.request(ctx)
	if err != nil {
		return nil, err
	}
	conn, resp, err := ws.Dial(ctx, u, opts)
	if err != nil {
		return nil, refusal(resp, err)
	}
	conn.SetReadLimit(-1) // link.read has its own limit
	l := &link{c: c, conn: conn, began: time.Now()}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	fail := func(err error) (*link, error) {
		l.cancel(err)
		conn.CloseNow()
		return nil, err
	}
	if conn.Subprotocol() != proto.Subprotocol {
		return fail(ErrProtocol)
	}
	b, err := l.read(ctx)
	if err != nil {
		return fail(closed(err))
	}
	first, err := readFirst(b, c.rooms.one == nil)
	if err != nil {
		return fail(err)
	}
	if err := c.admit(l, first); err != nil {
		return fail(err)
	}
	return l, nil
}

// request returns the URL and the options of a handshake. The session is sent in the list
// of subprotocols, because proxies log URLs.
func (c *Conn) request(ctx context.Context) (string, *ws.DialOptions, error) {
	c.mu.Lock()
	token, session, since := c.self.token, c.self.session, ""
	if r := c.rooms.one; r != nil {
		since = r.place.at.String()
	}
	c.mu.Unlock()
	if c.cfg.account.source != nil {
		var err error
		if token, err = c.cfg.account.source(ctx); err != nil {
			return "", nil, fmt.Errorf("client: the token source failed: %w", err)
		}
	}
	u, q := c.server.url, c.server.url.Query()
	offer := []string{proto.Subprotocol}
	if isToken(session) {
		offer = append(offer, proto.SessionPrefix+session)
		session = ""
	}
	// The server refuses a session that cannot be in the list, and says why.
	for key, value := range map[string]string{"username": c.cfg.account.username, "session": session, "since": since} {
		if value != "" {
			q.Set(key, value)
		}
	}
	u.RawQuery = q.Encode()
	header := c.cfg.network.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return u.String(), &ws.DialOptions{HTTPClient: c.server.http, HTTPHeader: header, Subprotocols: offer}, nil
}

// isToken reports whether s may be in the list of subprotocols (RFC 9110, section 5.6.2).
// It allows fewer characters than the RFC, but all that a server's session can have.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || r == '-' || r == '_')
	})
}

// refusal returns the error of a handshake that failed. It leaves out the URL, which may
// contain secrets of the application.
func refusal(resp *http.Response, err error) error {
	var in *url.Error
	if errors.As(err, &in) {
		err = in.Err
	}
	switch {
	case resp == nil:
		return fmt.Errorf("client: %w", err)
	case resp.StatusCode == http.StatusSwitchingProtocols:
		return fmt.Errorf("client: the server does not speak WebSocket: %w", err)
	}
	e := &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	if e.Code, e.Message = serverWord(resp); e.Code == "" {
		e.Message = "the answer is not from a chat server: check the URL and the proxies before the server"
	}
	return e
}

// serverWord returns the code and message of a chat server's answer. The code is empty if
// the answer comes from something else, such as a proxy whose server is down or a captive
// portal. The library keeps only the beginning of a body, so the message may be cut off.
func serverWord(resp *http.Response) (code, message string) {
	d := json.NewDecoder(resp.Body)
	for _, want := range []json.Token{json.Delim('{'), "error", json.Delim('{'), "code"} {
		if t, err := d.Token(); err != nil || t != want {
			return "", ""
		}
	}
	if d.Decode(&code) != nil || !proto.Refuses(code, resp.StatusCode) {
		return "", ""
	}
	if t, err := d.Token(); err == nil && t == "message" {
		d.Decode(&message)
	}
	return code, message
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3). It returns 0 for a
// malformed one.
func retryAfter(s string) time.Duration {
	if s != "" && strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			n = math.MaxUint32 // there is no other error
		}
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(0, time.Until(t)), maxRetryAfter)
	}
	return 0
}

// maxRetryAfter bounds the time of Retry-After. A longer one hardly ever comes from the chat
// server itself.
const maxRetryAfter = time.Hour

// closed returns err as an Error if it has the server's close code.
func closed(err error) error {
	var ce ws.CloseError
	if errors.As(err, &ce) {
		return &Error{Close: int(ce.Code), Message: ce.Reason}
	}
	return err
}

// admit makes l the present connection, on which this was said first.
func (c *Conn) admit(l *link, first firstObject) error {
	w, r := first.Welcome, c.rooms.one
	c.mu.Lock()
	if err := c.err; err != nil {
		c.mu.Unlock()
		return err
	}
	c.self.welcome, c.link, c.out.plain = w, l, first.plain
	if w.Session != "" {
		c.self.session = w.Session
	}
	var gap *Gap
	if r != nil {
		gap = r.enterLocked(w, first.plain)
	}
	c.mu.Unlock()
	if r != nil {
		r.tell(gap)
	} else {
		c.cfg.logger.Debug("client: connected", "user", w.User)
	}
	if c.cfg.callbacks.connect != nil {
		c.cfg.callbacks.connect(w)
	}
	return nil
}
