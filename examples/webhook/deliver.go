package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat"
)

const (
	tries       = 4                // of one request, before its room waits, up to a minute each time
	firstWait   = time.Second      // doubled after each try; the wait is a random part of it
	longestWait = 30 * time.Second // also of what a service asks for with Retry-After
)

// errGone says that the service answered 410: it wants nothing more.
var errGone = errors.New("410 Gone")

// An endpoint is a service that gets the events.
type endpoint struct {
	url    string
	keys   [][]byte
	giveUp time.Duration
	http   *http.Client

	mu   sync.Mutex
	done map[string]chat.Position // by room, what was delivered of a batch that failed later
}

func newEndpoint(to, hosts string, private bool) (*endpoint, error) {
	if err := allowed(to, hosts, private); err != nil {
		return nil, fmt.Errorf("%s: %w", to, err)
	}
	return &endpoint{url: to, http: client(private), done: map[string]chat.Position{}}, nil
}

// consumer is the name under which the log keeps the service's place.
func (e *endpoint) consumer() string {
	sum := sha256.Sum256([]byte(e.url))
	return "webhook:" + hex.EncodeToString(sum[:16])
}

// payload is the body of a request, in the form that Standard Webhooks recommends.
type payload struct {
	Type      string    `json:"type"` // "chat." and the event's type
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Room     string     `json:"room"`
		Position string     `json:"position"`
		Event    chat.Event `json:"event"`
	} `json:"data"`
}

// deliver sends the events of a room one after another. After an error FollowAll comes back with
// the same events; those that have arrived are not sent again, unless the process ends meanwhile.
func (e *endpoint) deliver(ctx context.Context, b *chat.Batch) error {
	if b.Missed {
		slog.Warn("webhook: the log has lost events that were not delivered", "room", b.Room, "url", e.url)
	}
	for i := range b.Events {
		event := &b.Events[i]
		if e.has(b.Room, event.Position) {
			continue
		}
		err := e.send(ctx, b.Room, event)
		if err != nil && ctx.Err() == nil && !errors.Is(err, errGone) && time.Since(event.Time) > e.giveUp {
			slog.Error("webhook: given up", "room", b.Room, "position", event.Position, "url", e.url, "err", err)
			err = nil
		}
		if err != nil {
			return err
		}
		e.note(b.Room, event.Position)
	}
	e.forget(b.Room) // the place is stored now
	return nil
}

func (e *endpoint) has(room string, at chat.Position) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	done, ok := e.done[room]
	return ok && done.Epoch == at.Epoch && at.Offset <= done.Offset
}

func (e *endpoint) note(room string, at chat.Position) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done[room] = at
}

func (e *endpoint) forget(room string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.done, room)
}

// send sends one event until the service takes it, at most tries times.
func (e *endpoint) send(ctx context.Context, room string, event *chat.Event) error {
	p := payload{Type: "chat." + string(event.Type), Timestamp: event.Time}
	p.Data.Room, p.Data.Position, p.Data.Event = room, event.Position.String(), *event
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	// The id of an event is always the same, and no two events have one: an offset of an epoch is
	// given once.
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s:%d:%s", event.Position.Epoch, event.Offset, room)))
	id := "msg_" + hex.EncodeToString(sum[:16])
	for try := 0; ; try++ {
		wait, err := e.post(ctx, id, body)
		if err == nil || errors.Is(err, errGone) || try == tries-1 {
			return err
		}
		// Full jitter: services that were down get their requests spread over the wait.
		wait = max(wait, rand.N(min(firstWait<<try, longestWait)))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// post makes one request. wait is how long the service asks to be left alone.
func (e *endpoint) post(ctx context.Context, id string, body []byte) (wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "chat-webhook")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", signature(e.keys, id, now, body))
	resp, err := e.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return 0, nil
	case resp.StatusCode == http.StatusGone:
		return 0, errGone
	}
	return retryAfter(resp.Header.Get("Retry-After"), now), fmt.Errorf("the service answered %s", resp.Status)
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds or a date, at most
// longestWait from now.
func retryAfter(value string, now time.Time) time.Duration {
	var wait time.Duration
	if secs, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(secs) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), longestWait)
}
