package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/internal/ws"
)

var opened = regexp.MustCompile(`open (http://\S+) in a browser`)

// serve runs the server with args until the test ends, and returns its address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), stdout)
		stdout.CloseWithError(err)
		done <- err
	}()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, lines)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	m := opened.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("the first line does not say where to open the page: %q", line)
	}
	return m[1]
}

func do(t *testing.T, method, url string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func dial(t *testing.T, url string, protocols ...string) *ws.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, _, err := ws.Dial(ctx, url, &ws.DialOptions{Subprotocols: protocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// event has the fields of an object that the tests read.
type event struct {
	Type, Username, Message, Code string
}

func read(t *testing.T, c *ws.Conn) (event, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, b, err := c.Read(ctx)
	if err != nil {
		return event{}, err
	}
	var e event
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return e, nil
}

func write(t *testing.T, c *ws.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Write(ctx, ws.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestMounted(t *testing.T) {
	url := serve(t)
	if resp, _ := do(t, "GET", url+"/ws/general", nil); resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("plain GET of a socket: %d", resp.StatusCode)
	}
	alice := dial(t, url+"/ws/general?username=Alice")
	bob := dial(t, url+"/ws/general?username=Bob")
	write(t, bob, "Hello Alice!")
	want := []event{{"system", "Bob", "Bob joined the room", ""}, {"message", "Bob", "Hello Alice!", ""}}
	var got []event
	for range want {
		e, err := read(t, alice)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for path, has := range map[string]string{
		"/rooms":                  `{"general":2}`,
		"/rooms/general/messages": `"message":"Hello Alice!"`,
		"/rooms/general/members":  `"count":2`,
	} {
		if resp, body := do(t, "GET", url+path, nil); resp.StatusCode != http.StatusOK || !strings.Contains(body, has) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

func TestLink(t *testing.T) {
	bound := &net.TCPAddr{IP: net.IPv4zero, Port: 8080}
	for asked, want := range map[string]string{
		"localhost:8080":   "http://localhost:8080",
		":8080":            "http://localhost:8080",
		"0.0.0.0:8080":     "http://localhost:8080",
		"[::]:8080":        "http://localhost:8080",
		"127.0.0.1:0":      "http://127.0.0.1:8080",
		"[::1]:http-alt":   "http://[::1]:8080",
		"chat.example:080": "http://chat.example:8080",
	} {
		if got := link(asked, bound); got != want {
			t.Errorf("%s: %s, want %s", asked, got, want)
		}
	}
}

// A path that is not part of the chat is refused, and not redirected.
func TestOddPaths(t *testing.T) {
	base := serve(t)
	for path, want := range map[string]int{
		"/ws": 426, "/ws/": 400, "/ws/.": 400, "/ws/..": 400, "/ws/%2e%2e": 400, "/ws/../x": 404, "//ws/x": 404,
		"/rooms/": 404, "/rooms//messages": 400, "/rooms/../messages": 400, "/wsx": 404,
	} {
		if resp, body := do(t, "GET", strings.TrimSuffix(base, "/")+path, nil); resp.StatusCode != want || resp.Request.URL.Path != must(url.PathUnescape(path)) {
			t.Errorf("%s: %d at %s: %s", path, resp.StatusCode, resp.Request.URL, body)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
