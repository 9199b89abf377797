package hostile

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// xff and fwd are the lines of headers that tell of clients.
func xff(s string) string { return "X-Forwarded-For: " + s }
func fwd(s string) string { return "Forwarded: " + s }

// TestProxiesCount is about who counts as one address behind a trusted proxy, where
// one connection of an address is allowed.
func TestProxiesCount(t *testing.T) {
	t.Parallel()
	lines := func(l ...string) []string { return l }
	a := lines(xff("203.0.113.7"))
	for _, row := range []struct {
		id    string
		one   []string
		other []string
		same  bool
	}{
		{"two addresses", a, lines(xff("203.0.113.8")), false},
		{"with ports", lines(xff("203.0.113.7:5000")), lines(xff("203.0.113.8:5000")), false},
		{"two ports", lines(xff("203.0.113.7:5000")), lines(xff("203.0.113.7:5001")), true},
		{"a port and none", a, lines(xff("203.0.113.7:1")), true},
		{"mapped", a, lines(xff("[::ffff:203.0.113.7]:1")), true},
		{"quotes", lines(xff(`"203.0.113.7"`)), lines(xff(`"203.0.113.8"`)), false},
		{"brackets", lines(xff("[2001:db8::1]:1")), lines(xff("[2001:db8:0:1::1]:1")), false},
		{"one /64", lines(xff("[2001:db8::1]:1")), lines(xff("2001:db8::2")), true},
		{"zones", lines(xff("fe80::1%eth0")), lines(xff("203.0.113.7%eth0")), false},
		{"behind proxies with ports", lines(xff("203.0.113.7:1, 127.0.0.2:80")), lines(xff("203.0.113.8:1"), xff(", [::ffff:127.0.0.3]:80 ,")), false},
		{"claims before it", lines(xff("198.51.100.1, 203.0.113.7:1")), lines(xff("198.51.100.2"), xff("203.0.113.7:2")), true},
		{"a network given as mapped", lines(xff("203.0.113.7, 10.1.2.3")), lines(xff("203.0.113.8, 10.1.2.3")), false},
		{"an address given as mapped", lines(xff("203.0.113.7, 192.0.2.1")), lines(xff("203.0.113.8, 192.0.2.1")), false},
		{"unknown", lines(xff("unknown")), lines(xff("unknown")), false},
		{"unknown, claimed", lines(xff("unknown, 203.0.113.7")), a, true},
		{"hidden", lines(fwd("for=_a")), lines(fwd(`for="_b:80"`)), false},
		{"hidden twice", lines(fwd("for=_a")), lines(fwd(`For="_a:80"`)), true},
		{"not understood", lines(xff("203.0.113.7 or so")), lines(xff("nobody")), true},
		{"nothing", nil, lines(xff(""), xff(" , ")), true},
		{"nothing and the proxy", nil, lines(xff("127.0.0.1")), true},

		{"Forwarded", lines(fwd("for=203.0.113.7;proto=https;by=127.0.0.1;host=h")), lines(fwd("FOR=203.0.113.8")), false},
		{"Forwarded, one address", lines(fwd(`proto=http ; for="203.0.113.7:1"`)), lines(fwd(`for="203.0.113.7:_x"`)), true},
		{"Forwarded as X-Forwarded-For", lines(fwd("for=203.0.113.7")), a, true},
		{"Forwarded, IPv6", lines(fwd(`for="[2001:db8::1]:1"`)), lines(fwd(`for="\[2001:db8:0:1::1\]"`)), false},
		{"Forwarded, behind proxies", lines(fwd("for=203.0.113.7"), fwd("for=127.0.0.2")), lines(fwd(`for=203.0.113.8;host="a,b\",", for=127.0.0.2`)), false},
		{"Forwarded, claims before it", lines(fwd("for=198.51.100.1, for=203.0.113.7")), lines(fwd("for=198.51.100.2"), fwd("for=203.0.113.7")), true},
		{"Forwarded, an open quote before it", lines(fwd(`for=198.51.100.1;by=", for=203.0.113.7`)), lines(fwd("for=203.0.113.7")), true},
		{"Forwarded, two clients with open quotes", lines(fwd(`for=198.51.100.1;by=", for="203.0.113.7"`)), lines(fwd(`for=198.51.100.1;by=", for="203.0.113.8"`)), false},
		{"Forwarded, unknown", lines(fwd("for=unknown")), lines(fwd("for=unknown")), false},
		{"Forwarded, not understood", lines(fwd("for=203.0.113.7;for=203.0.113.8")), nil, true},

		{"both agree", lines(xff("203.0.113.7:1"), fwd("for=203.0.113.7")), lines(xff("203.0.113.8"), fwd("for=203.0.113.8;proto=http")), false},
		{"they disagree", lines(xff("203.0.113.7"), fwd("for=198.51.100.1")), lines(xff("203.0.113.8"), fwd("for=198.51.100.2")), true},
		{"and are nobody's", lines(xff("203.0.113.7"), fwd("for=198.51.100.1")), a, false},
		{"unknown or not", lines(xff("203.0.113.7"), fwd("for=unknown")), lines(xff("203.0.113.8"), fwd("for=unknown")), true},
		{"one says nothing of addresses", lines(xff("203.0.113.7"), fwd("proto=http")), lines(xff("203.0.113.8"), fwd("by=_x;proto=http")), false},
		{"one is empty", lines(xff("203.0.113.7"), fwd("")), lines(xff(""), fwd("for=203.0.113.8")), false},
	} {
		srv, base := harness.Serve(t, harness.Quiet, chat.WithMaxConnectionsPerAddress(1), chat.WithTrustedProxies("127.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:192.0.2.1"))
		want := 101
		if row.same {
			want = 429
		}
		for i, l := range [][]string{row.one, row.other} {
			c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake("/ws/r", l...), time.Now().Add(harness.Patience))
			if err != nil {
				t.Fatalf("%s: %v", row.id, err)
			}
			defer c.Close()
			if got := c.Response.StatusCode; i == 0 && got != 101 || i == 1 && got != want {
				t.Errorf("%s: %q gets %d", row.id, l, got)
			}
		}
		srv.Close()
	}
}

