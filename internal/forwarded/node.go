// Package forwarded reads what proxies say of the clients behind them:
// X-Forwarded-For, and Forwarded (RFC 7239).
package forwarded

import (
	"net/netip"
	"strings"
)

// Kind is what a Node is.
type Kind byte

// The kinds of nodes (RFC 7239, section 6), and of what comes in place of one.
const (
	Garbled Kind = iota // not understood
	Address             // an IP address
	Hidden              // an identifier of the proxy's own, as "_abc"
	Unknown             // the proxy does not know it, or does not say it
	Unix                // the other end of a Unix socket
)

// Node is one end of a connection.
type Node struct {
	Kind Kind
	Addr netip.Addr // of an Address: without a zone, IPv4 as IPv4
	ID   string     // of a Hidden
}

// Net returns what an Address is counted by: the IPv4 address, or the /64 that an IPv6
// address is from.
func (n Node) Net() netip.Prefix {
	bits := n.Addr.BitLen()
	if n.Addr.Is6() {
		bits = 64
	}
	net, _ := n.Addr.Prefix(bits)
	return net
}

// samePlace reports whether connections of a and b are counted together.
func samePlace(a, b Node) bool { return a.Kind == b.Kind && a.ID == b.ID && a.Net() == b.Net() }

// ParseNode reads a node: an address with or without a port, a zone, brackets or
// quotes, "unknown", or "_" with an identifier. A proxy that was reached over a
// Unix socket writes "unix:".
func ParseNode(s string) Node {
	s = strings.Trim(s, " \t")
	if n := len(s); n > 1 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		s = strings.Trim(s[1:n-1], " \t")
	}
	if strings.HasPrefix(s, "[") {
		host, port, ok := strings.Cut(s[1:], "]")
		if !ok || port != "" && (port[0] != ':' || !isPort(port[1:])) {
			return Node{}
		}
		return address(host)
	}
	if s == "unix" || strings.HasPrefix(s, "unix:") {
		return Node{Kind: Unix}
	}
	if n := address(s); n.Kind == Address {
		return n
	}
	i := strings.LastIndexByte(s, ':')
	host, port := s, ""
	if i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	switch {
	case !isPort(port):
		return Node{}
	case strings.EqualFold(host, "unknown"):
		return Node{Kind: Unknown}
	case len(host) > 1 && host[0] == '_' && isObfuscated(host[1:]):
		return Node{Kind: Hidden, ID: host}
	}
	return address(host) // "192.0.2.1:80", and eight groups with a port after them
}

func address(s string) Node {
	s, zone, has := strings.Cut(s, "%")
	a, err := netip.ParseAddr(s)
	if err != nil || has && strings.ContainsAny(zone, " \t\"',;[]") {
		return Node{}
	}
	return Node{Kind: Address, Addr: a.Unmap()}
}

// isPort reports whether s is a port, one that is hidden ("_x"), or nothing.
func isPort(s string) bool {
	if len(s) > 1 && s[0] == '_' {
		return isObfuscated(s[1:])
	}
	return len(s) <= 5 && strings.Trim(s, "0123456789") == ""
}

func isObfuscated(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-') {
			return false
		}
	}
	return true
}
