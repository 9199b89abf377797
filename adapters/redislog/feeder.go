package redislog

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A feeder subscribes to rooms: to all of them, or in a cluster to those of a bucket.
// It has goroutines and a connection while there are any.
type feeder struct {
	log   *Log
	first int // bucket; the others are at steps of the number of feeders

	// Guarded by Log.mu.
	watches map[string]*watch   // by channel
	dirty   map[string]struct{} // channels that came or went since the session looked
	running bool
	err     error // of the last session

	kick chan struct{} // has a value when there are dirty channels
}

const (
	retryLeast = 25 * time.Millisecond // between sessions, doubled
	retryMost  = time.Second
)

func (l *Log) feederLocked(bucket int) *feeder {
	i := bucket % len(l.feeders)
	if l.feeders[i] == nil {
		l.feeders[i] = &feeder{log: l, first: i, watches: map[string]*watch{}, dirty: map[string]struct{}{}, kick: make(chan struct{}, 1)}
	}
	return l.feeders[i]
}

func (f *feeder) addLocked(w *watch) {
	f.watches[w.channel] = w
	f.changeLocked(w.channel)
	if !f.running {
		f.running = true
		go f.run()
	}
}

func (f *feeder) dropLocked(w *watch) {
	delete(f.watches, w.channel)
	f.changeLocked(w.channel)
}

func (f *feeder) changeLocked(channel string) {
	f.dirty[channel] = struct{}{}
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// run has one session after another until no room is watched.
func (f *feeder) run() {
	retry := retryLeast
	for {
		began := time.Now()
		err := f.session()
		f.log.mu.Lock()
		f.err = err
		idle := len(f.watches) == 0
		f.log.mu.Unlock()
		switch {
		case idle:
			f.log.sinks.Resumed(f)
			if f.rest() {
				return
			}
		case err != nil:
			f.log.sinks.Interrupted(f, err)
			if f.log.cluster != nil {
				f.log.cluster.ReloadState(context.Background())
			}
			if retry = min(2*retry, retryMost); time.Since(began) > retryMost {
				retry = retryLeast
			}
			time.Sleep(retry/2 + rand.N(retry/2))
		}
	}
}

// rest reports whether there is still nothing to do, and run is to end.
func (f *feeder) rest() bool {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	f.running = len(f.watches) > 0
	return !f.running
}

func (f *feeder) lastError() error {
	f.log.mu.RLock()
	defer f.log.mu.RUnlock()
	if f.err == nil {
		return errors.New("no answer")
	}
	return f.err
}
