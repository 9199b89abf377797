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

// Dial joins a room. server is the URL at which the server's handler is mounted, such as
// "https://example.com/chat"; ws and wss mean http and https, and parameters are kept.
// Dial returns when the server has admitted the Conn. It fails when its first attempt
// fails (see [WithDialRetry]), with an [Error] if the server has refused it, or when ctx
// ends. After Dial has returned, ctx has no effect: the Conn stays connected until Close
// is called or the server refuses it for good.
func Dial(ctx context.Context, server, room string, opts ...Option) (*Conn, error) {
	cfg := defaults()
	for _, o := range opts {
		o(&cfg)
	}
	c, err := newConn(cfg, server, room)
	if err != nil {
		return nil, err
	}
	l, err := c.connect(ctx)
	for err != nil && cfg.retry.dial && !c.final(err) && c.retry(ctx, err, nil) {
		l, err = c.connect(ctx)
	}
	if cause := ctx.Err(); err != nil && cause != nil && err != cause {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if err != nil {
		c.life.stop()
		c.server.idle()
		return nil, err
	}
	go c.run(l) // ends with the Conn; Close waits for it
	return c, nil
}

func newConn(cfg config, base, room string) (*Conn, error) {
	u, err := roomURL(base, room)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		cfg:    cfg,
		server: server{url: *u, room: room},
		life:   life{done: make(chan struct{})},
		work:   make(chan struct{}, 1),
		pace:   newPace(cfg.retry.first, cfg.retry.most),
		self:   self{session: cfg.account.session, token: cfg.account.token},
		place:  place{at: cfg.account.since},
		queue:  queue{maxEvents: cfg.buffer.events, maxBytes: cfg.buffer.bytes},
		out:    outbox{byID: map[string]*call{}, window: maxWindow},
	}
	c.server.http, c.server.idle = cfg.network.httpClient()
	c.life.ctx, c.life.stop = context.WithCancel(context.Background())
	return c, nil
}

// roomURL returns the URL of a room's WebSocket.
func roomURL(server, room string) (*url.URL, error) {
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
	if room == "" || room == "." || room == ".." || !utf8.ValidString(room) {
		return nil, fmt.Errorf("client: %q cannot be the name of a room", room)
	}
	raw := strings.TrimSuffix(u.EscapedPath(), "/") + "/ws/" + url.PathEscape(room)
	u.Path = strings.TrimSuffix(u.Path, "/") + "/ws/" + room
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
