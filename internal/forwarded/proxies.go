package forwarded

import (
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// unixProxy is the name of proxies that come over a Unix socket.
const unixProxy = "unix"

// MaxShown is the largest number of bytes of a request's text in one log line.
const MaxShown = 200

// Proxies are the trusted proxies.
type Proxies struct {
	nets []netip.Prefix
	unix bool
}

// ParseProxies reads addresses, networks and "unix".
func ParseProxies(names []string) (p Proxies, err error) {
	for _, name := range names {
		if name == unixProxy {
			p.unix = true
			continue
		}
		n, err := parsePrefix(name)
		if err != nil {
			return p, err
		}
		p.nets = append(p.nets, n)
	}
	return p, nil
}

// parsePrefix reads an address or network. IPv4 addresses may be written as IPv6.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is neither an address nor a network such as \"10.0.0.0/8\", nor %q", s, unixProxy)
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("%q is more than IPv4: write \"%v/%d\" or \"%v/%d\"", s, a.Unmap(), p.Bits()%33, a, 96+p.Bits()%33)
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// trusts reports whether n is a trusted proxy.
func (p *Proxies) trusts(n Node) bool {
	if n.Kind == Unix {
		return p.unix
	}
	for _, net := range p.nets {
		if n.Kind == Address && net.Contains(n.Addr) {
			return true
		}
	}
	return false
}

// remote returns the other end of the request's connection.
func remote(r *http.Request) Node {
	if n := ParseNode(r.RemoteAddr); n.Kind == Address {
		return n // middleware may have set it
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if r.RemoteAddr == "" || r.RemoteAddr[0] == '@' || r.RemoteAddr[0] == '/' || local != nil && strings.HasPrefix(local.Network(), "unix") {
		return Node{Kind: Unix}
	}
	return Node{}
}

// Client returns the client of r: the last node in X-Forwarded-For or Forwarded that is not
// a trusted proxy. If a header cannot be parsed, that is logged once, and the client is the
// proxy.
func (p *Proxies) Client(r *http.Request, log *logging.Logger) Node {
	peer := remote(r)
	if !p.trusts(peer) {
		return peer
	}
	x := p.path(r, log, peer, "X-Forwarded-For", XForwardedFor(r.Header.Values("X-Forwarded-For")))
	f := p.path(r, log, peer, "Forwarded", Forwarded(r.Header.Values("Forwarded")))
	switch c := x.Client; {
	case !f.Said:
		return c // of peer, if x says nothing either
	case !x.Said:
		return f.Client
	case samePlace(c, f.Client):
		return c
	}
	// A proxy sets one of the two headers, and passes on the other as the client has sent
	// it. Which one is not known.
	log.Once("disagree", slog.LevelWarn, "chat: X-Forwarded-For and Forwarded disagree, and the client is counted as the proxy: have the proxy remove the one that it does not set",
		"proxy", r.RemoteAddr, "x-forwarded-for", HeaderText(r, "X-Forwarded-For"), "forwarded", HeaderText(r, "Forwarded"))
	return peer
}

// path follows a header, and logs once if it cannot be parsed.
func (p *Proxies) path(r *http.Request, log *logging.Logger, peer Node, header string, hops iter.Seq[Hop]) Path {
	path := Follow(hops, peer, p.trusts)
	if path.Garbled != "" {
		log.Once("garbled", slog.LevelWarn, "chat: what a proxy says is not understood, and its clients are counted as the proxy",
			"proxy", r.RemoteAddr, "header", header, "value", strings.ToValidUTF8(proto.CutText(path.Garbled, MaxShown), "\uFFFD"))
	}
	return path
}

// HeaderText returns a header for a log line.
func HeaderText(r *http.Request, key string) string {
	return strings.ToValidUTF8(proto.CutText(strings.Join(r.Header.Values(key), ", "), MaxShown), "\uFFFD")
}

// Scheme returns what the client called the server by.
func (p *Proxies) Scheme(r *http.Request, log *logging.Logger) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	peer := remote(r)
	if !p.trusts(peer) {
		return scheme
	}
	x, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	x = webScheme(x)
	f := webScheme(Follow(Forwarded(r.Header.Values("Forwarded")), peer, p.trusts).Proto)
	switch {
	case f == "" && x == "":
		return scheme
	case f == "" || f == x:
		return x
	case x == "":
		return f
	}
	log.Once("disagree", slog.LevelWarn, "chat: X-Forwarded-Proto and Forwarded disagree, and neither is believed: have the proxy remove the one that it does not set",
		"proxy", r.RemoteAddr, "x-forwarded-proto", HeaderText(r, "X-Forwarded-Proto"), "forwarded", HeaderText(r, "Forwarded"))
	return scheme
}

// webScheme returns a scheme as pages have it; a proxy may know the connection by
// another name.
func webScheme(s string) string {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "ws":
		return "http"
	case "wss":
		return "https"
	}
	return s
}
