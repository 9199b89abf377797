// Package mounts has a test for each framework and middleware in common use with a chat.Server.
// docs/mounting.md shows the functions that begin with mount.
package mounts

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

const patience = 30 * time.Second

// started serves the handler that mount makes of a new server, and returns the chat's address.
func started(t *testing.T, mount func(*chat.Server) http.Handler) string {
	t.Helper()
	srv := chat.New(chat.WithLogger(slog.New(slog.DiscardHandler)))
	hs := httptest.NewServer(mount(srv))
	t.Cleanup(hs.Close)
	t.Cleanup(func() { srv.Close() })
	return hs.URL + "/chat"
}

// works checks that everything of a chat goes through a mount.
func works(t *testing.T, mount func(*chat.Server) http.Handler) {
	t.Helper()
	base := started(t, mount)
	plain(t, base)
	v1(t, base)
	events(t, base)
	endpoints(t, base)
}

// refused checks that a mount refuses connections with a clear message, and that other requests
// work.
func refused(t *testing.T, mount func(*chat.Server) http.Handler) {
	t.Helper()
	refuses(t, started(t, mount))
}

func refuses(t *testing.T, base string) {
	t.Helper()
	c := handshake(t, base)
	if c.Response.StatusCode != http.StatusNotImplemented || !strings.Contains(c.Body, "cannot be upgraded here") {
		t.Errorf("answered %d %s", c.Response.StatusCode, c.Body)
	}
	if status, body := get(t, base+"/rooms"); status != http.StatusOK {
		t.Errorf("/rooms: %d %s", status, body)
	}
}

// handshake sends the handshake of a browser that accepts compressed answers.
func handshake(t *testing.T, base string) *wsconf.Conn {
	t.Helper()
	addr, path, _ := strings.Cut(strings.TrimPrefix(base, "http://"), "/")
	request := wsconf.Handshake("/"+path+"/ws/general?username=Ann", "Accept-Encoding: gzip, deflate, br, zstd", "Origin: http://h")
	c, err := wsconf.Dial(addr, request, time.Now().Add(patience))
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// plain sends a message in the plain dialect, reads it back, and closes the connection.
func plain(t *testing.T, base string) {
	t.Helper()
	c := handshake(t, base)
	if c.Response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answered %d %s", c.Response.StatusCode, c.Body)
	}
	say(t, c, "hello from a plain client")
	if _, err := c.Write(wsconf.CloseFrame(1000, "")); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatalf("before the close frame: %v", err)
		}
		if f.Opcode() == wsconf.Close {
			break
		}
	}
	if _, err := c.ReadFrame(); err != io.EOF {
		t.Errorf("after the close frame: %v", err)
	}
}

func say(t *testing.T, c *wsconf.Conn, text string) {
	t.Helper()
	if _, err := c.Write(wsconf.Frame(wsconf.Fin|wsconf.Text, text)); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatalf("before the message: %v", err)
		}
		if strings.Contains(string(f.Payload), text) {
			return
		}
	}
}

// v1 sends a message in chat.v1, and reads its acknowledgement and the message.
func v1(t *testing.T, base string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, base, "general", client.WithUsername("Ben"), client.WithHeader(http.Header{"Accept-Encoding": {"gzip"}}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	offset, err := c.Send(ctx, "hello from chat.v1")
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range c.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Offset == offset && e.Text == "hello from chat.v1" {
			break
		}
	}
}

// endpoints requests the rooms, and a path that does not exist.
func endpoints(t *testing.T, base string) {
	t.Helper()
	status, body := get(t, base+"/rooms")
	var rooms map[string]int // whose rooms are empty by now, or will be soon
	if err := json.Unmarshal([]byte(body), &rooms); status != http.StatusOK || err != nil {
		t.Errorf("/rooms: %d %s", status, body)
	}
	if status, body := get(t, base+"/nothing"); status != http.StatusNotFound {
		t.Errorf("/nothing: %d %s", status, body)
	}
}

// get sends a request that accepts gzip.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
