package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Message is a message to publish. In the log it becomes an [Event].
type Message struct {
	// UserID is the stable id of the sender, at most 128 bytes; it may be empty, and then no
	// user counts as the sender. Username is the name that people see; empty means the
	// default username. All fields are UTF-8.
	UserID   string
	Username string
	// To is the id of the user who gets a private message; empty sends to everyone.
	To string
	// Text has 1 byte to [WithMessageSize] bytes of UTF-8, and is not all blank. It is
	// delivered as it is, unless the filter changes it.
	Text string
	// ID makes publishing idempotent: within five minutes, and possibly longer, a second
	// message with the same UserID and ID in the same room is not kept, and Publish returns
	// the first. At most 64 bytes of UTF-8; empty means no id.
	ID string
}

// Publish sends a message into a room, which need not be in use. UserID and Username are
// put to no rule. When Publish returns, the log holds the message, and members are getting it.
// It returns the event as the log holds it. The filter is asked; the authorizer and the
// rate limit do not apply. Errors are ErrBadName, ErrBadMessage, ErrRejected,
// ErrNoSuchUser, ErrServerClosed and ErrUnavailable; after the last, the log may still hold
// the message.
func (s *Server) Publish(ctx context.Context, room string, m Message) (Event, error) {
	room, err := s.checkRoomName(room)
	if err != nil {
		return Event{}, err
	}
	if bad := checkText(m.Text, s.cfg.limits.messageSize); bad != nil {
		return Event{}, fmt.Errorf("%w: %s", ErrBadMessage, bad.Text)
	}
	if len(m.ID) > proto.MaxID || len(m.UserID) > proto.MaxUser || !valid(m.UserID, m.Username, m.To, m.Text, m.ID) {
		return Event{}, fmt.Errorf("%w: not UTF-8, an ID over %d bytes or a UserID over %d", ErrBadMessage, proto.MaxID, proto.MaxUser)
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

// append passes e, which is from u, through the filter and appends it to the log and the
// room. It returns the entry that the log holds, which is the first one if e repeats it,
// and the epoch of its offset.
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

// address adds the receiver's name to a private message.
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
		e.ToUsername = e.To // the user is not here now, and can read it later
	}
	return nil
}

// unlessRepeated is called with why, the reason to refuse e. If e repeats an entry of the
// log, it returns that entry: the sender has lost the first answer, and gets it now
// whatever the rules say about e today. Otherwise it returns why. Only a message with an id
// that is about to be refused costs this look-up. If the look-up fails, its error is
// returned, because the refusal might be wrong.
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

// Rooms returns the number of users present per room, over all servers that share the log.
// Rooms without users are not in the map. Errors are ErrUnavailable and a canceled
// context's.
func (s *Server) Rooms(ctx context.Context) (map[string]int, error) {
	return s.rooms.Log().Rooms(ctx)
}

// Members returns at most limit of the users present in a room, over all servers that share
// the log, and total, the number of all of them. With a limit of zero or less it returns
// only the number. Errors are ErrBadName, ErrUnavailable and a canceled context's.
func (s *Server) Members(ctx context.Context, room string, limit int) (members []Member, total int, err error) {
	if room, err = s.checkRoomName(room); err != nil {
		return nil, 0, err
	}
	list, err := s.rooms.Log().Members(ctx, room, limit)
	return list.Members, list.Total, err
}

// Close codes for [Disconnect] (RFC 6455, section 7.4).
const (
	CloseRemoved   = proto.ClosePolicy    // 1008: the server or its rules removed the user; the client may come back
	CloseForbidden = proto.CloseForbidden // 4003: forbidden from now on; the client does not come back by itself
)

// A Disconnect says which of a user's connections [Server.Disconnect] ends, and how.
type Disconnect struct {
	// Room is the room whose connections end; empty means all rooms.
	Room string
	// Code is the close code (RFC 6455, section 7.4): CloseRemoved, CloseForbidden, 1000,
	// 1011, 1013 or one from 3000 to 4999; 0 is CloseRemoved. Any other is an error.
	Code int
	// Reason is the text in the close frame (RFC 6455, section 5.5.1): at most 123 bytes of
	// UTF-8. A longer text is cut between two characters, and bytes that are not UTF-8
	// become U+FFFD.
	Reason string
}

