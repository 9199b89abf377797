package guard

import (
	"context"
	"errors"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// ErrUnsupported is returned by the methods of an optional interface that the log does not have.
// The log has not failed then.
var ErrUnsupported = errors.New("chat: the log does not support this")

var (
	_ chatlog.Amender = (*Log)(nil)
	_ chatlog.Marker  = (*Log)(nil)
	_ chatlog.Pacer   = (*Log)(nil)
)

// optional has the optional interfaces of a log. An interface that the log does not have is nil.
type optional struct {
	amender chatlog.Amender
	marker  chatlog.Marker
	pacer   chatlog.Pacer
	tracker chatlog.Tracker
}

// optionalOf returns the optional interfaces that log has.
func optionalOf(log chatlog.Log) (o optional) {
	o.amender, _ = log.(chatlog.Amender)
	o.marker, _ = log.(chatlog.Marker)
	o.pacer, _ = log.(chatlog.Pacer)
	o.tracker, _ = log.(chatlog.Tracker)
	return o
}

// Amends reports whether the log is a [chatlog.Amender].
func (l *Log) Amends() bool { return l.optional.amender != nil }

// Marks reports whether the log is a [chatlog.Marker].
func (l *Log) Marks() bool { return l.optional.marker != nil }

// Amend implements [chatlog.Amender]. Its errors may also be ErrNoSuchMessage and
// ErrTooManyReactions of package chatlog, in which case the log has not failed, and
// ErrUnsupported.
func (l *Log) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	if !l.Amends() {
		return chatlog.Appended{}, ErrUnsupported
	}
	a, refused, err := l.amend(ctx, room, e, moderator)
	if err == nil {
		err = refused
	}
	return a, err
}

// amend separates the log's refusals from its failures.
func (l *Log) amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (a chatlog.Appended, refused, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Amend", room, &err)
	a, err = l.optional.amender.Amend(ctx, room, e, moderator)
	for _, answer := range []error{chatlog.ErrNoSuchMessage, chatlog.ErrTooManyReactions} {
		if errors.Is(err, answer) {
			return chatlog.Appended{}, answer, nil
		}
	}
	return a, nil, err
}

// MarkRead implements [chatlog.Marker]. Its error may also be ErrUnsupported.
func (l *Log) MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, raised bool, err error) {
	if !l.Marks() {
		return 0, false, ErrUnsupported
	}
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("MarkRead", room, &err)
	return l.optional.marker.MarkRead(ctx, room, userID, offset)
}

// Unread implements [chatlog.Marker]. Its error may also be ErrUnsupported.
func (l *Log) Unread(ctx context.Context, userID string, rooms []string) (u []chatlog.Unread, err error) {
	if !l.Marks() {
		return nil, ErrUnsupported
	}
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Unread", "", &err)
	u, err = l.optional.marker.Unread(ctx, userID, rooms)
	return u, countOf("Unread", len(u), len(rooms), err)
}

// Pace implements [chatlog.Pacer]. If the log is no Pacer, the turns of this server count.
func (l *Log) Pace(ctx context.Context, room, userID, id string, every time.Duration) (wait time.Duration, err error) {
	if l.optional.pacer == nil {
		return l.turns.take(room, userID, id, every), nil
	}
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Pace", room, &err)
	return l.optional.pacer.Pace(ctx, room, userID, id, every)
}
