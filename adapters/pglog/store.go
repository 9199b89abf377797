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
// In place of an event whose row an operator has deleted, Read returns a private message
// without sender and receiver, which no user may see. With Visible it returns nothing in
// its place.
func (l *Log) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	if err := checkNames(room); err != nil {
		return chatlog.Page{}, err
	}
	limit := max(0, min(r.Limit, maxPage))
	if r.Visible {
		return l.readVisible(ctx, room, r, limit)
	}
	bound := boundOf(r)
	page, err := l.query(ctx, room, func(s *statements) string {
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

// boundOf returns the offset at which r begins, or before which it ends, as an argument of a
// statement.
func boundOf(r chatlog.Range) uint64 {
	bound := r.Before
	if r.From > 0 {
		bound = r.From
	} else if bound == 0 {
		bound = math.MaxInt64 / 2
	}
	return min(bound, math.MaxInt64/2)
}

// readVisible reads one event more than the limit, to know whether there are more.
func (l *Log) readVisible(ctx context.Context, room string, r chatlog.Range, limit int) (chatlog.Page, error) {
	if !utf8.ValidString(r.Reader) {
		r.Reader = "" // no user has such an id
	}
	page, err := l.query(ctx, room, func(s *statements) string {
		if r.From > 0 {
			return s.visibleForward
		}
		return s.visibleBackward
	}, escape(room), int64(boundOf(r)), int64(limit)+1, escape(r.Reader))
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

// query executes one of the statements that read a range of a room's events.
func (l *Log) query(ctx context.Context, room string, sql func(*statements) string, args ...any) (page chatlog.Page, err error) {
	err = l.withGeneration(ctx, func(c dbConn) (found bool, err error) {
		page = chatlog.Page{}
		rows, err := c.Query(ctx, sql(c.sql), args...)
		if err != nil {
			return false, err
		}
		defer rows.Close()
		var epoch, origin string
		var newest chatlog.Event
		for rows.Next() {
			var e row
			if err := rows.Scan(append([]any{&epoch, &origin, &page.First, &page.Position.Offset}, e.columns()...)...); err != nil {
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

// fillMissing adds a private message of nobody for each missing event of from..end-1.
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
	err = l.withRetry(ctx, func(c dbConn) error {
		var epoch, origin string
		var r row
		err := c.QueryRow(ctx, c.sql.lookup, escape(room), escape(userID), escape(id)).Scan(append([]any{&epoch, &origin}, r.columns()...)...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			a = chatlog.Appended{Event: r.event(), Epoch: epochOf(epoch, origin), Repeated: true}
		}
		return err
	})
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

// newEpoch returns the part of an epoch that is stored.
func newEpoch() string { return strings.ToLower(rand.Text()) }

// withGeneration calls f. If f finds nothing, somebody has emptied the table of rooms. Then
// withGeneration stores a new epoch for rooms without events, and calls f again.
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

// row is an event as the database returns it. Its fields are nil if there is no event.
type row struct {
	offset                                        *int64
	at                                            *time.Time
	kind, user, username, to, toName, message, id *string
}

func (r *row) columns() []any {
	return []any{&r.offset, &r.at, &r.kind, &r.user, &r.username, &r.to, &r.toName, &r.message, &r.id}
}

func (r *row) event() chatlog.Event {
	return chatlog.Event{
		Type:       chatlog.Type(*r.kind),
		Offset:     uint64(*r.offset),
		Time:       r.at.UTC(),
		UserID:     unescape(*r.user),
		Username:   unescape(*r.username),
		To:         unescape(*r.to),
		ToUsername: unescape(*r.toName),
		Text:       unescape(*r.message),
		ID:         unescape(*r.id),
	}
}
