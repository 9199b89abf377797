package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Connect opens a connection for many rooms. server is the URL at which the server's handler
// is mounted, such as "https://example.com/chat"; ws and wss mean http and https, and
// parameters are kept. Connect returns when the server has admitted the user. The Conn is in
// no room then: see [Conn.Join].
//
// Connect fails when its first attempt fails (see [WithDialRetry]), with an [Error] if the
// server has refused the user, or when ctx ends. A server of a version without rooms that
// share a connection answers with Status 404. After Connect has returned, ctx has no effect:
// the Conn stays connected until Close is called or the server refuses it for good.
func Connect(ctx context.Context, server string, opts ...Option) (*Conn, error) {
	c, err := newConn(server, "/ws", opts)
	if err != nil {
		return nil, err
	}
	if err := c.dial(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Dial joins one room over a connection of its own, which works with every chat.v1 server.
// It is like [Connect] followed by [Conn.Join], and fails as they do. Closing the Room ends
// the connection.
func Dial(ctx context.Context, server, room string, opts ...Option) (*Room, error) {
	if err := checkName(room); err != nil {
		return nil, err
	}
	c, err := newConn(server, "/ws/"+url.PathEscape(room), opts)
	if err != nil {
		return nil, err
	}
	c.cfg.logger = c.cfg.logger.With("room", room)
	r := newRoom(c, room, c.cfg)
	c.rooms.one = r
	c.rooms.add(r)
	if err := c.dial(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// newConn returns a Conn whose WebSocket has this path, in its escaped form, on the server.
func newConn(base, path string, opts []Option) (*Conn, error) {
	cfg := defaults()
	for _, o := range opts {
		o(&cfg)
	}
	u, err := socketURL(base, path)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		cfg:    cfg,
		server: server{url: *u},
		life:   life{done: make(chan struct{})},
		work:   make(chan struct{}, 1),
		pace:   newPace(cfg.retry.first, cfg.retry.most),
		self:   self{session: cfg.account.session, token: cfg.account.token},
		rooms:  rooms{byName: map[string]*Room{}},
		out:    outbox{byKey: map[callKey]*call{}, window: maxWindow},
	}
	c.server.http, c.server.idle = cfg.network.httpClient()
	c.life.ctx, c.life.stop = context.WithCancel(context.Background())
	return c, nil
}

// dial makes the first connection, and starts what keeps the Conn connected.
func (c *Conn) dial(ctx context.Context) error {
	l, err := c.connect(ctx)
	for err != nil && c.cfg.retry.dial && !c.final(err) && c.retry(ctx, err, nil) {
		l, err = c.connect(ctx)
	}
	if cause := ctx.Err(); err != nil && cause != nil && err != cause {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if err != nil {
		c.life.stop()
		c.server.idle()
		return err
	}
	go c.run(l) // ends with the Conn; Close waits for it
	return nil
}

// checkName returns an error for what no server takes for the name of a room.
func checkName(room string) error {
	if room == "" || room == "." || room == ".." || !utf8.ValidString(room) {
		return fmt.Errorf("client: %q cannot be the name of a room", room)
	}
	return nil
}

// socketURL returns the URL of a WebSocket of the server. path is in its escaped form.
func socketURL(server, path string) (*url.URL, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = "http"
	case "wss", "https":
		u.Scheme = "https"
	default:
		return nil, errors.New("client: the scheme of the server's URL must be https, wss, http or ws")
	}
	if u.Host == "" {
		return nil, errors.New("client: the server's URL has no host")
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	raw := strings.TrimSuffix(u.EscapedPath(), "/") + path
	u.Path = strings.TrimSuffix(u.Path, "/") + plain
	u.RawPath, u.Fragment, u.RawFragment = raw, "", ""
	return u, nil
}

// httpClient returns the client for handshakes, and what closes its idle connections.
func (n *network) httpClient() (*http.Client, func()) {
	if n.client != nil {
		h := *n.client
		h.CheckRedirect = stayHome(h.CheckRedirect)
		return &h, func() {}
	}
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	if n.dialer != nil {
		t.DialContext = n.dialer
	}
	return &http.Client{Transport: t, CheckRedirect: stayHome(nil)}, t.CloseIdleConnections
}

// stayHome follows redirects of a handshake on its own host, for example from http to
// https, but to no other host, which must not see the credentials.
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
