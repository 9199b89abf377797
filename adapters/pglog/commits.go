package pglog

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A transaction of the application sends no notice: its NOTIFY would hold a lock of the whole
// database while the commit waits for the disk (see notify.go). So the Log asks the database
// whether the transaction has committed, and sends the notice then.

const (
	commitPause  = 4 * time.Millisecond   // the shortest time between two questions
	commitPauses = 250 * time.Millisecond // the longest
	commitAge    = time.Minute            // the others find the messages of older transactions
	maxOpenTx    = 10_000
)

// A txAppend is a message in a transaction of the application.
type txAppend struct {
	xid    string
	room   string
	offset uint64
}

// An openTx is a transaction that has appended messages, and may be open.
type openTx struct {
	rooms map[string]span
	last  time.Time // when it last appended
}

// commits are the transactions that are open. While there are any, one goroutine asks for them.
// It is guarded by Log.mu.
type commits struct {
	open   map[string]*openTx // by id
	asking bool
}

// announceCommitted announces a message when its transaction has committed.
func (l *Log) announceCommitted(a txAppend) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.commits
	tx := c.open[a.xid]
	if tx == nil {
		if len(c.open) >= maxOpenTx {
			return // the servers find the message by comparing positions
		}
		tx = &openTx{rooms: map[string]span{}}
		c.open[a.xid] = tx
	}
	s := span{a.offset, a.offset}
	if old, ok := tx.rooms[a.room]; ok {
		s = s.with(old)
	}
	tx.rooms[a.room], tx.last = s, time.Now()
	if !c.asking {
		c.asking = true
		l.goLocked(l.askForCommits)
	}
}

// askForCommits runs until no transaction is open. If the database cannot be asked, or ctx ends,
// the servers find the messages by comparing positions.
func (l *Log) askForCommits(ctx context.Context) {
	for {
		ids, pause := l.openTransactions()
		if len(ids) == 0 {
			return
		}
		if !sleep(ctx, pause) || l.announceEnded(ctx, ids) != nil {
			l.mu.Lock()
			clear(l.commits.open)
			l.mu.Unlock()
		}
	}
}

// openTransactions returns the open transactions, and the time until the next question. If there
// are none, the caller must stop asking. A transaction that was open for long is asked for less
// often.
func (l *Log) openTransactions() (ids []string, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	youngest := commitAge
	for id, tx := range l.commits.open {
		age := time.Since(tx.last)
		if age > commitAge {
			delete(l.commits.open, id)
			continue
		}
		ids = append(ids, id)
		youngest = min(youngest, age)
	}
	l.commits.asking = len(ids) > 0
	return ids, min(max(youngest/4, commitPause), commitPauses)
}

// announceEnded announces the messages of those of the transactions that have committed.
func (l *Log) announceEnded(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return l.with(ctx, func(c dbConn) error {
		rows, err := c.Query(ctx, `SELECT id, pg_xact_status(id::xid8) = 'committed' FROM unnest($1::text[]) id
WHERE pg_xact_status(id::xid8) IS DISTINCT FROM 'in progress'`, ids)
		if err != nil {
			return err
		}
		ended := map[string]bool{} // whether it has committed
		var id string
		var committed *bool
		if _, err := pgx.ForEachRow(rows, []any{&id, &committed}, func() error {
			ended[id] = committed != nil && *committed
			return nil
		}); err != nil {
			return err
		}
		here := l.announceRooms(ended)
		if len(here) == 0 {
			return nil
		}
		return l.fetch(ctx, c.Conn, here, nil)
	})
}

// announceRooms removes the transactions that have ended. It sends notices for those that have
// committed, and returns the new offsets of the rooms that are watched here.
func (l *Log) announceRooms(ended map[string]bool) (here map[string]span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	here = map[string]span{}
	for id, committed := range ended {
		tx := l.commits.open[id]
		delete(l.commits.open, id)
		if tx == nil || !committed {
			continue
		}
		for room, s := range tx.rooms {
			l.announceSpan(key(room), s)
			if l.rooms[room] == nil {
				continue
			}
			if old, ok := here[room]; ok {
				s = s.with(old)
			}
			here[room] = s
		}
	}
	return here
}
