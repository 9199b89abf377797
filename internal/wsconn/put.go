package wsconn

// PutLocked sends frame, or queues it if the connection is draining or its peer is slow.
func (c *Conn) PutLocked(frame []byte) { c.putLocked(frame) }
