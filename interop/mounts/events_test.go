package mounts

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// events listens to a room, says something in it with a POST, and reads the message: it must
// come while the answer is still open. The client takes compressed answers, as browsers do.
func events(t *testing.T, base string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	url := base + "/rooms/events%20only/events"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("events: %v", err)
	}
	defer resp.Body.Close()
	body := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatalf("events: %v", err)
		}
	}
	lines := bufio.NewReader(body)
	until := func(what string) {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("events: %s, before %s: %v", resp.Status, what, err)
			}
			if strings.HasPrefix(line, "data: ") && strings.Contains(line, what) {
				return
			}
		}
	}
	until(`"type":"welcome"`)
	for _, text := range []string{"first", "second"} {
		answer, err := http.Post(url, "text/plain", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.Contains(string(b), `"type":"ack"`) {
			t.Errorf("events: answered %s %s", answer.Status, b)
		}
		until(`"message":"` + text + `"`)
	}
}

// silentEvents listens to a silent room for longer than a server's timeouts.
func silentEvents(t *testing.T, base string) {
	resp, err := http.Get(base + "/rooms/silent/events")
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	time.Sleep(2500 * time.Millisecond)
	if answer, err := http.Post(base+"/rooms/silent/events", "text/plain", strings.NewReader("still here")); err != nil {
		t.Error(err)
	} else {
		answer.Body.Close()
	}
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Errorf("events: %v", err)
			return
		}
		if strings.Contains(line, "still here") {
			return
		}
	}
}
