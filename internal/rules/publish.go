package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/trace"
)

// A Sender is whom an entry comes from.
type Sender struct {
	User
	Moderator bool // may delete messages of others
	Client    bool // the slow mode holds
}

// Entry returns an entry of type typ with what m says.
func (r *Rules) Entry(typ chatlog.Type, m Message) (e chatlog.Event, err error) {
	data, bad := Data(m.Data, r.cfg.Sizes.Data)
	if bad == nil {
		bad = request.CheckText(m.Text, len(data) > 0, r.cfg.Sizes.Text)
	}
	if bad != nil {
		return e, fmt.Errorf("%w: %s", ErrBadMessage, bad.Text)
	}
	if !Valid(m.To, m.Text) {
		return e, fmt.Errorf("%w: not UTF-8", ErrBadMessage)
	}
	e = chatlog.Event{Type: typ, Text: m.Text, Data: data}
	return e, r.Sign(&e, m.UserID, m.Username, m.ID)
}

// Sign sets which user e is from, and the user's own id of it.
func (r *Rules) Sign(e *chatlog.Event, userID, username, id string) error {
	if len(id) > proto.MaxID || len(userID) > proto.MaxUser || !Valid(userID, username, id) {
		return fmt.Errorf("%w: not UTF-8, an ID over %d bytes or a UserID over %d", ErrBadMessage, proto.MaxID, proto.MaxUser)
	}
	e.UserID, e.Username, e.ID = userID, cmp.Or(username, r.cfg.DefaultName), id
	return nil
}

// Do keeps e, which a program has made, in the room that the rule makes of the name.
func (r *Rules) Do(ctx context.Context, room string, e chatlog.Event, moderator bool) (stored chatlog.Event, epoch string, err error) {
	if room, err = r.Room(room); err != nil {
		return e, "", err
	}
	if r.Tracer() == nil {
		return r.do(ctx, room, e, moderator)
	}
	ctx, span, end := r.BeginPublish(ctx, nil, room, &e)
	defer func() {
		if span.Err = err; err == nil {
			span.Offset = stored.Offset
		}
		end(span)
	}()
	return r.do(ctx, room, e, moderator)
}

// BeginPublish begins the span of publishing e, and returns the context for it, with the trace
// that the log carries to other servers. There is a tracer. from may be nil. The caller adds the
// results to the span, and ends it.
func (r *Rules) BeginPublish(ctx context.Context, from *trace.Origin, room string, e *chatlog.Event) (context.Context, trace.Span, func(trace.Span)) {
	span := trace.Span{Name: trace.Publish, Room: room, Type: e.Type, UserID: e.UserID, Began: time.Now()}
	if from != nil {
		span.Parent, span.Request = from.Parent, from.Request
	}
	ctx, end := r.Tracer().Start(ctx, span)
	return chatlog.WithTrace(ctx, r.Tracer().Trace(ctx)), span, func(s trace.Span) {
		s.Ended = time.Now()
		end(s)
	}
}

func (r *Rules) do(ctx context.Context, room string, e chatlog.Event, moderator bool) (stored chatlog.Event, epoch string, err error) {
	if err := r.Rooms.Connect(ctx); err != nil {
		return e, "", err
	}
	if e.Type == chatlog.TypePrivate {
		if err := r.Address(ctx, room, &e); err != nil {
			return r.UnlessRepeated(ctx, room, e, err)
		}
	}
	from := Sender{User: User{ID: e.UserID, Name: e.Username}, Moderator: moderator}
	return r.Append(ctx, from, room, e)
}

// Append passes e through the filter and the slow mode, and appends it to the log and the
// room. It returns the entry that the log holds, which is the first one if e repeats it, and
// the epoch of its offset.
func (r *Rules) Append(ctx context.Context, from Sender, room string, e chatlog.Event) (stored chatlog.Event, epoch string, err error) {
	if r.Rooms.Closing() {
		return e, "", ErrClosed
	}
	if r.cfg.Hooks.Filter != nil && (!e.Amends() || e.Type == chatlog.TypeEdit) {
		m := Message{UserID: e.UserID, Username: e.Username, To: e.To, Text: e.Text, Data: e.Data, ReplyTo: e.ReplyTo, ID: e.ID, Target: e.Target}
		if refused := r.filter(ctx, from.User, room, &m); refused != nil {
			return r.UnlessRepeated(ctx, room, e, refused)
		}
		e.Username, e.Text, e.Data = m.Username, m.Text, m.Data
	}
	if err := r.inTime(ctx, from, room, &e); err != nil {
		return r.UnlessRepeated(ctx, room, e, err)
	}
	return r.Rooms.Publish(ctx, room, e, from.Moderator)
}

