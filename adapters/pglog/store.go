package pglog

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

// maxPage is how many events one Read returns at most, whatever its limit.
const maxPage = 10_000

// Read implements [chatlog.Store]. It returns at most 10,000 events.
//
// If an operator has deleted the row of an event, Read returns a private message without sender
// and receiver in its place, which no user may see. It does the same for a deleted message. With
// Visible or Messages it returns nothing in their places.
func (l *Log) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	if err := checkNames(room); err != nil {
		return chatlog.Page{}, err
	}
	limit := max(0, min(r.Limit, maxPage))
	if r.Visible || r.Messages {
		return l.readSome(ctx, room, r, limit)
	}
	bound := boundOf(r)
	page, err := l.query(ctx, room, false, func(s *statements) string {
		if r.From > 0 {
			return s.forward
		}
		return s.backward
	}, escape(room), int64(bound), int64(limit))
	if err != nil {
		return chatlog.Page{}, err
	}
	last := page.Position.Offset
	if r.From > 0 {
		from := max(r.From, page.First)
		end := min(from+uint64(limit), last+1)
		page.Events = fillMissing(page.Events, from, end)
		page.More = max(end, from) <= last
	} else {
		end := min(bound, last+1)
		from := max(page.First, end-min(uint64(limit), end))
		page.Events = fillMissing(page.Events, from, end)
		page.More = min(from, end) > page.First
	}
	return page, nil
}

// boundOf returns, as an argument of a statement, the offset at which r begins or before which
// it ends.
func boundOf(r chatlog.Range) uint64 {
	bound := r.Before
	if r.From > 0 {
		bound = r.From
	} else if bound == 0 {
		bound = math.MaxInt64 / 2
	}
	return min(bound, math.MaxInt64/2)
}

// readSome reads one event more than the limit, to learn whether there are more.
func (l *Log) readSome(ctx context.Context, room string, r chatlog.Range, limit int) (chatlog.Page, error) {
	args := []any{escape(room), int64(boundOf(r)), int64(limit) + 1}
	if r.Visible {
		if !utf8.ValidString(r.Reader) {
			r.Reader = "" // no user has such an id
		}
		args = append(args, escape(r.Reader))
	}
	page, err := l.query(ctx, room, r.Messages, func(s *statements) string {
		return s.some[kind{r.Visible, r.Messages, r.From > 0}]
	}, args...)
	if err != nil {
		return chatlog.Page{}, err
	}
	if page.More = len(page.Events) > limit; page.More {
		page.Events = page.Events[:limit]
	}
	if r.From == 0 {
		slices.Reverse(page.Events)
	}
	return page, nil
}

// query executes one of the statements that read a range of a room's events. With messages, the
// rows have the columns for messages too.
func (l *Log) query(ctx context.Context, room string, messages bool, sql func(*statements) string, args ...any) (page chatlog.Page, err error) {
	err = l.withGeneration(ctx, func(c dbConn) (found bool, err error) {
		page = chatlog.Page{}
		rows, err := c.Query(ctx, sql(c.sql), args...)
		if err != nil {
			return false, err
		}
		defer rows.Close()
		var epoch, origin string
		var newest chatlog.Event
		var e row
		columns := e.columns()
		if messages {
			columns = e.messageColumns()
		}
		into := append([]any{&epoch, &origin, &page.First, &page.Position.Offset}, columns...)
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return false, err
			}
			found = true
			page.Position.Epoch = epochOf(epoch, origin)
			if e.offset != nil {
				page.Events = append(page.Events, e.event())
				if uint64(*e.offset) > newest.Offset {
					newest = page.Events[len(page.Events)-1]
				}
			}
		}
		if newest.Offset > 0 {
			l.noteSeen(room, epoch, origin, &newest)
		}
		return found, rows.Err()
	})
	return page, err
}

// fillMissing adds a private message without users for each missing event of from..end-1.
func fillMissing(events []chatlog.Event, from, end uint64) []chatlog.Event {
	if from >= end {
		return nil
	}
	if uint64(len(events)) == end-from {
		return events
	}
	var at time.Time
	if len(events) > 0 {
		at = events[0].Time
	}
	full := make([]chatlog.Event, 0, end-from)
	for o := from; o < end; o++ {
		if len(events) > 0 && events[0].Offset == o {
			at = events[0].Time
			full = append(full, events[0])
			events = events[1:]
			continue
		}
		full = append(full, chatlog.Event{Type: chatlog.TypePrivate, Offset: o, Time: at})
	}
	return full
}

// Lookup implements [chatlog.Store].
func (l *Log) Lookup(ctx context.Context, room, userID, id string) (a chatlog.Appended, err error) {
	if err := checkNames(room, userID, id); err != nil {
		return a, err
	}
	err = l.withRetry(ctx, func(c dbConn) (err error) {
		a, err = c.find(ctx, room, userID, id)
		return err
	})
	return a, err
}

// find returns the event that userID has stored with id.
func (c dbConn) find(ctx context.Context, room, userID, id string) (a chatlog.Appended, err error) {
	var epoch, origin string
	var r row
	err = c.QueryRow(ctx, c.sql.lookup, escape(room), escape(userID), escape(id)).Scan(append([]any{&epoch, &origin}, r.columns()...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, nil
	}
	if err == nil {
		a = chatlog.Appended{Event: r.stored(), Epoch: epochOf(epoch, origin), Repeated: true}
	}
	return a, err
}

// Positions implements [chatlog.Store].
func (l *Log) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	if len(rooms) == 0 {
		return nil, nil
	}
	names := make([]string, len(rooms))
	for i, r := range rooms {
		names[i] = escape(r)
	}
	at := make([]chatlog.Position, 0, len(rooms))
	err := l.withGeneration(ctx, func(c dbConn) (bool, error) {
		at = at[:0]
		rows, err := c.Query(ctx, c.sql.positions, names)
		if err != nil {
			return false, err
		}
		var epoch, origin string
		var offset uint64
		_, err = pgx.ForEachRow(rows, []any{&epoch, &origin, &offset}, func() error {
			at = append(at, chatlog.Position{Epoch: epochOf(epoch, origin), Offset: offset})
			return nil
		})
		return len(at) > 0, err
	})
	return at, err
}

// Renew implements [chatlog.Store].
func (l *Log) Renew(ctx context.Context, room, seen string) (string, error) {
	if err := checkNames(room); err != nil {
		return "", err
	}
	stored, _, _ := strings.Cut(seen, "-")
	for {
		page, err := l.Read(ctx, room, chatlog.Range{})
		if err != nil || page.Position.Epoch != seen {
			return page.Position.Epoch, err
		}
		err = l.withRetry(ctx, func(c dbConn) error {
			fresh := newEpoch()
			tag, err := c.Exec(ctx, c.sql.renew, escape(room), stored, fresh)
			if err == nil && tag.RowsAffected() == 0 {
				_, err = c.Exec(ctx, c.sql.renewNew, escape(room), stored, fresh)
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
}

// newEpoch returns a new value for the stored part of an epoch.
func newEpoch() string { return strings.ToLower(rand.Text()) }

// withGeneration calls f. If f finds no row, the table of rooms was emptied. Then withGeneration
// stores a new epoch for rooms without events, and calls f again.
func (l *Log) withGeneration(ctx context.Context, f func(dbConn) (found bool, err error)) error {
	return l.withRetry(ctx, func(c dbConn) error {
		found, err := f(c)
		if err != nil || found {
			return err
		}
		if _, err := c.Exec(ctx, c.sql.generation, newEpoch()); err != nil {
			return err
		}
		_, err = f(c)
		return err
	})
}
