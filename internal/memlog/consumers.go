package memlog

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/claim"
	"github.com/seed-08328bfd/chat/internal/lock"
)

// consumers are the names of consumers. Each room has their places, which go with the room. The
// lock is held until a new consumer has its places, so that it is made once.
type consumers struct {
	mu     lock.Consumers
	names  map[string]bool
	claims claim.Table
}

func (c *consumers) known(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[name]
}

// eachRoom calls f for every room, with its shard locked.
func (l *Log) eachRoom(f func(r *roomState)) {
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for _, r := range sh.rooms {
			f(r)
		}
		sh.mu.Unlock()
	}
}

// setPlace notes that everything up to offset was handled.
func (r *roomState) setPlace(consumer string, offset uint64) {
	if r.consumed == nil {
		r.consumed = map[string]uint64{}
	}
	r.consumed[strings.Clone(consumer)] = offset
}

// AddConsumer implements [chatlog.Tracker].
func (l *Log) AddConsumer(ctx context.Context, name string, skip bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.consumers.mu.Lock()
	defer l.consumers.mu.Unlock()
	if l.consumers.names[name] {
		return nil
	}
	l.eachRoom(func(r *roomState) {
		if skip {
			r.setPlace(name, r.last)
		} else {
			r.setPlace(name, r.first-1)
		}
	})
	if l.consumers.names == nil {
		l.consumers.names = map[string]bool{}
	}
	l.consumers.names[strings.Clone(name)] = true
	return nil
}

// RemoveConsumer implements [chatlog.Tracker].
func (l *Log) RemoveConsumer(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.consumers.mu.Lock()
	defer l.consumers.mu.Unlock()
	delete(l.consumers.names, name)
	l.eachRoom(func(r *roomState) { delete(r.consumed, name) })
	return nil
}

// Consumers implements [chatlog.Tracker].
func (l *Log) Consumers(ctx context.Context) ([]chatlog.Consumer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.consumers.mu.Lock()
	names := slices.Sorted(maps.Keys(l.consumers.names))
	l.consumers.mu.Unlock()
	all := make([]chatlog.Consumer, len(names))
	for i, name := range names {
		all[i].Name = name
	}
	l.eachRoom(func(r *roomState) {
		for i := range all {
			if at := max(r.consumed[all[i].Name], r.first-1); at < r.last {
				all[i].Rooms++
				all[i].Events += r.last - at
			}
		}
	})
	return all, nil
}

// Behind implements [chatlog.Tracker].
func (l *Log) Behind(ctx context.Context, name string, except []string, limit int) (rooms []string, err error) {
	if err := ctx.Err(); err != nil || !l.consumers.known(name) {
		return nil, err
	}
	l.eachRoom(func(r *roomState) {
		if len(rooms) < limit && r.consumed[name] < r.last && !slices.Contains(except, r.name) && !l.consumers.claims.Taken(claim.Key{Consumer: name, Room: r.name}) {
			rooms = append(rooms, r.name)
		}
	})
	return rooms, nil
}

// Claim implements [chatlog.Tracker].
func (l *Log) Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (chatlog.Claim, error) {
	if err := ctx.Err(); err != nil || !l.consumers.known(name) {
		return nil, err
	}
	c := &claimed{log: l, key: claim.Key{Consumer: name, Room: room}}
	if c.token = l.consumers.claims.Take(c.key, hold); c.token == 0 {
		return nil, nil
	}
	var at uint64
	l.inRoom(room, func(r *roomState) { at = r.consumed[name] })
	p, err := l.Read(ctx, room, chatlog.Range{From: at + 1, Limit: limit})
	if err != nil || len(p.Events) == 0 {
		l.consumers.claims.Drop(c.key, c.token)
		return nil, err
	}
	c.batch = chatlog.Batch{Room: room, Epoch: p.Position.Epoch, Events: p.Events, Missed: p.First > at+1}
	return c, nil
}

// inRoom calls f for a room, with its shard locked, and reports whether there is the room.
func (l *Log) inRoom(room string, f func(r *roomState)) bool {
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rooms[room]
	if r != nil {
		f(r)
	}
	return r != nil
}

// Grown implements [chatlog.Tracker].
func (l *Log) Grown() <-chan struct{} { return l.growth.Next() }

// claimed is a claim of the memory log.
type claimed struct {
	log   *Log
	key   claim.Key
	token uint64
	batch chatlog.Batch
}

func (c *claimed) Batch() *chatlog.Batch { return &c.batch }

func (c *claimed) Context(ctx context.Context) context.Context { return ctx }

func (c *claimed) Renew(_ context.Context, hold time.Duration) error {
	if !c.log.consumers.claims.Renew(c.key, c.token, hold) {
		return chatlog.ErrClaimLost
	}
	return nil
}

func (c *claimed) Done(context.Context) error {
	if !c.log.consumers.claims.Keep(c.key, c.token) {
		return chatlog.ErrClaimLost
	}
	defer c.log.consumers.claims.Drop(c.key, c.token)
	if !c.log.consumers.known(c.key.Consumer) {
		return chatlog.ErrClaimLost
	}
	c.log.inRoom(c.key.Room, func(r *roomState) {
		if r.epoch == c.batch.Epoch { // and not a later room of the same name
			r.setPlace(c.key.Consumer, c.batch.Events[len(c.batch.Events)-1].Offset)
		}
	})
	return nil
}

func (c *claimed) Release(context.Context) error {
	c.log.consumers.claims.Drop(c.key, c.token)
	return nil
}
