package redislog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
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
	silence   = 2 * time.Second // after which a connection is pinged
	patience  = 2 * silence     // after which it is taken for dead
	subscribe = 500             // channels in one command
	retryMost = time.Second
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
	retry := 25 * time.Millisecond
	for {
		began := time.Now()
		err := f.session()
		f.log.mu.Lock()
		f.err = err
		idle := len(f.watches) == 0
		f.log.mu.Unlock()
		switch {
		case idle:
			f.log.setDown(f, nil)
			if f.rest() {
				return
			}
		case err != nil:
			f.log.setDown(f, err)
			if f.log.cluster != nil {
				f.log.cluster.ReloadState(context.Background())
			}
			if retry = min(2*retry, retryMost); time.Since(began) > retryMost {
				retry = 25 * time.Millisecond
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

// A session is one connection of a feeder.
type session struct {
	*feeder
	pubsub *redis.PubSub
	heard  atomic.Int64 // when something came, in Unix nanoseconds

	mu   sync.Mutex
	sent map[string]struct{} // channels that are subscribed to
	left map[string]int      // commands to leave a channel that are not confirmed
	err  error               // why the session ends
}

var errIdle = errors.New("no room is watched")

// session subscribes to all watched rooms and returns when the connection is lost or
// not needed any more. The client's own way of subscribing again after a loss is not
// used: what is subscribed to, and when, is for us to know.
func (f *feeder) session() error {
	ctx, cancel := context.WithCancel(context.Background())
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel()
	s := &session{feeder: f, sent: map[string]struct{}{}, left: map[string]int{}}
	s.pubsub = f.log.client.SSubscribe(ctx)
	defer s.pubsub.Close()

	// The first command chooses the node, so it comes before anything is read.
	missing := map[string]struct{}{} // channels without which the session is not complete
	f.log.mu.RLock()
	for channel := range f.watches {
		missing[channel] = struct{}{}
	}
	f.log.mu.RUnlock()
	if len(missing) == 0 {
		return nil
	}
	if err := s.enter(ctx, missing); err != nil {
		return err
	}
	s.heard.Store(time.Now().UnixNano())
	helpers.Go(func() { s.end(s.write(ctx)) })
	for {
		m, err := s.pubsub.ReceiveTimeout(ctx, 0)
		if err != nil {
			return s.end(fmt.Errorf("redislog: subscription: %w", err))
		}
		s.heard.Store(time.Now().UnixNano())
		switch m := m.(type) {
		case *redis.Message:
			s.take(m)
		case *redis.Subscription:
			if err := s.confirm(m); err != nil {
				return s.end(err)
			}
			if m.Kind != "ssubscribe" || missing == nil {
				continue
			}
			if delete(missing, m.Channel); len(missing) == 0 {
				missing = nil
				helpers.Go(func() { s.complete(ctx) })
			}
		}
	}
}

// end ends the session with the first error that it is called with, and returns that.
func (s *session) end(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.pubsub.Close()
	if s.err == errIdle {
		return nil
	}
	return s.err
}

// complete is called when all rooms are subscribed to.
func (s *session) complete(ctx context.Context) {
	c, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	s.log.checkAll(c, s.first, len(s.log.feeders))
	if ctx.Err() == nil {
		s.log.setDown(s.feeder, nil)
	}
}

// take pushes what was published.
func (s *session) take(m *redis.Message) {
	s.log.mu.RLock()
	w := s.watches[m.Channel]
	s.log.mu.RUnlock()
	if w == nil {
		return
	}
	epoch, e, err := parseNotice(m.Payload)
	if err != nil {
		return // reading the log brings it, or says what is wrong
	}
	if e.Offset > 0 {
		s.log.saw(w.bucket, w.room, epoch, &e)
	}
	s.log.push(w.room, epoch, e)
}

// confirm notes that a command was obeyed.
func (s *session) confirm(m *redis.Subscription) error {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	w := s.watches[m.Channel]
	if m.Kind == "ssubscribe" {
		if w != nil && !w.isReady {
			w.isReady = true
			close(w.ready)
		}
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left[m.Channel]--; s.left[m.Channel] >= 0 {
		if s.left[m.Channel] == 0 {
			delete(s.left, m.Channel)
		}
		return nil
	}
	return errors.New("redislog: subscription: the room has moved to another node")
}

// write brings the subscription in line with what is watched, and looks whether the
// connection is alive, until ctx ends.
func (s *session) write(ctx context.Context) error {
	tick := time.NewTicker(silence / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.kick:
			if err := s.follow(ctx); err != nil {
				return err
			}
		case <-tick.C:
			quiet := time.Since(time.Unix(0, s.heard.Load()))
			if quiet >= patience {
				return errors.New("redislog: subscription: no answer")
			}
			if quiet >= silence {
				if err := s.pubsub.Ping(ctx); err != nil {
					return fmt.Errorf("redislog: subscription: %w", err)
				}
			}
		}
	}
}

// follow subscribes to the dirty channels that are watched, and leaves the others.
func (s *session) follow(ctx context.Context) error {
	enter := map[string]struct{}{}
	var leave []string
	s.log.mu.Lock()
	for channel := range s.dirty {
		if _, ok := s.sent[channel]; s.watches[channel] != nil {
			enter[channel] = struct{}{}
		} else if ok {
			leave = append(leave, channel)
		}
	}
	clear(s.dirty)
	idle := len(s.watches) == 0
	s.log.mu.Unlock()
	if idle {
		return errIdle
	}
	s.mu.Lock()
	for _, channel := range leave {
		delete(s.sent, channel)
		s.left[channel]++
	}
	s.mu.Unlock()
	for part := range slices.Chunk(leave, subscribe) {
		if err := s.pubsub.SUnsubscribe(ctx, part...); err != nil {
			return fmt.Errorf("redislog: subscription: %w", err)
		}
	}
	return s.enter(ctx, enter)
}

// enter subscribes to channels.
func (s *session) enter(ctx context.Context, channels map[string]struct{}) error {
	list := make([]string, 0, len(channels))
	for channel := range channels {
		list = append(list, channel)
		s.sent[channel] = struct{}{}
	}
	for part := range slices.Chunk(list, subscribe) {
		if err := s.pubsub.SSubscribe(ctx, part...); err != nil {
			return fmt.Errorf("redislog: subscription: %w", err)
		}
	}
	return nil
}
