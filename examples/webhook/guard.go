package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Who may name an address to send to could make the server ask its own network (SSRF). So the
// hosts are listed, an answer that leads elsewhere is not followed, and the address that a name
// stands for is looked at when the connection is made: a name may stand for another one then.

// inside are networks that are not the internet's, beside those that package netip knows: IANA's
// registries of special addresses (RFC 6890), and those that carry an IPv4 address inside.
var inside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"), netip.MustParsePrefix("fec0::/10"),
}

// public reports whether an address is one of the internet's.
func public(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(inside, func(p netip.Prefix) bool { return p.Contains(a) })
}

// onlyPublic is the Control of a net.Dialer: it refuses an address after its name was resolved.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return fmt.Errorf("%s is not an address of the internet", address)
	}
	return nil
}

// client returns what sends. It follows no redirect and uses no proxy of the environment.
func client(private bool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: onlyPublic}
	if private {
		dialer.Control = nil
	}
	return &http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 15 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, MaxConnsPerHost: 8, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
	}
}

// allowed checks the URL of a service. hosts are those that may be sent to; "" allows its own.
func allowed(to, hosts string, private bool) error {
	u, err := url.Parse(to)
	switch {
	case err != nil:
		return err
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("a service's URL has a host, and neither a user nor a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !private):
		return errors.New("a service's URL begins with https://")
	case hosts != "" && !slices.Contains(strings.Split(hosts, ","), strings.ToLower(u.Hostname())):
		return fmt.Errorf("%s is not one of -hosts", u.Hostname())
	}
	return nil
}
