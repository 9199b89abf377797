package wsconn

// A Framing is the form of a connection that is only written to: its peer sends no messages,
// answers no pings and no close. Without a Framing a connection is a WebSocket, whose frames
// go both ways.
type Framing interface {
	// AppendText appends a text. epoch and offset are the place of what a log holds; for
	// anything else epoch is empty.
	AppendText(b, text []byte, epoch string, offset uint64) []byte
	// AppendPing appends what a client ignores.
	AppendPing(b []byte) []byte
	// AppendClose appends the last that the client gets.
	AppendClose(b []byte, code int, reason string) []byte
}

// InitStream makes c a connection that is not open yet and is only written to, in the form f.
// Open's answer is what comes first. When the last is written, the connection is closed.
func (c *Conn) InitStream(cfg *Config, s Source, f Framing) {
	c.Init(cfg, s, nil, false)
	c.form = f
}

// AppendText appends text in the connection's form, for a Source.
func (c *Conn) AppendText(b, text []byte) []byte { return c.AppendEntry(b, text, "", 0) }

// AppendEntry is AppendText for a text that takes the client to the place offset of the log's
// incarnation epoch. A client that gets it has got everything before it.
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