// What nobody is trusted to say counts for nothing, and nothing is logged of it.
func TestProxiesOfNobody(t *testing.T) {
	t.Parallel()
	logs := new(lines)
	_, base := harness.Serve(t, logs.option(), chat.WithMaxConnectionsPerAddress(1), chat.WithTrustedProxies("192.0.2.1", "unix"))
	for i, l := range []string{xff("203.0.113.7"), xff("nonsense"), fwd("for=203.0.113.8"), fwd("for=unknown"), fwd("for")} {
		c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake("/ws/r", l), time.Now().Add(harness.Patience))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if (c.Response.StatusCode == 101) != (i == 0) {
			t.Errorf("%s: %d", l, c.Response.StatusCode)
		}
	}
	if got := logs.all(); len(got) > 0 {
		t.Errorf("logged %q", got)
	}
}

// What a proxy says and nobody understands is logged once, however often it comes.
func TestProxiesLog(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		id   string
		with []string
		has  []string
	}{
		{"not understood", []string{xff(strings.Repeat("\x80nonsense", 1000))}, []string{"not understood", "X-Forwarded-For", "nonsense", "127.0.0.1"}},
		{"Forwarded not understood", []string{fwd("for=here")}, []string{"not understood", "header=Forwarded", "for=here"}},
		{"disagree", []string{xff("203.0.113.7"), fwd("for=203.0.113.8")}, []string{"disagree", "203.0.113.7", "203.0.113.8"}},
		{"disagree on the scheme", []string{"Origin: http://h", "X-Forwarded-Proto: http", fwd("proto=https")}, []string{"disagree", "proto=https"}},
	} {
		logs := new(lines)
		_, base := harness.Serve(t, logs.option(), chat.WithTrustedProxies("127.0.0.1"))
		for range 20 {
			c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake("/ws/r", tc.with...), time.Now().Add(harness.Patience))
			if err != nil {
				t.Fatal(err)
			}
			if c.Close(); c.Response.StatusCode != 101 {
				t.Errorf("%s: %d", tc.id, c.Response.StatusCode)
			}
		}
		got := logs.all()
		if len(got) != 1 || len(got[0]) > 1<<10 {
			t.Errorf("%s: logged %d lines: %.300q", tc.id, len(got), got)
			continue
		}
		for _, part := range tc.has {
			if !strings.Contains(got[0], part) {
				t.Errorf("%s: %q does not say %s", tc.id, got[0], part)
			}
		}
	}
}

// A proxy over a Unix socket has no address, and can be trusted by name.
func TestProxiesOverUnixSocket(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{true, false} {
		srv := chat.New(harness.Quiet, chat.WithMaxConnectionsPerAddress(1), chat.WithTrustedProxies(map[bool]string{true: "unix", false: "127.0.0.1"}[named]))
		defer srv.Close()
		dir, err := os.MkdirTemp("", "") // t.TempDir's names are too long for a socket
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		hs := &httptest.Server{Listener: l, Config: &http.Server{Handler: srv}}
		hs.Start()
		defer hs.Close()
		var got []int
		for i := range 3 {
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			c, err := wsconf.Open(conn, wsconf.Handshake("/ws/r", xff(fmt.Sprintf("203.0.113.%d, unix:", i)), "Origin: https://h", "X-Forwarded-Proto: https"), time.Now().Add(harness.Patience))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got = append(got, c.Response.StatusCode)
		}
		if want := map[bool]string{true: "[101 101 101]", false: "[403 403 403]"}[named]; fmt.Sprint(got) != want {
			t.Errorf("named %v: %v, want %s", named, got, want)
		}
	}
}

// What is no address, no network and no "unix" cannot be trusted.
func TestProxiesOfNoKind(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "localhost", "10.0.0.1:80", "10.0.0.0/33", "::ffff:10.0.0.0/8", "Unix", "*", " 10.0.0.1"} {
		if said := panics(func() { chat.WithTrustedProxies(s) }); !strings.Contains(said, "WithTrustedProxies") {
			t.Errorf("%q: %q", s, said)
		}
	}
}
