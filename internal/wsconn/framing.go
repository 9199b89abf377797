package wsconn

// A Framing is the form of what a connection writes whose peer sends nothing: no messages, and
// no answers to pings and to the close. A connection without a Framing is a WebSocket.
type Framing interface {
	// AppendText appends a text. For what a log holds, epoch and offset are its place. For
	// anything else epoch is empty.
	AppendText(b, text []byte, epoch string, offset uint64) []byte
	// AppendPing appends bytes that the peer ignores.
	AppendPing(b []byte) []byte
	// AppendClose appends the last bytes that the peer gets.
	AppendClose(b []byte, code int, reason string) []byte
}

// InitStream makes c a connection that is not open yet and that writes in the form f. Its peer
// sends nothing, so c is closed as soon as the last bytes are written.
func (c *Conn) InitStream(cfg *Config, s Source, f Framing) {
	c.Init(cfg, s, nil, false)
	c.form = f
}

// AppendText appends text in the connection's form, for a Source.
func (c *Conn) AppendText(b, text []byte) []byte { return c.AppendEntry(b, text, "", 0) }

// AppendEntry is AppendText for a text after which the client has everything up to the offset in
// the epoch of the log.
func (c *Conn) AppendEntry(b, text []byte, epoch string, offset uint64) []byte {
	if c.form != nil {
		return c.form.AppendText(b, text, epoch, offset)
	}
	return AppendText(b, text)
}

func (c *Conn) appendClose(code int, reason string) []byte {
	if c.form != nil {
		return c.form.AppendClose(nil, code, reason)
	}
	return appendClose(nil, code, reason)
}
