//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/bench/internal/proc"
)

// A load is a number of writers in a number of rooms.
type load struct {
	writers, rooms int
	ids            bool
}

var loads = []load{
	{1, 1, false}, {64, 1, false}, {64, 16, false}, {64, 64, false},
	{1, 1, true}, {64, 1, true}, {64, 16, true}, {64, 64, true},
}

func (l load) String() string {
	s := fmt.Sprintf("%d in %d", l.writers, l.rooms)
	if l.ids {
		s += ", ids"
	}
	return s
}

// A rateOf is what one round has measured of an engine under a load. The times are of the
// processor, per append: of this process, and of the engine's Redis.
type rateOf struct{ appends, self, redis float64 }

// results has a figure per round.
type results struct {
	rates  map[string]map[load][]rateOf
	delays map[string][2][]float64 // p50 and p99 in ms
	spaces map[string][3]float64   // bytes in Redis: a room, an event, an id
	sync   time.Duration
}

func (r *results) round(engines []*engine, round int) error {
	if r.rates == nil {
		r.rates, r.delays = map[string]map[load][]rateOf{}, map[string][2][]float64{}
	}
	for _, l := range loads {
		for i := range engines {
			e := engines[(i+round)%len(engines)] // none is always the first
			rate, err := appends(e, l, round)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", e.name, l, err)
			}
			if r.rates[e.name] == nil {
				r.rates[e.name] = map[load][]rateOf{}
			}
			r.rates[e.name][l] = append(r.rates[e.name][l], rate)
		}
	}
	for _, e := range engines {
		if !e.members {
			continue
		}
		took, err := latency(e)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		d := r.delays[e.name]
		for i, percent := range []int{50, 99} {
			d[i] = append(d[i], float64(took[len(took)*percent/100])/1e6)
		}
		r.delays[e.name] = d
	}
	return nil
}

// appends measures how the writers, half of them on each server, append one message after the other.
func appends(e *engine, l load, round int) (rateOf, error) {
	ctx, cancel := context.WithTimeout(context.Background(), *length)
	defer cancel()
	var n atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, l.writers)
	text := strings.Repeat("x", 80)
	before, err := redisTime(e.redis)
	if err != nil {
		return rateOf{}, err
	}
	self, start := proc.Self(), time.Now()
	for w := range l.writers {
		wg.Go(func() {
			room, id := fmt.Sprintf("%d-%d-%t-%d", l.writers, l.rooms, l.ids, w%l.rooms), ""
			for i := 0; ctx.Err() == nil; i++ {
				if l.ids {
					id = fmt.Sprintf("%d.%d.%d", round, w, i)
				}
				if err := e.publish(context.Background(), w%2, room, id, text); err != nil {
					errs <- err
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	took, used := time.Since(start), proc.Self()-self
	after, err := redisTime(e.redis)
	select {
	case err = <-errs:
	default:
	}
	per := float64(n.Load())
	return rateOf{per / took.Seconds(), float64(used) / 1e3 / per, float64(after-before) / 1e3 / per}, err
}

// redisTime returns the processor time that a Redis server has used.
func redisTime(c *redis.Client) (used time.Duration, err error) {
	if c == nil {
		return 0, nil
	}
	info, err := c.Info(context.Background(), "cpu").Result()
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			s, _ := strconv.ParseFloat(value, 64)
			used += time.Duration(s * 1e9)
		}
	}
	return used, err
}

// space measures what rooms take in Redis: all keys with the room in their name. The names of ids
// have the room too, because centrifuge has a key for each id.
func (r *results) space(engines []*engine) error {
	ctx := context.Background()
	r.spaces = map[string][3]float64{}
	for _, e := range engines {
		if e.redis == nil {
			continue
		}
		var bytes [3]float64
		for i, room := range []string{"space-one", "space-events", "space-ids"} {
			n := 1000
			if i == 0 {
				n = 1
			}
			for k := range n {
				id := ""
				if i == 2 {
					id = fmt.Sprint(room, k)
				}
				if err := e.publish(ctx, 0, room, id, strings.Repeat("x", 80)); err != nil {
					return err
				}
			}
			keys := e.redis.Scan(ctx, 0, "*"+room+"*", 1000).Iterator()
			for keys.Next(ctx) {
				size, err := e.redis.MemoryUsage(ctx, keys.Val(), 0).Result()
				if err != nil {
					return err
				}
				bytes[i] += float64(size)
			}
			if err := keys.Err(); err != nil {
				return err
			}
		}
		r.spaces[e.name] = [3]float64{bytes[0], bytes[1] / 1000, (bytes[2] - bytes[1]) / 1000}
	}
	return nil
}

// syncTime returns how long the disk takes to sync a page.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var took []time.Duration
	for range 101 {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	return median(took), nil
}

func median[T cmp.Ordered](s []T) (m T) {
	if len(s) > 0 {
		s = slices.Sorted(slices.Values(s))
		m = s[len(s)/2]
	}
	return m
}
