package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// canonicalHost returns a host as browsers write it in an Origin: in lower case,
// IDNs in punycode, IPv6 addresses in their short form with brackets. web says
// that it is one of http or https.
func canonicalHost(host string, web bool) (string, error) {
	if strings.HasPrefix(host, "[") {
		a, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !a.Is6() || a.Zone() != "" {
			return "", errors.New("there is no IPv6 address in the brackets; a zone does not belong there either")
		}
		return "[" + a.String() + "]", nil
	}
	host, err := toASCII(host)
	if err != nil {
		return "", err
	}
	for _, r := range host {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.':
		case r == '~' && !web:
		case r == '*':
			return "", errors.New(`"*" stands for the whole first label of a host and nothing else, as in "https://*.example.com"`)
		default:
			return "", fmt.Errorf("a host has no %q", r)
		}
	}
	if !web {
		return host, nil // app://. and app://- are hosts of Electron
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return "", errors.New("each label of a host has 1 to 63 characters")
		}
	}
	if len(host) > 254 {
		return "", errors.New("a host has at most 253 characters")
	}
	return host, checkNumeric(host, labels[len(labels)-1])
}

// checkNumeric refuses hosts that browsers take for IPv4 addresses and write in
// another way (WHATWG URL, "ends in a number").
func checkNumeric(host, last string) error {
	hex := strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == ""
	if !hex && strings.Trim(last, "0123456789") != "" {
		return nil
	}
	if a, err := netip.ParseAddr(host); err != nil || !a.Is4() {
		return errors.New("a host that ends in a number is an IPv4 address: write its four decimal numbers, and no \"*\"")
	}
	return nil
}

// toASCII folds a host's letters and writes its labels that have others than
// ASCII's in punycode, as UTS #46 does for registered names (nontransitional).
func toASCII(host string) (string, error) {
	if isASCII(host) {
		return strings.ToLower(host), nil
	}
	host = norm.NFKC.String(strings.ReplaceAll(host, "İ", "i̇"))
	host = norm.NFKC.String(strings.ToLower(host))
	host = strings.Map(func(r rune) rune {
		switch {
		case r == '。': // U+3002; NFKC makes it of U+FF61, and a full stop of U+FF0E
			return '.'
		case r == 0xad, r == 0x200b, r == 0x2060, r == 0xfeff, r >= 0xfe00 && r <= 0xfe0f:
			return -1 // an invisible character
		}
		return r
	}, host)
	labels := strings.Split(host, ".")
	for i, l := range labels {
		if isASCII(l) {
			continue
		}
		if strings.HasPrefix(l, "xn--") {
			return "", errors.New("a label is in punycode or in Unicode, not in both")
		}
		if len(l) > 256 { // the work grows with the square
			return "", errors.New("a label of the host is too long")
		}
		p, ok := punycode(l)
		if !ok || strings.ContainsRune(l, '\uFFFD') {
			return "", errors.New("a label of the host is no text")
		}
		labels[i] = "xn--" + p
	}
	return strings.Join(labels, "."), nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// canonicalPort returns a port as browsers write it: without zeros before it, and
// not at all if the scheme implies it.
func canonicalPort(scheme, port string) (string, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '+' {
		return "", errors.New(`a port is a number from 1 to 65535, and "*" does not stand for any: name each`)
	}
	if scheme == "http" && n == 80 || scheme == "https" && n == 443 {
		return "", nil
	}
	return strconv.FormatUint(n, 10), nil
}
