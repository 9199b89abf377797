package rooms

import (
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// knowsReplayEnd reports whether the client can see where its replay ends: it was at that
// place before, or the replay's last entry is the one of the welcome's position. cursor and
// replay are set.
func (m *Member) knowsReplayEnd(v *stream.View, st *pendingJoin) bool {
	g := &st.greeting
	if g.At.Offset == 0 || g.Resumed && st.since.Offset == g.At.Offset {
		return true
	}
	seq, ok := v.At(g.At.Offset)
	return ok && (m.replayFrom != 0 || m.Cursor <= seq) && m.Sees(&v.Items[seq-v.Base], seq)
}

// appendReplayEnd appends a position object, which ends a replay whose end the client cannot see.
func (m *Member) appendReplayEnd(b []byte) []byte {
	object := proto.AppendQuoted([]byte(`{"type":"`+proto.TypePosition+`","position":`), m.unsentPosition.Place())
	m.unsentPosition = chatlog.Position{}
	return wsconn.AppendText(b, append(object, '}'))
}
