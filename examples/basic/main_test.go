package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
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
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), stdout, t.Output())
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

// event is what the tests look at of an object.
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

func TestFlags(t *testing.T) {
	var out, errs bytes.Buffer
	if err := run(t.Context(), []string{"-help"}, &out, &errs); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: %v", err)
	}
	for _, part := range []string{"-addr", `"localhost:8080"`, "-history", "(default 50)", "-rate", "-burst", "(default 500)", "-origins"} {
		if !strings.Contains(errs.String(), part) {
			t.Errorf("-help does not say %s:\n%s", part, errs.String())
		}
	}
	for _, args := range [][]string{{"-nothing"}, {"-history", "many"}, {"-origins", "https://a.example,b.example"}, {"here"}} {
		if err := run(t.Context(), args, &out, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if err := run(t.Context(), []string{"-addr", taken.Addr().String()}, &out, io.Discard); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("an address that is taken: %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("said %q without serving", out.String())
	}
}

func TestHistoryFlag(t *testing.T) {
	for _, n := range []int{0, 3} {
		url := serve(t, "-history", fmt.Sprint(n))
		alice := dial(t, url+"/ws/general?username=Alice")
		for i := range 5 {
			write(t, alice, fmt.Sprint(i))
			if _, err := read(t, alice); err != nil {
				t.Fatal(err)
			}
		}
		bob := dial(t, url+"/ws/general?username=Bob")
		write(t, bob, "mine")
		var got []string
		for len(got) == 0 || got[len(got)-1] != "mine" {
			e, err := read(t, bob)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Message)
		}
		want := []string{"2", "3", "4", "mine"}[3-n:]
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-history %d: %s", n, d)
		}
	}
}

func TestRateFlag(t *testing.T) {
	url := serve(t, "-rate", "0.001", "-burst", "2")
	c := dial(t, url+"/ws/general?username=Alice")
	var got []event
	for range 3 {
		write(t, c, "hello")
		e, err := read(t, c)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if got[1].Type != "message" || got[2].Type != "system" || got[2].Code != "rate_limited" {
		t.Errorf("with -burst 2: %v", got)
	}
	off := dial(t, serve(t, "-rate", "0", "-burst", "1")+"/ws/general")
	for range 50 {
		write(t, off, "hello")
		if e, err := read(t, off); err != nil || e.Type != "message" {
			t.Fatalf("with -rate 0: %v %v", e, err)
		}
	}
}

func TestOriginsFlag(t *testing.T) {
	const page = "http://localhost:3000"
	for _, tc := range []struct {
		args []string
		want int
	}{
		{nil, http.StatusForbidden},
		{[]string{"-origins", "https://app.example.com, " + page + ","}, http.StatusOK},
	} {
		resp, body := do(t, "GET", serve(t, tc.args...)+"/rooms", http.Header{"Origin": {page}})
		if resp.StatusCode != tc.want {
			t.Errorf("%v: %d %s", tc.args, resp.StatusCode, body)
		}
	}
	var errs bytes.Buffer
	run(t.Context(), []string{"-origins", "app.example.com"}, io.Discard, &errs)
	if !strings.Contains(errs.String(), `"https://app.example.com"`) {
		t.Errorf("does not say what to write:\n%s", errs.String())
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

// What is no path of the chat is refused as it stands, and not redirected.
func TestOddPaths(t *testing.T) {
	base := serve(t)
	for path, want := range map[string]int{
		"/ws": 404, "/ws/": 400, "/ws/.": 400, "/ws/..": 400, "/ws/%2e%2e": 400, "/ws/../x": 404, "//ws/x": 404,
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
