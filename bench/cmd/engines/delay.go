//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// latency returns, sorted, how long messages took from one server's Publish to a member of the
// other.
func latency(e *engine) ([]time.Duration, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	hs := &http.Server{Handler: e.handler[1], ReadHeaderTimeout: 5 * time.Second}
	go hs.Serve(l)
	defer hs.Close()
	ctx, cancel := context.WithTimeout(context.Background(), *length+time.Minute)
	defer cancel()
	room := fmt.Sprint("delay", time.Now().UnixNano()) // without the messages of former rounds
	conn, err := e.dial(ctx, "http://"+l.Addr().String(), room)
	if err != nil {
		return nil, err
	}
	defer conn.CloseNow()
	total := max(int(length.Seconds()*float64(*rate)), 20)
	failed := make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(*rate))
		defer tick.Stop()
		for range total {
			<-tick.C
			if err := e.publish(ctx, 0, room, "", fmt.Sprintf("<%d>", time.Now().UnixNano())); err != nil {
				failed <- err
				cancel()
				return
			}
		}
	}()
	var delays []time.Duration
	for len(delays) < total {
		_, b, err := conn.Read(ctx)
		if err != nil {
			select {
			case err = <-failed:
			default:
			}
			return nil, fmt.Errorf("after %d of %d: %w", len(delays), total, err)
		}
		now := time.Now().UnixNano()
		for rest := string(b); ; {
			var stamp string
			var ok bool
			// "<" is escaped in chat's JSON, and perhaps in the JSON of others.
			rest = strings.ReplaceAll(rest, `\u003c`, "<")
			rest = strings.ReplaceAll(rest, `\u003e`, ">")
			if _, rest, ok = strings.Cut(rest, "<"); !ok {
				break
			}
			if stamp, rest, ok = strings.Cut(rest, ">"); !ok {
				break
			}
			if t, err := strconv.ParseInt(stamp, 10, 64); err == nil {
				delays = append(delays, time.Duration(now-t))
			}
		}
	}
	slices.Sort(delays)
	return delays, nil
}
