package rooms

import (
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// endsAt reports whether the client knows where its replay ends without being told:
// it was there before, or the last entry of the replay is that of the welcome's
// position. cursor and replay are set.
func (m *Member) endsAt(v *stream.View, st *start) bool {
	g := &st.greeting
	if g.At.Offset == 0 || g.Resumed && st.since.Offset == g.At.Offset {
		return true
	}
	seq, ok := v.At(g.At.Offset)
	return ok && (m.replay != 0 || m.Cursor <= seq) && m.Sees(&v.Items[seq-v.Base], seq)
}

// replayed appends the object that ends a replay which does not show its end.
func (m *Member) replayed(b []byte) []byte {
	object := proto.AppendQuoted([]byte(`{"type":"`+proto.TypePosition+`","position":`), m.untold.Place())
	m.untold = chatlog.Position{}
	return wsconn.AppendText(b, append(object, '}'))
}
