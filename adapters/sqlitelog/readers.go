package sqlitelog

import (
	"context"
	"errors"
	"sync"

	"github.com/ncruces/go-sqlite3"
)

const maxReaders = 4 // connections that read; each takes a few MB

// readers are the connections that read. They see the last commit, and do not wait for the
// writer.
type readers struct {
	log    *Log
	places chan struct{} // one for each connection in use
	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func (r *readers) init(l *Log) {
	r.log, r.places = l, make(chan struct{}, maxReaders)
}

// with calls f with a connection in a transaction that reads.
func (r *readers) with(ctx context.Context, f func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c, err := r.take()
	if err != nil {
		return err
	}
	c.db.SetInterrupt(ctx)
	err = f(c)
	c.db.SetInterrupt(context.Background())
	if end := c.rollback(); end != nil || broken(err) {
		return errors.Join(err, end, c.close())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
	if ctx.Err() != nil && err != nil {
		return ctx.Err()
	}
	return err
}

// inSnapshot calls f with a connection whose reads all see one commit.
func (r *readers) inSnapshot(ctx context.Context, f func(*conn) error) error {
	return r.with(ctx, func(c *conn) error {
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		return f(c)
	})
}

func (r *readers) take() (*conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errFileClosed
	}
	if n := len(r.idle); n > 0 {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return c, nil
	}
	return dial(r.log.uri(""), r.log.pragmas())
}

// close waits for the connections in use, and closes all.
func (r *readers) close() (err error) {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for range maxReaders {
		r.places <- struct{}{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.idle {
		err = errors.Join(err, c.close())
	}
	r.idle = nil
	for range maxReaders {
		<-r.places
	}
	return err
}

// broken reports whether a connection that has returned err should not be used again: what
// it has in memory may not be what is in the file.
func broken(err error) bool {
	for _, code := range []sqlite3.ErrorCode{
		sqlite3.IOERR, sqlite3.CORRUPT, sqlite3.NOTADB, sqlite3.CANTOPEN, sqlite3.READONLY, sqlite3.NOMEM, sqlite3.INTERNAL, sqlite3.PROTOCOL,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// ready returns an error if ctx has ended or the file was closed.
func (l *Log) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.writer.stopped.Load() {
		return errFileClosed
	}
	return nil
}
