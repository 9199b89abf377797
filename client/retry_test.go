package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

func TestRetryAfter(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		if n > 0 {
			p.hearAll()
		}
	}, func(f *fake) {
		serve := f.serve
		past, future := time.Unix(1, 0), time.Now().AddDate(400, 0, 0)
		headers := []string{1: "7", 2: "date", 3: past.UTC().Format(http.TimeFormat), 4: "-1", 5: "99999999999999999999", 6: future.UTC().Format(http.TimeFormat), 7: "9223372036"}
		f.serve = func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 0 || n >= len(headers) {
				serve(w, r, n)
				return
			}
			h := headers[n]
			if h == "date" {
				h = time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat)
			}
			w.Header().Set("Retry-After", h)
			w.WriteHeader([]int{503, 429}[n%2])
		}
		u := f.join()
		time.Sleep(5 * time.Hour)
		u.Close()
		d := f.gaps()
		for i, least := range []time.Duration{1: 7 * time.Second, 2: 39 * time.Second, 3: 0, 4: 0, 5: time.Hour, 6: time.Hour, 7: time.Hour} {
			if i >= len(d) || d[i] < least || d[i] >= least+31*time.Second {
				t.Errorf("came back after %v", d)
				break
			}
		}
	})
}

// TestRateLimited sends faster than a real server allows, in fake time.
func TestRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := chat.New(chat.WithRateLimit(2, 4), chat.WithLogger(quiet))
		f := &fake{t: t}
		f.run(srv, func(f *fake) {
			c, err := client.Dial(context.Background(), "ws://pipe", "r", client.WithDialer(f.l.dial), client.WithLogger(quiet), client.WithoutEvents())
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for i := range 24 {
				if _, err := c.Send(context.Background(), "x"); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			if d := time.Since(start); d < 10*time.Second || d > 10*time.Second+100*time.Millisecond {
				t.Errorf("24 messages took %v", d)
			}
			// Concurrent calls observe the limit, too, and the connection is kept.
			time.Sleep(10 * time.Second)
			start = time.Now()
			errs := make(chan error)
			for range 244 {
				go func() {
					_, err := c.Send(context.Background(), "x")
					errs <- err
				}()
			}
			for range 244 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			if d := time.Since(start); d < 2*time.Minute || d > 2*time.Minute+5*time.Second {
				t.Errorf("244 messages took %v", d)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			_, err = c.Send(ctx, "x")
			var refused *client.Error
			if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &refused) || refused.Code != client.CodeRateLimited || errors.Is(err, client.ErrUncertain) {
				t.Errorf("Send: %v", err)
			}
			c.Close()

			c, err = client.Dial(context.Background(), "ws://pipe", "r", client.WithDialer(f.l.dial), client.WithLogger(quiet), client.WithoutRateRetry())
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				if _, err := c.Send(context.Background(), "x"); err != nil {
					t.Error(err)
				}
			}
			if _, err := c.Send(context.Background(), "x"); !errors.As(err, &refused) || refused.Code != client.CodeRateLimited || refused.RetryAfter != 500*time.Millisecond {
				t.Errorf("Send: %v", err)
			}
			c.Close()
			srv.Close()
		})
	})
}
