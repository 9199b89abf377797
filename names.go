package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/hook"
	"github.com/seed-08328bfd/chat/internal/names"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
)

// CleanUsername is the default username rule. It returns name as it is shown: in
// Unicode's normal form KC (UAX #15) but where that spoils names, each emoji in one form, without
// white space around it and with one space for several; the result may be empty. The error says
// what to change. Refused are
//
//   - what is not UTF-8, or longer than 64 characters (code points);
//   - control, format (such as bidirectional overrides and zero-width characters),
//     unassigned, private-use and blank characters but the space. The joiners U+200C and
//     U+200D may stand where they change how letters look (UAX #31, section 2.3) and
//     in emoji (UTS #51), and are left out where they change nothing;
//   - combining marks that have no letter, or are too many on one;
//   - a word with letters of scripts that no language mixes, or with digits of two,
//     which is how one name is made to look like another: words are moderately
//     restrictive (UTS #39, section 5.2), and Armenian does not mix with Latin either.
//     Words end at everything that is no letter, mark or number: "Олег (Oleg)" is fine.
//
// Names need not be unique, and letters of one script may look alike: the user's
// id tells users apart.
func CleanUsername(name string) (string, error) {
	n, err := names.Check("username", strings.TrimFunc(name, func(r rune) bool {
		return unicode.Is(unicode.Zs, r) // control characters are refused at the ends too
	}))
	if err != nil {
		return "", badName(err)
	}
	return strings.Trim(n, " "), nil
}

// CleanRoom is the default room rule. It returns name as CheckUsername does, so that
// names that look the same are the same room; upper and lower case
// differ. It refuses the empty name, ".", ".." and names with a slash or backslash,
// with white space around them, or with anything that CheckUsername refuses.
func CleanRoom(name string) (string, error) {
	n, err := names.Check("room's name", name)
	switch {
	case err != nil:
		return "", badName(err)
	case n == "":
		return "", fmt.Errorf("%w: the room's name is empty", ErrBadName)
	case n == "." || n == "..":
		return "", fmt.Errorf("%w: . and .. are no names of a room", ErrBadName)
	case strings.ContainsAny(n, `/\`):
		return "", fmt.Errorf("%w: a room's name has no / and no \\ in it", ErrBadName)
	case strings.TrimSpace(n) != n:
		return "", fmt.Errorf("%w: the room's name has space around it", ErrBadName)
	}
	return n, nil
}

func badName(err error) error { return fmt.Errorf("%w: %w", ErrBadName, err) }

// checkUserID reports what is wrong with an id that an authenticator gave.
func checkUserID(id string) error {
	switch {
	case id == "" || len(id) > proto.MaxUser || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%w: the user's id must be 1 to %d bytes without control characters", ErrBadName, proto.MaxUser)
	case isAnonymous(id):
		return fmt.Errorf("%w: the user's id begins with %q", ErrBadName, anonPrefix)
	}
	return nil
}

// maxRuled is how many bytes a name has at most that a rule gives. What servers
// tell each other of a user, every byte escaped, fits into one notice then.
const maxRuled = 512

// checkRoomName puts a room's name to the rule of the server. The names of a
// path's own steps never reach a rule.
func (s *Server) checkRoomName(name string) (string, error) {
	if name == "." || name == ".." {
		return "", fmt.Errorf("%w: . and .. are no names of a room", ErrBadName)
	}
	n, err := s.rule("room rule", s.cfg.hooks.roomRule, name)
	if err == nil && (n == "" || rooms.IsControl(n)) {
		err = fmt.Errorf("%w: the rule gives no name", ErrBadName)
	}
	return n, err
}

// username returns the name to use for what a client gave.
func (s *Server) username(name string) (string, error) {
	rule := s.cfg.hooks.nameRule
	if rule == nil {
		rule = CleanUsername
	}
	n, err := s.rule("username rule", rule, name)
	if n == "" && err == nil {
		n = s.cfg.defaultName
	}
	return n, err
}

// vouchedName returns the name to use for what the authenticator says of u. Who has
// a login is let in: what cannot be shown is left out, and a rule of the server's own
// may write the name another way, but not refuse it.
func (s *Server) vouchedName(u User) (string, error) {
	safe := names.Safe(u.Name)
	if safe == "" || s.cfg.hooks.nameRule == nil {
		return safe, nil
	}
	n, err := s.rule("username rule", s.cfg.hooks.nameRule, safe)
	if err == errHook {
		return "", err
	}
	if err != nil { // by the rule; the user is not
		s.logger.Info("chat: authenticated user's name refused", "user", u.ID, "err", err)
		return safe, nil
	}
	if n == "" {
		n = s.cfg.defaultName
	}
	return n, nil
}

// rule puts a name to a rule. Errors are ErrBadName, which wraps the rule's own,
// and errHook.
func (s *Server) rule(what string, rule func(string) (string, error), name string) (n string, err error) {
	err = s.hooks.Call(what, "", func() (err error) {
		n, err = rule(name)
		return err
	})
	switch {
	case err == errHook:
	case err != nil:
		r := err.(*hook.Error)
		r.Text = strings.TrimPrefix(r.Text, ErrBadName.Error()+": ")
		err = fmt.Errorf("%w: %w", ErrBadName, r)
	case !utf8.ValidString(n):
		err = fmt.Errorf("%w: the rule gives no UTF-8", ErrBadName)
	case len(n) > maxRuled:
		err = fmt.Errorf("%w: the rule gives more than %d bytes", ErrBadName, maxRuled)
	}
	if err != nil {
		n = ""
	}
	return n, err
}
