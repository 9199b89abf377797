// Package mounts has a test for each framework and middleware that people put a
// chat.Server under. docs/mounting.md shows the functions that begin with mount.
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

// started serves what mount makes of a new server and returns the chat's address.
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
	endpoints(t, base)
}

// refused checks that a mount refuses connections in plain words, and lets the rest
// through.
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

// handshake sends what a browser does, which accepts what is compressed.
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

// plain has a message come back in the plain dialect, and the connection closed.
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

// v1 has a message acknowledged and come back in chat.v1.
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

// endpoints asks for the rooms, and for what is not there.
func endpoints(t *testing.T, base string) {
	t.Helper()
	status, body := get(t, base+"/rooms")
	var rooms map[string]int // which are empty by now, or about to be
	if err := json.Unmarshal([]byte(body), &rooms); status != http.StatusOK || err != nil {
		t.Errorf("/rooms: %d %s", status, body)
	}
	if status, body := get(t, base+"/nothing"); status != http.StatusNotFound {
		t.Errorf("/nothing: %d %s", status, body)
	}
}

// get is a request that accepts gzip.
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
