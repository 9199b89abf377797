package forwarded

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func addr(s string) Node { return Node{Kind: Address, Addr: netip.MustParseAddr(s)} }

func TestParseNode(t *testing.T) {
	v4, v6 := addr("203.0.113.7"), addr("2001:db8::1")
	for s, want := range map[string]Node{
		"203.0.113.7":                 v4,
		" 203.0.113.7\t":              v4,
		"203.0.113.7:5000":            v4,
		"203.0.113.7:":                v4,
		"203.0.113.7:_hidden":         v4,
		"[203.0.113.7]:5000":          v4,
		"[203.0.113.7]":               v4,
		`"203.0.113.7:5000"`:          v4,
		"'203.0.113.7'":               v4,
		"203.0.113.7%eth0":            v4,
		"::ffff:203.0.113.7":          v4,
		"[::FFFF:203.0.113.7%eth0]:1": v4,
		"2001:db8::1":                 v6,
		"[2001:db8::1]":               v6,
		"[2001:DB8::1]:5000":          v6,
		`"[2001:db8::1%25en0]:_p"`:    v6,
		"2001:db8:0:0:0:0:0:1:5000":   v6,
		"2001:db8::1%en0":             v6,
		"unknown":                     {Kind: Unknown},
		"UNKNOWN:80":                  {Kind: Unknown},
		"_hidden":                     {Kind: Hidden, ID: "_hidden"},
		"_SEVKISEK.a-b:80":            {Kind: Hidden, ID: "_SEVKISEK.a-b"},
		"unix:":                       {Kind: Unix},
		"unix:/run/x.sock":            {Kind: Unix},
		"":                            {}, "-": {}, "_": {}, ":80": {}, "[": {}, "[]": {}, "[2001:db8::1": {}, "2001:db8::1]": {}, `"203.0.113.7`: {}, `203.0.113.7"`: {},
		"203.0.113.7:port": {}, "203.0.113.7:123456": {}, "203.0.113": {}, "203.0.113.256": {}, "010.0.0.1": {}, "[::1]80": {}, "[::1]:x": {}, "localhost": {}, "203.0.113.7 10.0.0.1": {},
		"_a b": {}, "_é": {}, "unknown unknown": {}, "http://203.0.113.7": {}, "203.0.113.7/24": {},
	} {
		if got := ParseNode(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

func TestForwarded(t *testing.T) {
	v4, v6 := addr("192.0.2.60"), addr("2001:db8:cafe::17")
	for line, want := range map[string]Hop{
		`for="_gazonk"`:                                         {For: Node{Kind: Hidden, ID: "_gazonk"}},
		`For="[2001:db8:cafe::17]:4711"`:                        {For: v6},
		`for=192.0.2.60;proto=http;by=203.0.113.43`:             {For: v4, Proto: "http"},
		`host="a;b, c=\"d\"" ; PROTO="HTTPS" ; FOR=192.0.2.60;`: {For: v4, Proto: "https"},
		`by=_x;for="\1\9\2.0.2.60:80"`:                          {For: v4},
		`for=[2001:db8:cafe::17]:80`:                            {For: v6},
		`for=2001:db8:cafe::17`:                                 {For: v6},
		`for=unknown;secret="\\"`:                               {For: Node{Kind: Unknown}},
		`for=192.0.2.60;ext=a=b`:                                {For: v4},
		`for=192.0.2.60;for=192.0.2.60`:                         {},
		`for`:                                                   {},
		`=192.0.2.60`:                                           {},
		`for=`:                                                  {},
		`for=""`:                                                {},
		`for="192.0.2.60`:                                       {},
		`for=192.0.2.60"`:                                       {},
		`for="192.0.2.60"x`:                                     {},
		`for=192.0.2.60 proto=http`:                             {},
		`for=192.0.2.60;"`:                                      {},
		`for=192.0.2.60;proto="`:                                {},
		strings.Repeat("a=b;", 1<<10) + "for=192.0.2.60":        {},
	} {
		var got []Hop
		for h := range Forwarded([]string{line}) {
			h.Text = ""
			got = append(got, h)
		}
		want.Said = true
		if !slices.Equal(got, []Hop{want}) {
			t.Errorf("%.60s: %v, want %v", line, got, want)
		}
	}
	var all []string
	for h := range Forwarded([]string{`for=1.1.1.1, for="2.2.2.2"`, "", `, ,for=3.3.3.3;host="a,b\",c" , proto=https,`}) {
		if h.Said {
			all = append(all, h.For.Addr.String())
		} else {
			all = append(all, h.Proto)
		}
	}
	if want := "https 3.3.3.3 2.2.2.2 1.1.1.1"; strings.Join(all, " ") != want {
		t.Errorf("several lines: %v, want %s", all, want)
	}
}

// A client sends lines of its own through a proxy. The proxy appends its entry to the last line,
// or in a new line. The client must always be the address that the proxy has seen.
func FuzzAppended(f *testing.F) {
	for _, s := range []string{
		"198.51.100.1", "198.51.100.1,", `for=198.51.100.1;by="`, `for=198.51.100.1;by="\`, `for=198.51.100.1;x="\\`, `"`, `\"`, "unknown", ";", "for=", "10.0.0.9", "\x00", "for=10.0.0.9, \"",
	} {
		f.Add(s)
	}
	proxy := addr("10.0.0.1")
	trusted := func(n Node) bool { return n.Kind == Address && n.Addr.Is4() && n.Addr.As4()[0] == 10 }
	f.Fuzz(func(t *testing.T, sent string) {
		for added, want := range map[string]Path{
			"192.0.2.60":                         {Client: addr("192.0.2.60")},
			"192.0.2.60:5000":                    {Client: addr("192.0.2.60")},
			`"[2001:db8::1]:80"`:                 {Client: addr("2001:db8::1")},
			"192.0.2.60, 10.0.0.2":               {Client: addr("192.0.2.60")},
			"unknown":                            {Client: Node{Kind: Unknown}},
			"nonsense":                           {Client: proxy, Garbled: "nonsense"},
			"for=192.0.2.60":                     {Client: addr("192.0.2.60")},
			`for="[2001:db8::1]:80";proto=https`: {Client: addr("2001:db8::1"), Proto: "https"},
			`by="a\\";for=192.0.2.60;host="x,\"y\";z"`:    {Client: addr("192.0.2.60")},
			`for=_a;proto=https, for=10.0.0.2;proto=http`: {Client: Node{Kind: Hidden, ID: "_a"}, Proto: "https"},
		} {
			read := XForwardedFor
			if strings.Contains(added, "=") {
				read = Forwarded
			}
			want.Said = true
			for _, lines := range [][]string{{sent + ", " + added}, {sent + "," + added}, {sent, added}, {sent, sent + ", " + added}} {
				if got := Follow(read(lines), proxy, trusted); got != want {
					t.Fatalf("%q: %+v, want %+v", lines, got, want)
				}
			}
		}
		for _, read := range []func([]string) bool{
			func(l []string) bool { return Follow(XForwardedFor(l), proxy, trusted).Client.Kind == Garbled },
			func(l []string) bool { return Follow(Forwarded(l), proxy, trusted).Client.Kind == Garbled },
		} {
			if read([]string{sent}) {
				t.Fatalf("%q: no client address", sent)
			}
		}
	})
}
