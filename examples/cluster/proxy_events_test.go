package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
)

// shortStream replaces a proxy's timeouts for a silent answer by two seconds.
var shortStream = map[string][]string{
	"nginx":   {"proxy_read_timeout 60s", "proxy_read_timeout 2s"},
	"HAProxy": {"timeout client 60s", "timeout client 2s", "timeout server 60s", "timeout server 2s"},
	"Apache":  {"timeout=60 ", "timeout=2 ", "Timeout 60", "Timeout 2"},
}

// events is a client of an event stream through a proxy.
type events struct {
	t     *testing.T
	lines *bufio.Reader
	leave context.CancelFunc
	proto int // the major version of HTTP
}

// eventClient returns a client that takes compressed answers, as browsers do.
func eventClient(pool *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableCompression: true}}
}

func listen(t *testing.T, c *http.Client, url string, lastID string) *events {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), patience)
	t.Cleanup(leave)
	r, _ := http.NewRequestWithContext(ctx, "GET", url+"/rooms/general/events?username=Ann", nil)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := c.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "" {
		t.Fatalf("%+v, %v", resp, err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return &events{t, bufio.NewReader(resp.Body), leave, resp.ProtoMajor}
}

// next returns the next object of the type, and the id of its record.
func (e *events) next(typ string) (id string, o object) {
	e.t.Helper()
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			e.t.Fatalf("waiting for %s: %v", typ, err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "":
			id = ""
		case "id":
			id = value
		case "data":
			if strings.HasPrefix(value, `{"type":"`+typ+`"`) {
				json.Unmarshal([]byte(strings.Replace(value, `"code":`, `"number":`, 1)), &o)
				return id, o
			}
		}
	}
}

// TestProxyEvents talks over event streams and posts behind each proxy: what is said comes
// immediately, a silence ends nothing, a client comes back to where it was, the server
// notices who has left, and says goodbye.
func TestProxyEvents(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		srv := chat.New(chat.WithPing(500*time.Millisecond, patience), chat.WithTrustedProxies("127.0.0.1"), chat.WithLogger(slog.New(slog.DiscardHandler)))
		hs := httptest.NewServer(srv)
		t.Cleanup(func() { srv.Close(); hs.Close() })
		addr := strings.TrimPrefix(hs.URL, "http://")
		probes := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		t.Cleanup(probes.Close)
		s := setup{servers: [2]string{addr, addr}, health: probes.URL[strings.LastIndexByte(probes.URL, ':')+1:]}
		s.crt, s.key, s.pool = certificate(t)
		s.replace = shortStream[p.name]
		p.run(t, &s)
		c := eventClient(s.pool)
		defer c.CloseIdleConnections()
		eventually(t, "served by the proxy", func() bool {
			resp, err := c.Get(s.url + "/rooms")
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})

		l := listen(t, c, s.url, "")
		l.next("welcome")
		t.Logf("HTTP/%d", l.proto)
		var id string
		for i := range 5 {
			text := fmt.Sprint("hello ", i)
			resp, err := c.Post(s.url+"/rooms/general/events?username=Bob", "text/plain", strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if want := fmt.Sprintf("{\"type\":\"ack\",\"offset\":%d}\n", i+1); string(b) != want {
				t.Errorf("answer %d %q, want %q", resp.StatusCode, b, want)
			}
			var o object // each comes before the next is sent
			if id, o = l.next("message"); o.Message != text {
				t.Errorf("message %q, want %q", o.Message, text)
			}
		}
		// A page of the site itself may post, another may not.
		for origin, want := range map[string]int{s.url: 200, "https://evil.example": 403} {
			r, _ := http.NewRequest("POST", s.url+"/rooms/general/events", strings.NewReader("from "+origin))
			r.Header.Set("Content-Type", "text/plain")
			r.Header.Set("Origin", origin)
			resp, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("a page of %s: %s", origin, resp.Status)
			}
		}
		l.next("message")

		time.Sleep(6 * time.Second) // three times the timeouts
		srv.Publish(t.Context(), "general", chat.Message{Text: "still here"})
		if _, o := l.next("message"); o.Message != "still here" {
			t.Errorf("after the silence: %+v", o)
		}
		l.leave()
		eventually(t, "the server notices that the client has left", func() bool { return srv.Stats().Connections == 0 })

		l = listen(t, c, s.url, id)
		if _, o := l.next("message"); !strings.HasPrefix(o.Message, "from ") {
			t.Errorf("after the id %s came %q", id, o.Message)
		}
		go srv.Shutdown(context.Background()) // ends with the stream
		l.next("goodbye")
		l.next("left")
		if rest, err := io.ReadAll(l.lines); err != nil || strings.TrimSpace(string(rest)) != "" {
			t.Errorf("the end: %q, %v", rest, err)
		}
	})
}

// TestProxyPostsOnce lets both servers answer a POST with 503, after which the message may
// have been kept. No proxy may send it again by itself: without an id it would be there twice.
func TestProxyPostsOnce(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		var posts atomic.Int32
		hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts.Add(1)
				io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(hs.Close)
		addr := strings.TrimPrefix(hs.URL, "http://")
		s := setup{servers: [2]string{addr, addr}, health: addr[strings.LastIndexByte(addr, ':')+1:]}
		p.run(t, &s)
		served(t, &s)
		resp, err := http.Post(s.url+"/rooms/general/events", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || posts.Load() != 1 {
			t.Errorf("%s, after %d requests to the servers", resp.Status, posts.Load())
		}
	})
}
