package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"syscall"

	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// Heard returns a line for each frame from the server until the connection ends, except notices
// and pings.
func Heard(c *wsconf.Conn) []string { return HeardThen(c, -1, nil) }

// HeardThen is [Heard], and sends b after n lines.
func HeardThen(c *wsconf.Conn, after int, b []byte) (lines []string) {
	closed := false
	for {
		if len(lines) == after {
			after = -1
			RawWrite(c, b, 0)
		}
		f, err := c.ReadFrame()
		switch {
		case closed && (err == io.EOF || errors.Is(err, syscall.ECONNRESET)): // the server waits only for a while
			return lines
		case err != nil:
			return append(lines, "lost: "+err.Error())
		case closed:
			return append(lines, fmt.Sprintf("frame %#x after the close", f.First))
		}
		switch f.Opcode() {
		case wsconf.Text:
			if line := LineOf(f); line != "" {
				lines = append(lines, line)
			}
		case wsconf.Pong:
			lines = append(lines, "pong "+Brief(string(f.Payload)))
		case wsconf.Close:
			closed = true
			lines = append(lines, fmt.Sprint("close ", f.Code()))
			c.CloseWrite()
		case wsconf.Ping:
		default:
			lines = append(lines, fmt.Sprintf("frame %#x", f.First))
		}
	}
}

// LineOf returns the line for a text frame, or "" for a notice.
func LineOf(f wsconf.Received) string {
	text, err := f.Text()
	if err != nil {
		return "bad frame: " + err.Error()
	}
	var o Object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return "bad object: " + err.Error()
	}
	switch {
	case o.Code != "":
		return strings.TrimRight("code "+o.Code+" "+o.ID, " ")
	case o.Type == "message" || o.Type == "private":
		return "msg " + Brief(o.Message)
	case o.Type == "system" || o.Type == "welcome":
		return ""
	}
	return strings.TrimRight(o.Type+" "+o.ID, " ")
}

// MessagesIn returns the lines for messages.
func MessagesIn(lines []string) (m []string) {
	for _, l := range lines {
		if strings.HasPrefix(l, "msg ") {
			m = append(m, l)
		}
	}
	return m
}

// Brief returns s, or a short form that distinguishes a long s from others.
func Brief(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%d bytes %08x", len(s), crc32.ChecksumIEEE([]byte(s)))
	}
	return s
}

// UntilPong returns a line for each object until the pong with the id and n messages have
// arrived.
func UntilPong(c *wsconf.Conn, id string, messages int) (lines []string) {
	for ponged := false; !ponged || len(MessagesIn(lines)) < messages; {
		f, err := c.ReadFrame()
		switch {
		case err != nil:
			return append(lines, "lost: "+err.Error())
		case f.Opcode() == wsconf.Close:
			return append(lines, fmt.Sprint("close ", f.Code()))
		case f.Opcode() != wsconf.Text:
			continue
		}
		switch line := LineOf(f); line {
		case "":
		case "pong " + id:
			ponged = true
		default:
			lines = append(lines, line)
		}
	}
	return lines
}
