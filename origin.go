package chat

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// originPattern is an origin (RFC 6454) as WithOriginPatterns takes it.
type originPattern struct {
	any          bool // "*"
	scheme, port string
	host         string // without the "*." of a pattern that has it
	wild         bool
}

// mustOriginPattern parses a pattern and panics if it is none.
func mustOriginPattern(s string) originPattern {
	if s == "*" {
		return originPattern{any: true}
	}
	o, err := parseOrigin(strings.Replace(s, "//*.", "//", 1))
	if err != nil {
		panic(fmt.Sprintf("chat: origin pattern %q: %v", s, err))
	}
	o.wild = strings.Contains(s, "//*.")
	return o
}

// parseOrigin reads scheme://host or scheme://host:port, and nothing after it.
func parseOrigin(s string) (o originPattern, err error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return o, err
	case u.Scheme == "" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#"):
		return o, fmt.Errorf("not of the form scheme://host")
	case strings.ContainsAny(u.Host, "*%\\ "):
		return o, fmt.Errorf("bad host")
	}
	o.scheme, o.host = strings.ToLower(u.Scheme), strings.ToLower(u.Hostname())
	o.port = portOf(o.scheme, u.Port())
	return o, nil
}

// portOf returns the port, or the one that the scheme implies.
func portOf(scheme, port string) string {
	if port != "" {
		return port
	}
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

func (p *originPattern) matches(o *originPattern) bool {
	if p.any {
		return true
	}
	if p.scheme != o.scheme || p.port != o.port {
		return false
	}
	if !p.wild {
		return p.host == o.host
	}
	label, rest, ok := strings.Cut(o.host, ".")
	return ok && label != "" && rest == p.host
}

// checkOrigin reports whether the request may come from where it does. A browser
// sends exactly one Origin with every WebSocket handshake (RFC 6455, section
// 10.2); what is no browser need not send any. cross is the origin if it is not
// the server's own.
func (s *Server) checkOrigin(r *http.Request) (cross string, ok bool) {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return "", true
	}
	if len(origins) > 1 {
		return "", false
	}
	o, err := parseOrigin(origins[0])
	if err == nil {
		own, err := parseOrigin(s.scheme(r) + "://" + r.Host)
		if err == nil && own.matches(&o) {
			return "", true
		}
	}
	for i := range s.origins {
		if p := &s.origins[i]; p.any || err == nil && p.matches(&o) {
			return origins[0], true
		}
	}
	return "", false
}

// scheme returns what the client called the server by.
func (s *Server) scheme(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if p := r.Header.Get("X-Forwarded-Proto"); p != "" && s.proxied(r) {
		p, _, _ = strings.Cut(p, ",")
		scheme = strings.ToLower(strings.TrimSpace(p))
	}
	switch scheme { // a proxy may know the connection by its own name
	case "ws":
		return "http"
	case "wss":
		return "https"
	}
	return scheme
}

// mustPrefix parses an address or network and panics if it is neither.
func mustPrefix(s string) netip.Prefix {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		panic(fmt.Sprintf("chat: %q is neither an address nor a network", s))
	}
	return p.Masked()
}

func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// remoteAddr returns the address of the connection's other end; not valid if it
// has none, as a Unix socket's.
func remoteAddr(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, _ := netip.ParseAddr(host)
	return a.Unmap().WithZone("")
}

func (s *Server) proxied(r *http.Request) bool { return s.trusts(remoteAddr(r)) }

// clientNet returns what a client is counted by: its address, or the /64 that an
// IPv6 address is from. Of X-Forwarded-For, the last address counts that no
// trusted proxy has: those before it are only said by the client.
func (s *Server) clientNet(r *http.Request) netip.Prefix {
	a := remoteAddr(r)
	if s.trusts(a) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0; i-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			if a = hop.Unmap().WithZone(""); !s.trusts(a) {
				break
			}
		}
	}
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
