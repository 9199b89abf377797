package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// dialFrom opens a WebSocket through a proxy, from an address of this machine.
func dialFrom(t *testing.T, s *setup, from string, header http.Header) (*ws.Conn, int) {
	t.Helper()
	tr := &http.Transport{
		DialContext:     (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: s.pool},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, resp, err := ws.Dial(ctx, s.url+"/ws/general?username=A", &ws.DialOptions{
		HTTPClient: &http.Client{Transport: tr}, HTTPHeader: header, Subprotocols: []string{"chat.v1"},
	})
	if err != nil {
		if resp == nil {
			t.Fatal(err)
		}
		return nil, resp.StatusCode
	}
	t.Cleanup(func() { c.CloseNow() })
	if _, err := (member{c}).next(t, "welcome"); err != nil {
		t.Fatal(err)
	}
	return c, http.StatusSwitchingProtocols
}

// TestProxyClients checks limits by address behind each proxy. They must count the real clients,
// whatever addresses the clients claim. Over TLS, a page of the site itself may connect.
func TestProxyClients(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		var s setup
		serverPair(t, &s, "-max-connections-per-address", "1")
		s.crt, s.key, s.pool = certificate(t)
		p.run(t, &s)
		eventually(t, "served by the proxy", func() bool {
			c, status := dialFrom(t, &s, "127.0.0.9", nil)
			if c != nil {
				c.CloseNow()
			}
			return status == http.StatusSwitchingProtocols
		})
		// Each of the two servers accepts one connection from an address.
		let := 0
		for i := range 4 {
			// An address that only the client claims is not trusted.
			said := fmt.Sprintf("203.0.113.%d", i)
			if c, status := dialFrom(t, &s, "127.0.0.5", http.Header{
				"X-Forwarded-For": {said}, "X-Forwarded-Proto": {"http"}, "Forwarded": {"for=" + said + ";proto=http"},
				"Origin": {s.url}, // over https, so that X-Forwarded-Proto must be the proxy's
			}); c != nil {
				let++
			} else if status != http.StatusTooManyRequests {
				t.Errorf("connection %d of an address: %d", i, status)
			}
		}
		if let == 0 || let > 2 {
			t.Errorf("two servers accepted %d connections from one address", let)
		}
		if _, status := dialFrom(t, &s, "127.0.0.6", http.Header{"Origin": {strings.Replace(s.url, "https:", "http:", 1)}}); status != http.StatusForbidden {
			t.Errorf("a page without TLS: %d", status)
		}
		if c, status := dialFrom(t, &s, "127.0.0.6", http.Header{"Origin": {s.url}}); c == nil {
			t.Errorf("another address: %d", status)
		}
	})
}

// TestProxyIdle checks that the server's pings keep a silent connection open for longer than the
// proxy's timeout.
func TestProxyIdle(t *testing.T) {
	for i := range proxies {
		p := &proxies[i]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel() // the test mostly waits
			if p.short == nil {
				t.Run("without a timeout of its own", func(t *testing.T) { testIdle(t, p, time.Hour, false) })
				return
			}
			t.Run("with pings", func(t *testing.T) { testIdle(t, p, 500*time.Millisecond, false) })
			t.Run("without pings", func(t *testing.T) { testIdle(t, p, time.Hour, true) })
		})
	}
}

// testIdle keeps a connection silent for three times the proxy's timeout of 2 s.
func testIdle(t *testing.T, p *proxy, ping time.Duration, lost bool) {
	srv := chat.New(chat.WithPing(ping, patience), chat.WithLogger(slog.New(slog.DiscardHandler)))
	hs := httptest.NewServer(srv)
	t.Cleanup(func() { srv.Close(); hs.Close() })
	addr := strings.TrimPrefix(hs.URL, "http://")
	probes := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(probes.Close)
	s := setup{servers: [2]string{addr, addr}, health: probes.URL[strings.LastIndexByte(probes.URL, ':')+1:]}
	s.replace = p.short
	p.run(t, &s)
	served(t, &s)
	m, err := join(t, s.url, "general", "Silent", nil)
	if err != nil {
		t.Fatal(err)
	}
	// The client answers pings while it reads.
	heard := make(chan error, 1)
	go func() { // ends with the connection or the message
		o, err := m.next(t, "message")
		if err == nil && o.Message != "still here" {
			err = fmt.Errorf("a message %q", o.Message)
		}
		heard <- err
	}()
	select {
	case err := <-heard:
		if !lost {
			t.Errorf("during the silence: %v", err)
		}
		return
	case <-time.After(6 * time.Second):
	}
	if lost { // the proxy may be slow to notice, but it must
		if err := <-heard; err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Error("the proxy's timeout does not end a silent connection without pings")
		}
		return
	}
	m.say(t, "still here")
	if err := <-heard; err != nil {
		t.Errorf("after the silence: %v", err)
	}
}
