package hostile

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// originRow is a page's origin, and whether it may connect.
type originRow struct {
	id      string
	headers []string
	ok      bool
}

func origin(s string) []string { return []string{"Origin: " + s} }

// runOrigins tries each origin on the socket and on an HTTP endpoint.
func runOrigins(t *testing.T, base, host string, rows []originRow) {
	t.Helper()
	for _, row := range rows {
		for _, request := range []string{
			wsconf.Handshake("/ws/r", row.headers...),
			harness.Request("GET", "/rooms", row.headers...),
		} {
			want := httpRow{row.id, strings.Replace(request, "Host: h", "Host: "+host, 1), 403, "forbidden", nil}
			if row.ok {
				want.status, want.code = 101, ""
				if strings.HasPrefix(request, "GET /rooms") {
					want.status = 200
				}
			}
			c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), want.request, time.Now().Add(harness.Patience))
			if err != nil {
				t.Fatalf("%s: %v", row.id, err)
			}
			checkAnswer(t, want, c.Response, c.Body)
			c.Close()
		}
	}
}

// TestBadOrigins is for a server that its own pages call http://h.
func TestBadOrigins(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet)
	w := harness.Watch(t, base, "r")
	runOrigins(t, base, "h", []originRow{
		{"O1 none", nil, true},
		{"O2 its own", origin("http://h"), true},
		{"O2 with the port", origin("http://h:80"), true},
		{"O3 other scheme", origin("https://h"), false},
		{"O4 other port", origin("http://h:8081"), false},
		{"O5 longer host", origin("http://h.evil.example"), false},
		{"O6 host before it", origin("http://evilh"), false},
		{"O7 null", origin("null"), false},
		{"O8 file", origin("file://"), false},
		{"O9 empty", origin(""), false},
		{"O10 two headers, the good one first", []string{"Origin: http://h", "Origin: http://evil.example"}, false},
		{"O10 two headers, the good one last", []string{"Origin: http://evil.example", "Origin: http://h"}, false},
		{"O11 with a path", origin("http://h/path"), false},
		{"O11 with a slash", origin("http://h/"), false},
		{"O11 with a query", origin("http://h?"), false},
		{"O11 with a fragment", origin("http://h#"), false},
		{"O12 with a user", origin("http://user@h"), false},
		{"O12 host as a user", origin("http://h@evil.example"), false},
		{"O13 upper case", origin("HTTP://H"), true},
		{"O14 60 KB", origin("http://" + strings.Repeat("h", 60<<10)), false},
		{"O15 the parent's page", origin("http://sub.h"), false},
		{"O16 two in one", origin("http://h http://evil.example"), false},
		{"O17 a list", origin("http://h, http://evil.example"), false},
		{"O18 wildcard", origin("*"), false},
		{"O19 no host", origin("http://"), false},
		{"O20 dot at the end", origin("http://h."), false},
		{"O21 backslash", origin(`http://h\evil.example`), false},
		{"O22 X-Forwarded-Proto from nobody trusted", []string{"Origin: https://h", "X-Forwarded-Proto: https"}, false},
	})
	runOrigins(t, base, "h:8080", []originRow{
		{"O23 its own port", origin("http://h:8080"), true},
		{"O23 no port", origin("http://h"), false},
	})
	runOrigins(t, base, "[::1]:8080", []originRow{
		{"O24 IPv6", origin("http://[::1]:8080"), true},
		{"O24 other IPv6", origin("http://[::2]:8080"), false},
	})
	w.Check(nil)
}

// TestBadOriginPatterns is for pages of other origins that may connect.
func TestBadOriginPatterns(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithOriginPatterns("https://app.example", "https://*.apps.example", "http://dev.example:3000"))
	runOrigins(t, base, "h", []originRow{
		{"O30 named", origin("https://app.example"), true},
		{"O30 named, its port", origin("https://app.example:443"), true},
		{"O30 own", origin("http://h"), true},
		{"O31 named, other scheme", origin("http://app.example"), false},
		{"O31 named, other port", origin("https://app.example:8443"), false},
		{"O32 one label", origin("https://a.apps.example"), true},
		{"O32 two labels", origin("https://a.b.apps.example"), false},
		{"O32 no label", origin("https://apps.example"), false},
		{"O32 empty label", origin("https://.apps.example"), false},
		{"O32 joined label", origin("https://aapps.example"), false},
		{"O32 the pattern itself", origin("https://*.apps.example"), false},
		{"O33 longer", origin("https://app.example.evil.example"), false},
		{"O34 port", origin("http://dev.example:3000"), true},
		{"O34 no port", origin("http://dev.example"), false},
		{"O35 null", origin("null"), false},
	})
	_, base = harness.Serve(t, harness.Quiet, chat.WithOriginPatterns("*"))
	runOrigins(t, base, "h", []originRow{
		{"O36 any", origin("https://anything.example"), true},
		{"O36 null", origin("null"), true},
		{"O36 two headers", []string{"Origin: http://h", "Origin: http://i"}, false},
	})
}

// TestBadOriginProxies is for servers behind something that speaks TLS.
func TestBadOriginProxies(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithTrustedProxies("127.0.0.0/8"))
	https := "X-Forwarded-Proto: https"
	runOrigins(t, base, "h", []originRow{
		{"O40 https by the proxy", []string{"Origin: https://h", https}, true},
		{"O40 http though", []string{"Origin: http://h", https}, false},
		{"O40 wss", []string{"Origin: https://h", "X-Forwarded-Proto: wss"}, true},
		{"O41 no header", []string{"Origin: https://h"}, false},
		{"O41 of nothing", []string{"Origin: https://h", "X-Forwarded-Proto: "}, false},
	})
	srv := chat.New(harness.Quiet)
	hs := httptest.NewTLSServer(srv)
	defer hs.Close()
	defer srv.Close()
	for scheme, ok := range map[string]bool{"https": true, "http": false} {
		conn, err := tls.Dial("tcp", hs.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		c, err := wsconf.Open(conn, wsconf.Handshake("/ws/r", "Origin: "+scheme+"://h"), time.Now().Add(harness.Patience))
		if err != nil {
			t.Fatal(err)
		}
		if (c.Response.StatusCode == 101) != ok {
			t.Errorf("O42 %s over TLS: %d", scheme, c.Response.StatusCode)
		}
		c.Close()
	}
}

// TestBadPreflights is what a browser asks before it lets a page read answers.
func TestBadPreflights(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithOriginPatterns("https://app.example"))
	for _, row := range []struct {
		origin  string
		status  int
		allowed string
	}{
		{"https://app.example", 204, "https://app.example"},
		{"https://evil.example", 405, ""},
		{"http://" + strings.TrimPrefix(base, "http://"), 405, ""},
	} {
		r, _ := http.NewRequest("OPTIONS", base+"/rooms", nil)
		r.Header.Set("Origin", row.origin)
		r.Header.Set("Access-Control-Request-Method", "GET")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := fmt.Sprint(resp.StatusCode, resp.Header["Access-Control-Allow-Origin"], resp.Header["Access-Control-Allow-Credentials"], resp.Header["Vary"])
		want := fmt.Sprint(row.status, resp.Header["Access-Control-Allow-Origin"], []string{}, []string{"Origin"})
		if got != want || resp.Header.Get("Access-Control-Allow-Origin") != row.allowed {
			t.Errorf("%s: %s", row.origin, got)
		}
	}
}
