package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// FuzzObjects sends any text as an object. It gets at most one error, the one
// that encoding/json gives reason for, and the connection stays.
func FuzzObjects(f *testing.F) {
	for _, row := range slices.Concat(objects, amendObjects) {
		if len(row.text) <= 2000 {
			f.Add([]byte(row.text))
		}
	}
	g := newTarget(f)
	var c line
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 2000 { // the flood meter again
			return
		}
		g.t = t
		// Whatever becomes of the text: each that ends its connection is followed by a
		// leave and a join, and with hundreds unread the member would be too slow.
		if g.inputs++; g.inputs%10 == 1 {
			g.check(t)
		}
		c.ready(g)
		// A pong may overtake messages, so that those of the last text come now.
		before, err := g.srv.History(context.Background(), "r", chat.Query{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		end := fmt.Sprint("end", c.uses)
		harness.RawWrite(c.Conn, harness.Join(fr(finText, string(text)), fr(finText, `{"type":"ping","id":"`+end+`"}`)), 0)
		var answers []harness.Object
		for {
			frame, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("after %q: %v", text, err)
			}
			if frame.Opcode() == wsconf.Close {
				if frame.Code() != 1007 || utf8.Valid(text) {
					t.Fatalf("%q: closed with %d", text, frame.Code())
				}
				c.Close()
				c.Conn = nil
				return
			}
			var o harness.Object
			if frame.Opcode() != wsconf.Text || json.Unmarshal(frame.Payload, &o) != nil {
				continue
			}
			if o.Type == "pong" && o.ID == end {
				break
			}
			old := o.Offset != 0 && o.Offset <= before.Position.Offset && o.Type != "ack"
			if o.Type != "welcome" && o.Type != "system" && o.Type != "position" && !old {
				answers = append(answers, o)
			}
		}
		judge(t, text, answers)
	})
}

// judge compares what came back with what encoding/json makes of the text.
func judge(t *testing.T, text []byte, answers []harness.Object) {
	t.Helper()
	var codes []string
	var message *harness.Object
	for i, a := range answers {
		switch a.Type {
		case "error":
			codes = append(codes, a.Code)
		case "message", "private":
			message = &answers[i]
		}
	}
	if len(codes) > 1 || len(codes) == 1 && message != nil {
		t.Fatalf("%q: %+v", text, answers)
	}
	if bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) {
		return // encoding/json replaces what chat refuses
	}
	fields, ok := fieldsOf(text)
	twice := ok && keyTwice(fields["data"])
	if bad := len(codes) == 1 && codes[0] == "bad_json"; bad == ok && !(bad && twice) {
		t.Fatalf("%q: errors %v, but encoding/json: %v", text, codes, ok)
	}
	if !ok {
		return
	}
	var typ, said string
	isText := json.Unmarshal(fields["type"], &typ) == nil && fields["type"][0] == '"'
	switch known := strings.Contains(" message private edit delete reaction read signal typing history ping auth ", " "+typ+" "); {
	case message != nil:
		if json.Unmarshal(fields["message"], &said) != nil || said != message.Message || typ != message.Type || twice {
			t.Fatalf("%q: %+v", text, message)
		}
	case isText && !known && len(codes) == 0, isText && known && len(codes) == 1 && codes[0] == "unknown_type", !isText && len(codes) == 0:
		t.Fatalf("%q: errors %v", text, codes)
	}
}

// keyTwice reports whether a key stands twice in an object in data.
func keyTwice(data json.RawMessage) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	token, _ := d.Token()
	seen := map[string]bool{}
	for d.More() {
		if token == json.Delim('{') {
			key, _ := d.Token()
			name, ok := key.(string)
			if !ok || seen[name] {
				return ok
			}
			seen[name] = true
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return false
		}
		if keyTwice(value) {
			return true
		}
	}
	return false
}

// fieldsOf returns the fields of an object in which no key stands twice.
func fieldsOf(text []byte) (map[string]json.RawMessage, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		key, isKey := token.(string)
		var value json.RawMessage
		if err != nil || !isKey || d.Decode(&value) != nil || fields[key] != nil {
			return nil, false
		}
		fields[key] = value
	}
	return fields, true
}
