package chat

import "github.com/seed-08328bfd/chat/internal/rules"

// CleanUsername is the default username rule. It returns the name as it is shown: in
// Unicode's normal form KC (UAX #15), except where that form damages names; each emoji in
// one form; no white space at the ends, and one space in place of several. The result may
// be empty. The error is ErrBadName and says what to change. It refuses
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
func CleanUsername(name string) (string, error) { return rules.CleanUsername(name) }

// CleanRoom is the default room rule. It returns the name in the same form as
// [CleanUsername], so names that look the same are the same room; upper and lower case
// differ. It refuses the empty name, ".", "..", names with a slash or backslash, names with
// white space at the ends, and everything that CleanUsername refuses. The error is
// ErrBadName.
func CleanRoom(name string) (string, error) { return rules.CleanRoom(name) }

// CleanReaction is the default reaction rule. A reaction is one emoji, or a name such as
// ":shipit:", of a-z, 0-9, '_', '+' and '-' between two colons. One emoji is what is shown as
// one (UTS #51): also a flag, a keycap, one with a tone of skin, or several with joiners
// between them. Each gets one form, so that reactions that look the same are the same. The
// error is ErrBadName.
func CleanReaction(reaction string) (string, error) { return rules.CleanReaction(reaction) }
