package redislog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	silence   = 2 * time.Second // after which a connection is pinged
	patience  = 2 * silence     // after which it is taken for dead
	subscribe = 500             // channels in one command
)

// A session is one connection of a feeder.
type session struct {
	*feeder
	pubsub *redis.PubSub
	heard  atomic.Int64        // when something came, in Unix nanoseconds
	sent   map[string]struct{} // channels that are subscribed to; write's own

	mu   sync.Mutex
	left map[string]int // commands to leave a channel that are not confirmed
	err  error          // why the session ends
}

var errIdle = errors.New("no room is watched")

// session subscribes to all watched rooms and returns when the connection is lost or
// no longer needed. The client's own way of subscribing again after a loss is not
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
	if s.err == nil {
		s.err = err
	}
	err = s.err
	s.mu.Unlock()
	s.pubsub.Close()
	if err == errIdle {
		return nil
	}
	return err
}

// complete is called when all rooms are subscribed to.
func (s *session) complete(ctx context.Context) {
	c, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	s.log.checkAll(c, s.first, len(s.log.feeders))
	if ctx.Err() == nil {
		s.log.sinks.Resumed(s.feeder)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Kind == "ssubscribe" {
		// A command to leave that is under way ends what this one confirms.
		if w := s.watches[m.Channel]; w != nil && !w.isReady && s.left[m.Channel] == 0 {
			w.isReady = true
			close(w.ready)
		}
		return nil
	}
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
