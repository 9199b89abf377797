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
	pingAfter   = 2 * time.Second // a connection that is silent for this long is pinged
	deadAfter   = 2 * pingAfter   // a connection that is silent for this long is taken for dead
	maxChannels = 500             // channels in one command
)

// A session is one connection of a subscriber.
type session struct {
	*subscriber
	pubsub       *redis.PubSub
	lastReceived atomic.Int64        // when the last reply came, in Unix nanoseconds
	sent         map[string]struct{} // channels that are subscribed to; only write uses it

	mu                sync.Mutex
	unconfirmedLeaves map[string]int // by channel: unsubscribe commands without a reply yet
	err               error          // why the session ends
}

var errIdle = errors.New("no room is watched")

// session subscribes to all watched rooms and returns when the connection is lost or no
// longer needed. It does not use the client's own resubscribing after a loss, because
// then the Log would not know which rooms are subscribed to.
func (f *subscriber) session() error {
	ctx, cancel := context.WithCancel(context.Background())
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel()
	s := &session{subscriber: f, sent: map[string]struct{}{}, unconfirmedLeaves: map[string]int{}}
	s.pubsub = f.log.client.SSubscribe(ctx)
	defer s.pubsub.Close()

	// The first command chooses the node, so it is sent before anything is read.
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
	s.lastReceived.Store(time.Now().UnixNano())
	helpers.Go(func() { s.end(s.write(ctx)) })
	for {
		m, err := s.pubsub.ReceiveTimeout(ctx, 0)
		if err != nil {
			return s.end(fmt.Errorf("redislog: subscription: %w", err))
		}
		s.lastReceived.Store(time.Now().UnixNano())
		switch m := m.(type) {
		case *redis.Message:
			s.deliver(m)
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

// end ends the session. It returns the error of its first call.
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

// complete runs when Redis has confirmed all rooms.
func (s *session) complete(ctx context.Context) {
	c, cancel := context.WithTimeout(ctx, pingAfter)
	defer cancel()
	s.log.checkLosses(c, s.first, len(s.log.subscribers))
	if ctx.Err() == nil {
		s.log.sinks.Resumed(s.subscriber)
	}
}

// deliver pushes a published event to the sinks.
func (s *session) deliver(m *redis.Message) {
	s.log.mu.RLock()
	w := s.watches[m.Channel]
	s.log.mu.RUnlock()
	if w == nil {
		return
	}
	epoch, e, trace, err := parseNotice(m.Payload)
	if err != nil {
		return // the servers read the event from the log, or get an error there
	}
	if e.Offset > 0 {
		s.log.noteSeen(w.bucket, w.room, epoch, &e)
	}
	s.log.push(w.room, epoch, e, trace)
}

// confirm notes that Redis has executed a subscribe or unsubscribe command.
func (s *session) confirm(m *redis.Subscription) error {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Kind == "ssubscribe" {
		// If an unsubscribe command is on its way, it ends this subscription again.
		if w := s.watches[m.Channel]; w != nil && !w.isReady && s.unconfirmedLeaves[m.Channel] == 0 {
			w.isReady = true
			close(w.ready)
		}
		return nil
	}
	if s.unconfirmedLeaves[m.Channel]--; s.unconfirmedLeaves[m.Channel] >= 0 {
		if s.unconfirmedLeaves[m.Channel] == 0 {
			delete(s.unconfirmedLeaves, m.Channel)
		}
		return nil
	}
	return errors.New("redislog: subscription: the room has moved to another node")
}

// write keeps the subscription equal to the watched rooms, and pings the connection when
// it is quiet, until ctx ends.
func (s *session) write(ctx context.Context) error {
	tick := time.NewTicker(pingAfter / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
			if err := s.applyChanges(ctx); err != nil {
				return err
			}
		case <-tick.C:
			quiet := time.Since(time.Unix(0, s.lastReceived.Load()))
			if quiet >= deadAfter {
				return errors.New("redislog: subscription: no answer")
			}
			if quiet >= pingAfter {
				if err := s.pubsub.Ping(ctx); err != nil {
					return fmt.Errorf("redislog: subscription: %w", err)
				}
			}
		}
	}
}

// applyChanges subscribes to the changed channels that are watched, and unsubscribes from
// the others.
func (s *session) applyChanges(ctx context.Context) error {
	enter := map[string]struct{}{}
	var leave []string
	s.log.mu.Lock()
	for channel := range s.changed {
		if _, ok := s.sent[channel]; s.watches[channel] != nil {
			enter[channel] = struct{}{}
		} else if ok {
			leave = append(leave, channel)
		}
	}
	clear(s.changed)
	idle := len(s.watches) == 0
	s.log.mu.Unlock()
	if idle {
		return errIdle
	}
	s.mu.Lock()
	for _, channel := range leave {
		delete(s.sent, channel)
		s.unconfirmedLeaves[channel]++
	}
	s.mu.Unlock()
	for part := range slices.Chunk(leave, maxChannels) {
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
	for part := range slices.Chunk(list, maxChannels) {
		if err := s.pubsub.SSubscribe(ctx, part...); err != nil {
			return fmt.Errorf("redislog: subscription: %w", err)
		}
	}
	return nil
}