// inTime reports what the log and the slow mode have against e.
func (r *Rules) inTime(ctx context.Context, from Sender, room string, e *chatlog.Event) error {
	log := r.Rooms.Log()
	if (e.Data != nil || e.ReplyTo != 0) && !log.Amends() {
		return ErrUnsupported
	}
	if e.ReplyTo > 0 {
		if there, err := r.Rooms.Reaches(ctx, room, e.ReplyTo); err != nil {
			return err
		} else if !there {
			return fmt.Errorf("%w: a reply to what is not there yet", ErrBadMessage)
		}
	}
	if r.cfg.Slow == 0 || !from.Client || e.Amends() {
		return nil
	}
	wait, err := log.Pace(ctx, room, e.UserID, e.ID, r.cfg.Slow)
	if err != nil || wait <= 0 || r.Moderates(ctx, from.User, room) {
		return err
	}
	return &TooSoon{min(wait, r.cfg.Slow)}
}

// Address adds the receiver's name to a private message.
func (r *Rules) Address(ctx context.Context, room string, e *chatlog.Event) error {
	m, ok, err := r.Rooms.Log().Present(ctx, room, e.To)
	switch {
	case err != nil:
		return err
	case ok:
		e.ToUsername = m.Username
	case anon.Is(e.To) || !r.Authenticates() || CheckUserID(e.To) != nil:
		return ErrNoSuchUser
	default:
		e.ToUsername = e.To // the user is not here now, and can read it later
	}
	return nil
}

// UnlessRepeated is called with why, the reason to refuse e. If e repeats an entry of the
// log, it returns that entry: the sender has lost the first answer, and gets it now
// whatever the rules say about e today. Otherwise it returns why. Only a message with an id
// that is about to be refused costs this look-up. If the look-up fails, its error is
// returned, because the refusal might be wrong.
func (r *Rules) UnlessRepeated(ctx context.Context, room string, e chatlog.Event, why error) (first chatlog.Event, epoch string, err error) {
	var u *Undecided
	if errors.Is(why, ErrUnavailable) && !errors.As(why, &u) || e.ID == "" {
		return e, "", why
	}
	a, err := r.Rooms.Log().Lookup(ctx, room, e.UserID, e.ID)
	switch {
	case err != nil:
		return e, "", err
	case !a.Repeated:
		return e, "", why
	case a.Event.Type == "": // no longer held
		e.Offset, e.Time = a.Event.Offset, a.Event.Time
		return e, a.Epoch, nil
	}
	return a.Event, a.Epoch, nil
}

// Signal sends e, a signal of a program, to the chat.v1 members of the room that the rule
// makes of the name. Its data has been checked.
func (r *Rules) Signal(ctx context.Context, room string, e chatlog.Event) error {
	room, err := r.Room(room)
	switch {
	case err != nil:
		return err
	case e.Data != nil && !r.Rooms.Log().Amends():
		return ErrUnsupported
	}
	if err := r.Rooms.Connect(ctx); err != nil {
		return err
	}
	return r.Rooms.Signal(ctx, room, e)
}

// Page reads what the user may see of a room's history.
func (r *Rules) Page(ctx context.Context, room, user string, q proto.Query) (chatlog.Page, error) {
	rg := chatlog.Range{Limit: q.Limit, Visible: true, Reader: user, Messages: true}
	switch {
	case q.HasAfter:
		rg.From = q.After + 1
	case q.HasBefore && q.Before == 0:
		rg.Limit = 0
	case q.HasBefore:
		rg.Before = q.Before
	}
	page, err := r.Rooms.Log().Read(ctx, room, rg)
	if err != nil {
		return chatlog.Page{}, err
	}
	if q.HasBefore && q.Before == 0 {
		page.More = false // nothing is older
	}
	return page, nil
}
