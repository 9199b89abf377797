package origin

import "fmt"

// A Policy says which pages may connect, in addition to pages of the server's own origin.
type Policy struct{ patterns []Pattern }

// ParsePolicy reads patterns. A pattern that no origin can match is an error.
func ParsePolicy(patterns []string) (p Policy, err error) {
	for _, s := range patterns {
		pattern, err := ParsePattern(s)
		if err != nil {
			return p, fmt.Errorf("nothing matches %q: %v", s, err)
		}
		p.patterns = append(p.patterns, pattern)
	}
	return p, nil
}

// Any reports whether the policy has a pattern.
func (p *Policy) Any() bool { return len(p.patterns) > 0 }

// Check reports whether a request's origin is allowed: origins are its Origin headers, own
// is the server's origin as the client knows it. A browser sends exactly one Origin with
// every WebSocket handshake (RFC 6455, section 10.2); other clients need not send one.
// cross is the origin if it is not the server's own.
func (p *Policy) Check(origins []string, own string) (cross string, ok bool) {
	if len(origins) == 0 {
		return "", true
	}
	if len(origins) > 1 {
		return "", false
	}
	o, err := Parse(origins[0])
	if err == nil {
		if own, err := Parse(own); err == nil && own == o {
			return "", true
		}
	}
	for i := range p.patterns {
		if q := &p.patterns[i]; q.Any || err == nil && q.Matches(&o) {
			return origins[0], true
		}
	}
	return "", false
}
