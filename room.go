package chat

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Message is what somebody says, before it is an [Event] of the log.
type Message struct {
	// UserID is the stable id of whom the message is from; empty is nobody, who has no
	// private messages. Username is what people see; empty is the default username.
	UserID   string
	Username string
	// To is the id of the user who gets a private message; empty sends to everyone.
	To string
	// Text is shown as it stands: 1 byte to [WithMessageSize] bytes of UTF-8, not all blank.
	Text string
	// ID makes publishing idempotent: for five minutes at least, the same UserID and ID in
	// the same room are kept once. At most 64 bytes of UTF-8; empty is none.
	ID string
}

// Publish sends a message into a room, which need not be in use. UserID and Username are
// not checked. It returns the event as it was kept: when it returns, the message is in the
// log and is being delivered. The filter is asked, but neither the authorizer nor the rate
// limit. Errors are ErrBadName, ErrBadMessage, ErrRejected, ErrNoSuchUser,
// ErrServerClosed, and ErrUnavailable, after which the message may have been kept.
func (s *Server) Publish(ctx context.Context, room string, m Message) (Event, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return Event{}, err
	}
	if bad := checkText(m.Text, s.cfg.limits.messageSize); bad != nil {
		return Event{}, fmt.Errorf("%w: %s", ErrBadMessage, bad.Text)
	}
	if len(m.ID) > proto.MaxID || !utf8.ValidString(m.Text) || !utf8.ValidString(m.ID) {
		return Event{}, fmt.Errorf("%w: not UTF-8, or an ID over %d bytes", ErrBadMessage, proto.MaxID)
	}
	e := chatlog.Event{Type: TypeMessage, UserID: m.UserID, Username: m.Username, To: m.To, Text: m.Text, ID: m.ID}
	if e.Username == "" {
		e.Username = s.cfg.defaultName
	}
	if err := s.rooms.Connect(ctx); err != nil {
		return Event{}, err
	}
	if e.To != "" {
		e.Type = TypePrivate
		if err := s.address(ctx, room, &e); err != nil {
			return eventOf(s.unlessRepeated(ctx, room, e, err))
		}
	}
	return eventOf(s.append(ctx, User{ID: e.UserID, Name: e.Username}, room, e))
}

// append puts e, which is from u, through the filter into the log and the room. It returns
// the entry as it was kept: the first one, if e repeats it, and the epoch of its offset.
func (s *Server) append(ctx context.Context, u User, room string, e chatlog.Event) (stored chatlog.Event, epoch string, err error) {
	if s.rooms.Closing() {
		return e, "", ErrServerClosed
	}
	if s.cfg.hooks.filter != nil {
		m := Message{UserID: e.UserID, Username: e.Username, To: e.To, Text: e.Text, ID: e.ID}
		if refused := s.filter(ctx, u, room, &m); refused != nil {
			return s.unlessRepeated(ctx, room, e, refused)
		}
		e.Username, e.Text = m.Username, m.Text
	}
	return s.rooms.Publish(ctx, room, e)
}

// address completes a private message with its receiver's name.
func (s *Server) address(ctx context.Context, room string, e *chatlog.Event) error {
	m, ok, err := s.rooms.Log().Present(ctx, room, e.To)
	switch {
	case err != nil:
		return err
	case ok:
		e.ToUsername = m.Username
	case isAnonymous(e.To) || s.cfg.hooks.authenticate == nil || checkUserID(e.To) != nil:
		return ErrNoSuchUser
	default:
		e.ToUsername = e.To // kept, for when the user comes
	}
	return nil
}

