package chat

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// unixProxy is the name of proxies that come over a Unix socket.
const unixProxy = "unix"

// mustPrefix parses an address or network and panics if it is neither. IPv4
// addresses may be written as IPv6.
func mustPrefix(s string) netip.Prefix {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		panic(fmt.Sprintf("chat: WithTrustedProxies: %q is neither an address nor a network such as \"10.0.0.0/8\", nor %q", s, unixProxy))
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			panic(fmt.Sprintf("chat: WithTrustedProxies: %q is more than IPv4: write \"%v/%d\" or \"%v/%d\"", s, a.Unmap(), p.Bits()%33, a, 96+p.Bits()%33))
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// trusts reports whether n is a proxy whose word counts.
func (s *Server) trusts(n forwarded.Node) bool {
	if n.Kind == forwarded.Unix {
		return s.trust.unix
	}
	for _, p := range s.trust.proxies {
		if n.Kind == forwarded.Address && p.Contains(n.Addr) {
			return true
		}
	}
	return false
}

// remote returns the other end of the request's connection.
func remote(r *http.Request) forwarded.Node {
	if n := forwarded.ParseNode(r.RemoteAddr); n.Kind == forwarded.Address {
		return n // middleware may have set it
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if r.RemoteAddr == "" || r.RemoteAddr[0] == '@' || r.RemoteAddr[0] == '/' || local != nil && strings.HasPrefix(local.Network(), "unix") {
		return forwarded.Node{Kind: forwarded.Unix}
	}
	return forwarded.Node{}
}

// clientNet returns what a client is counted by. Of X-Forwarded-For or Forwarded,
// the last node counts that no trusted proxy is.
func (s *Server) clientNet(r *http.Request) limit.Place {
	peer := remote(r)
	if !s.trusts(peer) {
		return limit.PlaceOf(peer)
	}
	x := s.path(r, peer, "X-Forwarded-For", forwarded.XForwardedFor(r.Header.Values("X-Forwarded-For")))
	f := s.path(r, peer, "Forwarded", forwarded.Forwarded(r.Header.Values("Forwarded")))
	switch c := limit.PlaceOf(x.Client); {
	case !f.Said:
		return c // of peer, if x says nothing either
	case !x.Said:
		return limit.PlaceOf(f.Client)
	case c == limit.PlaceOf(f.Client):
		return c
	}
	// A proxy sets one of the two and passes on the other, as the client has sent
	// it. Nobody says which.
	s.logger.Once("disagree", slog.LevelWarn, "chat: X-Forwarded-For and Forwarded disagree, and the client is counted as the proxy: have the proxy remove the one that it does not set",
		"proxy", r.RemoteAddr, "x-forwarded-for", headerText(r, "X-Forwarded-For"), "forwarded", headerText(r, "Forwarded"))
	return limit.PlaceOf(peer)
}

// path follows what a header says, and logs once that it is not understood.
func (s *Server) path(r *http.Request, peer forwarded.Node, header string, hops func(func(forwarded.Hop) bool)) forwarded.Path {
	p := forwarded.Follow(hops, peer, s.trusts)
	if p.Garbled != "" {
		s.logger.Once("garbled", slog.LevelWarn, "chat: what a proxy says is not understood, and its clients are counted as the proxy",
			"proxy", r.RemoteAddr, "header", header, "value", strings.ToValidUTF8(proto.CutText(p.Garbled, maxShown), "\uFFFD"))
	}
	return p
}

// headerText is a header as a line of the log shows it.
func headerText(r *http.Request, key string) string {
	return strings.ToValidUTF8(proto.CutText(strings.Join(r.Header.Values(key), ", "), maxShown), "\uFFFD")
}

// scheme returns what the client called the server by.
func (s *Server) scheme(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	peer := remote(r)
	if !s.trusts(peer) {
		return scheme
	}
	x, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	x = webScheme(x)
	f := webScheme(forwarded.Follow(forwarded.Forwarded(r.Header.Values("Forwarded")), peer, s.trusts).Proto)
	switch {
	case f == "" && x == "":
		return scheme
	case f == "" || f == x:
		return x
	case x == "":
		return f
	}
	s.logger.Once("disagree", slog.LevelWarn, "chat: X-Forwarded-Proto and Forwarded disagree, and neither is believed: have the proxy remove the one that it does not set",
		"proxy", r.RemoteAddr, "x-forwarded-proto", headerText(r, "X-Forwarded-Proto"), "forwarded", headerText(r, "Forwarded"))
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
