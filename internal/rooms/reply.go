package rooms

import "sync"

// replies has buffers for replies.
var replies = sync.Pool{New: func() any { return new([]byte) }}

// Reply sends the client an object about m's room, which gets the room's name. It waits
// like [wsconn.Conn.Send]. When m has ended it sends nothing.
func (c *Many) Reply(m *Member, object []byte) {
	b := replies.Get().(*[]byte)
	*b = c.Enc.Append((*b)[:0], m.room.name, "", 0, object)
	c.conn.Lock()
	c.awaitLocked(m, len(*b))
	if !m.over && !c.conn.OverLocked() {
		c.conn.PutLocked(*b)
	}
	c.conn.Unlock()
	if cap(*b) <= 4<<10 { // one that has grown large is not kept
		clear(*b) // it may be a message that is deleted
		replies.Put(b)
	}
}