// unlessRepeated returns why e is refused, or the entry that it repeats: the sender tries
// again for an answer that was lost, and is owed that answer whatever refuses e by now.
// Only what carries an id and is about to be refused costs this look. After an error
// nobody knows, and a refusal might be wrong.
func (s *Server) unlessRepeated(ctx context.Context, room string, e chatlog.Event, why error) (first chatlog.Event, epoch string, err error) {
	var u *undecided
	if errors.Is(why, ErrUnavailable) && !errors.As(why, &u) || e.ID == "" {
		return e, "", why
	}
	a, err := s.rooms.Log().Lookup(ctx, room, e.UserID, e.ID)
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

// Rooms returns the number of users present in each room, over all servers that
// share the log. Rooms with nobody in them are absent. An error is
// ErrUnavailable.
func (s *Server) Rooms(ctx context.Context) (map[string]int, error) {
	return s.rooms.Log().Rooms(ctx)
}

// Members returns at most limit of the users present in a room, over all servers
// that share the log, and how many there are. A limit of zero or less asks for
// the number alone. Errors are ErrBadName and ErrUnavailable.
func (s *Server) Members(ctx context.Context, room string, limit int) (members []Member, total int, err error) {
	if room, err = s.checkRoomName(room); err != nil {
		return nil, 0, err
	}
	list, err := s.rooms.Log().Members(ctx, room, limit)
	return list.Members, list.Total, err
}

// The codes that Disconnect closes with.
const (
	CloseRemoved   = proto.ClosePolicy    // 1008: removed by the server or its rules; the client may come back
	CloseForbidden = proto.CloseForbidden // 4003: forbidden from now on; the client does not come back by itself
)

// A Disconnect says which of a user's connections end, and how.
type Disconnect struct {
	// Room is the room whose connections end; empty means all rooms.
	Room string
	// Code is the close code (RFC 6455, section 7.4): CloseRemoved, CloseForbidden, 1000,
	// 1011, 1013 or one from 3000 to 4999; 0 is CloseRemoved. Any other is an error.
	Code int
	// Reason goes into the close frame: at most 123 bytes of UTF-8. What is more is cut off
	// at a character, and bytes that are no UTF-8 become U+FFFD.
	Reason string
}

// Disconnect closes a user's connections on every server that shares the log. It ends
// handshakes under way as well. It keeps nobody from coming back, which is for the
// authenticator or the authorizer to do: refuse there first, and disconnect then. It
// returns before the connections are gone, and a user who is not there is no error. Errors
// are ErrBadName, ErrBadCode, ErrServerClosed and ErrUnavailable; after the last, servers
// other than this one may not have heard.
func (s *Server) Disconnect(ctx context.Context, userID string, d Disconnect) error {
	if d.Code == 0 {
		d.Code = CloseRemoved
	}
	if !mayCloseWith(d.Code) {
		return fmt.Errorf("%w: %d", ErrBadCode, d.Code)
	}
	// Made valid before it is told: logs may refuse it, or change it each in its own way.
	reason := proto.CutText(d.Reason, proto.MaxReason)
	return s.tell(ctx, userID, d.Room, chatlog.Event{Kind: kindDisconnect, ID: fmt.Sprint(d.Code), Text: reason})
}

// Reauthorize asks the authorizer again whether a user may be in a room, or with an empty
// room in any that the user is in, on every server that shares the log, and ends what it
// refuses with CloseForbidden and the refusal's text. Call it after the rights of a user
// have changed. Without an authorizer it does nothing. It returns before the connections
// are gone. Errors are those of Disconnect but ErrBadCode.
func (s *Server) Reauthorize(ctx context.Context, room, userID string) error {
	return s.tell(ctx, userID, room, chatlog.Event{Kind: kindReauthorize})
}

// What servers tell each other to do.
const (
	kindDisconnect  = "disconnect"
	kindReauthorize = "reauthorize"
)

// tell has all servers do what e says to a user.
func (s *Server) tell(ctx context.Context, userID, room string, e chatlog.Event) (err error) {
	if room != "" {
		if room, err = s.checkRoomName(room); err != nil {
			return err
		}
	}
	if err := s.rooms.Connect(ctx); err != nil {
		return err
	}
	if len(userID) > proto.MaxUser {
		return nil // nobody is called that, and it might not fit into a signal
	}
	e.Type, e.UserID, e.To = TypeSystem, userID, room
	return s.rooms.Tell(ctx, e)
}

// mayCloseWith reports whether code is one that an application may send.
func mayCloseWith(code int) bool {
	switch code {
	case 1000, CloseRemoved, proto.CloseInternal, proto.CloseTryAgain:
		return true
	}
	return 3000 <= code && code <= 4999
}

// control does what a server was told.
func (s *Server) control(e chatlog.Event) {
	if e.Kind != kindDisconnect && e.Kind != kindReauthorize {
		return
	}
	s.mu.Lock()
	var meant []*session
	for c := range s.sessions {
		if c.meant(&e) {
			meant = append(meant, c)
		}
	}
	for c := range s.joining { // who it is may not be known yet
		if len(c.removals) <= maxRemovals {
			c.removals = append(c.removals, e)
		}
	}
	s.mu.Unlock()
	if e.Kind == kindReauthorize && len(meant) > 0 {
		// The hook may take its time, and the feed must go on.
		go s.reauthorize(meant) // ends with the hook's last answer
		return
	}
	for _, c := range meant {
		c.remove(&e)
	}
}

// reauthorize ends those of all whom the authorizer refuses now.
func (s *Server) reauthorize(all []*session) {
	for _, c := range all {
		if r, ok := s.authorize(s.rooms.Context(), c.user, c.room, ActionJoin).(*refusal); ok {
			c.conn.Close(CloseForbidden, r.text)
		}
	}
}

// maxRemovals bounds what a handshake remembers. One that has taken so long that
// there was more has to begin again.
const maxRemovals = 1000

// meant reports whether e is about c.
func (c *session) meant(e *chatlog.Event) bool {
	return c.user.ID == e.UserID && (e.To == "" || e.To == c.room)
}

// remove closes c as e says.
func (c *session) remove(e *chatlog.Event) {
	var code int
	fmt.Sscan(e.ID, &code)
	if !mayCloseWith(code) { // of another version
		code = CloseRemoved
	}
	c.conn.Close(code, e.Text)
}

// recheck does for c, whose member has joined now, what was asked for during its
// handshake. Whom Disconnect meant gets the close frame when connected. Where something
// was asked for, or over a shared log, where the handshake may have taken long and what
// another server asked for may be lost, the authorizer is asked once more.
func (s *Server) recheck(ctx context.Context, c *session) error {
	if !s.local || len(c.removals) > 0 {
		if err := s.may(ctx, c.user, c.room, ActionJoin); err != nil {
			return err
		}
	}
	if len(c.removals) > maxRemovals {
		return ErrUnavailable
	}
	for i := range c.removals {
		if e := &c.removals[i]; e.Kind == kindDisconnect && c.meant(e) {
			c.remove(e)
		}
	}
	c.removals = nil
	return nil
}