// Disconnect closes a user's connections on every server that shares the log, also those in
// the middle of their handshakes. It does not stop the user from coming back: let the
// authenticator or the authorizer refuse the user first, then call Disconnect. It returns
// before the connections are closed. A user without connections is no error. Errors are
// ErrBadName, ErrBadCode, ErrServerClosed and ErrUnavailable; after the last, other servers
// may not have closed the user's connections.
func (s *Server) Disconnect(ctx context.Context, userID string, d Disconnect) error {
	if d.Code == 0 {
		d.Code = CloseRemoved
	}
	if !mayCloseWith(d.Code) {
		return fmt.Errorf("%w: %d", ErrBadCode, d.Code)
	}
	// Made valid here, because logs may refuse invalid text, or change it in different ways.
	reason := proto.CutText(d.Reason, proto.MaxReason)
	return s.tell(ctx, userID, d.Room, chatlog.Event{Kind: kindDisconnect, ID: fmt.Sprint(d.Code), Text: reason})
}

// Reauthorize asks the authorizer again whether a user may be in a room, on every server
// that shares the log; with an empty room, in every room that the user is in. Connections
// that the authorizer refuses are closed with CloseForbidden and the refusal's text. Call
// it after a user's rights have changed. Without an authorizer it does nothing. It returns
// before the connections are closed. Errors are those of Disconnect except ErrBadCode.
func (s *Server) Reauthorize(ctx context.Context, room, userID string) error {
	return s.tell(ctx, userID, room, chatlog.Event{Kind: kindReauthorize})
}

// The commands that servers send to each other.
const (
	kindDisconnect  = "disconnect"
	kindReauthorize = "reauthorize"
)

// tell sends e, a command about a user, to all servers, including this one.
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
		return nil // no user has such an id, and it might be too long for a signal
	}
	e.Type, e.UserID, e.To = TypeSystem, userID, room
	return s.rooms.Tell(ctx, e)
}

// mayCloseWith reports whether code is one that an application may send.
func mayCloseWith(code int) bool {
	switch code {
	case proto.CloseNormal, CloseRemoved, proto.CloseInternal, proto.CloseTryAgain:
		return true
	}
	return 3000 <= code && code <= 4999
}

// control carries out e, a command that a server has sent.
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
	for c := range s.joining { // the user may not be known yet
		if len(c.removals) <= maxRemovals {
			c.removals = append(c.removals, e)
		}
	}
	s.mu.Unlock()
	if e.Kind == kindReauthorize && len(meant) > 0 {
		// The hook may be slow, and the caller, the log's feed, must not wait.
		go s.reauthorize(meant) // ends with the hook's last answer
		return
	}
	for _, c := range meant {
		c.remove(&e)
	}
}

// reauthorize closes the sessions of all that the authorizer refuses now. It asks with the
// latest credentials of each.
func (s *Server) reauthorize(all []*session) {
	defer func() {
		if len(all) > 0 { // the hook has ended the goroutine: the others are asked about, too
			go s.reauthorize(all)
		}
	}()
	for len(all) > 0 {
		c := all[0]
		all = all[1:]
		if r, ok := s.authorize(s.rooms.Context(), *c.cred.Load(), c.room, ActionJoin).(*refusal); ok {
			c.conn.Close(CloseForbidden, r.text)
		}
	}
}

// maxRemovals limits the commands that a handshake remembers. A handshake during which more
// arrive fails; the client begins again.
const maxRemovals = 1000

// meant reports whether e is about c.
func (c *session) meant(e *chatlog.Event) bool {
	return c.user.ID == e.UserID && (e.To == "" || e.To == c.room)
}

// remove closes c as e says.
func (c *session) remove(e *chatlog.Event) {
	var code int
	fmt.Sscan(e.ID, &code)
	if !mayCloseWith(code) { // from a server of another version
		code = CloseRemoved
	}
	c.conn.Close(code, e.Text)
}

// recheck carries out the commands that arrived during c's handshake. c's member has joined
// now. A session that Disconnect meant gets its close frame when it is connected. If there
// was a command, the authorizer is asked once more; over a shared log it always is, because
// the handshake may have taken long, and a command of another server may have been lost.
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
