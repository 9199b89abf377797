package chat

import (
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// endsAt reports whether the client knows where its replay ends without being told:
// it was there before, or the last entry of the replay is that of the welcome's
// position. cursor and replay are set.
func (m *member) endsAt(v *view, st *start, resumed bool) bool {
	if st.at.Offset == 0 || resumed && st.since.Offset == st.at.Offset {
		return true
	}
	seq, ok := v.at(st.at.Offset)
	return ok && (m.replay != 0 || m.cursor <= seq) && m.sees(&v.items[seq-v.base], seq)
}

// replayedLocked appends the object that ends a replay which does not show its end.
func (m *member) replayedLocked(b []byte) []byte {
	object := proto.AppendQuoted([]byte(`{"type":"position","position":`), m.untold.Place())
	m.untold = chatlog.Position{}
	return appendText(b, append(object, '}'))
}
