package redislog

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A subscriber subscribes to the watched rooms: to all of them, or in a cluster to those
// of one bucket. It has goroutines and a connection only while it has rooms.
type subscriber struct {
	log   *Log
	first int // its first bucket; the next ones follow in steps of len(Log.subscribers)

	// Guarded by Log.mu.
	watches map[string]*watch   // by channel
	changed map[string]struct{} // channels that were added or removed since applyChanges
	running bool
	err     error // of the last session

	wake chan struct{} // has a value while changed has channels
}

const (
	retryLeast = 25 * time.Millisecond // between sessions, doubled
	retryMost  = time.Second
)

func (l *Log) subscriberLocked(bucket int) *subscriber {
	i := bucket % len(l.subscribers)
	if l.subscribers[i] == nil {
		l.subscribers[i] = &subscriber{log: l, first: i, watches: map[string]*watch{}, changed: map[string]struct{}{}, wake: make(chan struct{}, 1)}
	}
	return l.subscribers[i]
}

func (f *subscriber) addLocked(w *watch) {
	f.watches[w.channel] = w
	f.changeLocked(w.channel)
	if !f.running {
		f.running = true
		go f.run()
	}
}

func (f *subscriber) removeLocked(w *watch) {
	delete(f.watches, w.channel)
	f.changeLocked(w.channel)
}

func (f *subscriber) changeLocked(channel string) {
	f.changed[channel] = struct{}{}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run starts one session after another until no room is watched.
func (f *subscriber) run() {
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
			if f.stopIfIdle() {
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

// stopIfIdle reports whether no room is watched, and notes that run ends in that case.
func (f *subscriber) stopIfIdle() bool {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	f.running = len(f.watches) > 0
	return !f.running
}

func (f *subscriber) lastError() error {
	f.log.mu.RLock()
	defer f.log.mu.RUnlock()
	if f.err == nil {
		return errors.New("no answer")
	}
	return f.err
}
