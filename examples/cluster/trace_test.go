package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/seed-08328bfd/chat/client"
)

// received is a collector that keeps the spans that it gets, by the service's name.
type received struct {
	mu  sync.Mutex
	all map[string][]*spans.Span
}

func (c *received) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &export) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range export.ResourceSpans {
		service := ""
		for _, a := range rs.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, ss := range rs.ScopeSpans {
			c.all[service] = append(c.all[service], ss.Spans...)
		}
	}
}

// linked reports whether a round on one server is linked to a message of another one.
func (c *received) linked(from, to string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, publish := range c.all[from] {
		for _, round := range c.all[to] {
			if publish.Name == "chat publish" && round.Name == "chat round" && slices.ContainsFunc(round.Links, func(l *spans.Span_Link) bool {
				return string(l.TraceId) == string(publish.TraceId) && string(l.SpanId) == string(publish.SpanId)
			}) {
				return true
			}
		}
	}
	return false
}

// TestTraces follows a message from one server to another one: over Redis and over PostgreSQL, to a
// real collector's address.
func TestTraces(t *testing.T) {
	for name, begin := range map[string]func(*testing.T) (string, program){"redis": startRedis, "postgres": startPostgres} {
		t.Run(name, func(t *testing.T) {
			engine, _ := begin(t)
			c := &received{all: map[string][]*spans.Span{}}
			at := httptest.NewServer(c)
			defer at.Close()
			var servers []*process
			for i := range 2 {
				env := map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "50"}
				if i == 1 {
					env["OTEL_SERVICE_NAME"] = "other"
				}
				p := start(t, env, "-"+name, engine, "-otlp", at.URL)
				eventually(t, "ready", func() bool { status, _ := get(t, p.url+"/readyz", ""); return status == http.StatusOK })
				servers = append(servers, p)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			ann, err := client.Dial(ctx, servers[0].url, "traced", client.WithUsername("Ann"))
			if err != nil {
				t.Fatal(err)
			}
			defer ann.Close()
			bob, err := client.Dial(ctx, servers[1].url, "traced", client.WithUsername("Bob"))
			if err != nil {
				t.Fatal(err)
			}
			defer bob.Close()
			// A notice may be lost, and its link with it.
			for i := 0; !c.linked("chat", "other"); i++ {
				if _, err := ann.Send(ctx, fmt.Sprint("message ", i)); err != nil {
					t.Fatalf("no link after %d messages: %v", i, err)
				}
				time.Sleep(50 * time.Millisecond)
			}
			for _, p := range servers {
				if code := p.stop(t); code != 0 {
					t.Errorf("exit code %d", code)
				}
			}
		})
	}
}

// A collector that is not there, or a URL that is none.
func TestNoCollector(t *testing.T) {
	p := start(t, nil, "-otlp", "http://127.0.0.1:1")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ann, err := client.Dial(ctx, p.url, "r", client.WithUsername("Ann"))
	if err != nil {
		t.Fatal(err)
	}
	defer ann.Close()
	if _, err := ann.Send(ctx, "hello"); err != nil {
		t.Error(err)
	}
	if code := p.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, bad := range []string{"localhost:4318", "ftp://a", "http://", "::"} {
		if out, err := command(t, nil, "-addr", "127.0.0.1:0", "-otlp", bad).CombinedOutput(); err == nil {
			t.Errorf("%s is taken: %s", bad, out)
		}
	}
}
