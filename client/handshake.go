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

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// connect makes a connection, up to the welcome.
func (c *Conn) connect(ctx context.Context) (*link, error) {
	l, err := c.handshake(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return l, err
}

func (c *Conn) handshake(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.timeout)
	defer cancel()
	u, opts, err := c.request(ctx)
	if err != nil {
		return nil, err
	}
	conn, resp, err := ws.Dial(ctx, u, opts)
	if err != nil {
		return nil, refusal(resp, err)
	}
	conn.SetReadLimit(-1) // link.read has a limit of its own
	l := &link{c: c, conn: conn, began: time.Now()}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	fail := func(err error) (*link, error) {
		l.cancel(err)
		conn.CloseNow()
		return nil, err
	}
	if conn.Subprotocol() != subprotocol {
		return fail(ErrProtocol)
	}
	b, err := l.read(ctx)
	if err != nil {
		return fail(closed(err))
	}
	var w struct {
		Type string    `json:"type"`
		Time time.Time `json:"time"` // of the last entry
		Welcome
	}
	if err := json.Unmarshal(b, &w); err != nil || w.Type != TypeWelcome || w.Position.Epoch == "" {
		return fail(fmt.Errorf("%w: it does not begin with a welcome", ErrProtocol))
	}
	w.Position.Time = max(0, w.Time.UnixMilli())
	if err := c.admit(l, w.Welcome); err != nil {
		return fail(err)
	}
	return l, nil
}

// request returns the URL of a handshake, and what else is in it. The session is
// offered beside the subprotocol: proxies log URLs.
func (c *Conn) request(ctx context.Context) (string, *ws.DialOptions, error) {
	c.mu.Lock()
	token, session, since := c.token, c.session, c.place
	c.mu.Unlock()
	if c.cfg.source != nil {
		var err error
		if token, err = c.cfg.source(ctx); err != nil {
			return "", nil, fmt.Errorf("client: no token: %w", err)
		}
	}
	u, q := c.url, c.url.Query()
	offer := []string{subprotocol}
	if isToken(session) {
		offer = append(offer, "session."+session)
		session = ""
	}
	// A session that cannot be in the list is none of a server's: it will say so.
	for key, value := range map[string]string{"username": c.cfg.username, "session": session, "since": since.String()} {
		if value != "" {
			q.Set(key, value)
		}
	}
	u.RawQuery = q.Encode()
	header := c.cfg.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return u.String(), &ws.DialOptions{HTTPClient: c.http, HTTPHeader: header, Subprotocols: offer}, nil
}

// isToken reports whether s can stand in the list of subprotocols (RFC 9110,
// section 5.6.2; the server's secrets have no other characters than these).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || r == '-' || r == '_')
	})
}

// refusal returns the error of a handshake that failed. The URL, which may have
// secrets of the application in it, is not part of it.
func refusal(resp *http.Response, err error) error {
	var in *url.Error
	if errors.As(err, &in) {
		err = in.Err
	}
	switch {
	case resp == nil:
		return fmt.Errorf("client: %w", err)
	case resp.StatusCode == http.StatusSwitchingProtocols:
		return fmt.Errorf("client: what answers does not speak WebSocket: %w", err)
	}
	e := &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	if e.Code, e.Message = serverWord(resp); e.Code == "" {
		e.Message = "this is no answer of a chat server: is there something before it, or the URL wrong?"
	}
	return e
}

// refusals are the codes with which a server refuses a handshake for good, each
// with its status: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
var refusals = map[string]int{
	CodeBadRequest: 400, "bad_room": 400, "bad_name": 400,
	"unauthorized": 401,
	CodeForbidden:  403,
	"not_found":    404, "method_not_allowed": 405, "upgrade_required": 426,
	"too_many": 429, "internal": 500, CodeUnavailable: 503,
}

// serverWord returns the code and message of a chat server's answer, or no code if
// it is somebody else's: a proxy's while the server is away, a captive portal's.
// The library keeps only the beginning of a body, so the message may be cut off.
func serverWord(resp *http.Response) (code, message string) {
	d := json.NewDecoder(resp.Body)
	for _, want := range []json.Token{json.Delim('{'), "error", json.Delim('{'), "code"} {
		if t, err := d.Token(); err != nil || t != want {
			return "", ""
		}
	}
	if d.Decode(&code) != nil || refusals[code] != resp.StatusCode && !(code == "internal" && resp.StatusCode == 501) {
		return "", ""
	}
	if t, err := d.Token(); err == nil && t == "message" {
		d.Decode(&message)
	}
	return code, message
}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3).
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

// maxRetryAfter bounds what Retry-After may ask for, which is seldom the chat
// server's own word when it is long.
const maxRetryAfter = time.Hour

// stayHome lets a handshake be redirected on its host, as from http to https, but
// nowhere else: whatever is there must not see the credentials.
func stayHome(next func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		from := via[len(via)-1].URL
		safe := r.URL.Scheme == from.Scheme && r.URL.Host == from.Host ||
			r.URL.Scheme == "https" && from.Scheme == "http" && r.URL.Hostname() == from.Hostname()
		if !safe || len(via) >= 10 {
			return http.ErrUseLastResponse
		}
		if next != nil {
			return next(r, via)
		}
		return nil
	}
}

// closed returns err as an Error if it carries the server's close code.
func closed(err error) error {
	var ce ws.CloseError
	if errors.As(err, &ce) {
		return &Error{Close: int(ce.Code), Message: ce.Reason}
	}
	return err
}

// admit makes l the present connection, and works out what w means for the place
// that the Conn has reached.
func (c *Conn) admit(l *link, w Welcome) error {
	c.mu.Lock()
	if err := c.err; err != nil {
		c.mu.Unlock()
		return err
	}
	l.at = w.Position
	l.skipping = c.queue.full()
	var gap *Gap
	switch {
	case c.place != (chat.Position{}):
		if !w.Resumed || l.at.Epoch != c.place.Epoch {
			gap = &Gap{c.place, w.Position}
		}
		// In a log that ends before the place, offsets are given again.
		if l.at.Epoch == c.place.Epoch && c.place.Offset <= l.at.Offset {
			l.had = c.place.Offset
		} else {
			l.known = c.recent.all()
		}
	case c.joined == (chat.Position{}):
		c.joined = w.Position
	case (c.joined.Epoch != l.at.Epoch || c.joined.Offset != l.at.Offset) && !l.skipping:
		// The first connection was lost before it gave anything, and what it
		// would have given is not known.
		gap = &Gap{c.joined, w.Position}
		c.joined = w.Position
	}
	c.welcome, c.link = w, l
	if w.Session != "" {
		c.session = w.Session
	}
	if l.at.Offset == 0 {
		l.reachedLocked(l.at) // nothing can come before the first offset
	}
	if !l.skipping && !c.cfg.noEvents {
		if gap != nil {
			c.queue.push(Event{Event: chat.Event{Type: TypeGap}, Position: c.place, Gap: gap})
		}
		c.queue.push(Event{Event: chat.Event{Type: TypeWelcome}, Position: c.place, Live: true, Welcome: &w})
		c.changedLocked()
	}
	skipping := l.skipping
	c.mu.Unlock()
	c.cfg.logger.Debug("client: connected", "room", c.room, "user", w.User)
	if gap != nil && !skipping && c.cfg.onGap != nil {
		c.cfg.onGap(*gap)
	}
	if c.cfg.onConnect != nil {
		c.cfg.onConnect(w)
	}
	return nil
}
