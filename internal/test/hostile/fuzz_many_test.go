package hostile

import (
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// FuzzMany sends any text as an object on a connection with many rooms. Each room that it
// joins is answered once, anything else gets at most one error, and the connection stays.
func FuzzMany(f *testing.F) {
	for _, row := range manyObjects {
		if len(row.text) <= 2000 {
			f.Add([]byte(row.text))
		}
	}
	for _, text := range []string{`{"type":"join","rooms":{"a":"x:1","b":"","..":""},"id":"i"}`, `{"type":"join","room":"a","since":"x:1:2"}`, `{"type":"leave","room":"r"}`, `{"type":"message","room":"r","message":"m","id":"i"}`} {
		f.Add([]byte(text))
	}
	g := newTarget(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 2000 { // the flood meter again
			return
		}
		g.t = t
		if g.inputs++; g.inputs%10 == 1 {
			g.check(t)
		}
		c := g.dialAt("/ws", harness.OfferV1)
		defer c.Close()
		harness.RawWrite(c, harness.Join(fr(finText, `{"type":"join","room":"r"}`), fr(finText, string(text)), fr(finText, `{"type":"ping","id":"the end"}`)), 0)
		answers, codes := map[string]int{}, []string{}
		for ended := false; !ended; {
			frame, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("after %q: %v", text, err)
			}
			if frame.Opcode() == wsconf.Close {
				if frame.Code() != 1007 || utf8.Valid(text) {
					t.Fatalf("%q: closed with %d", text, frame.Code())
				}
				return
			}
			var o harness.Object
			if frame.Opcode() != wsconf.Text || json.Unmarshal(frame.Payload, &o) != nil {
				continue
			}
			answers[o.Type]++
			ended = o.Type == "pong" && o.ID == "the end"
			if o.Type == "error" {
				codes = append(codes, o.Code)
			}
			if o.Room == "" && o.Type != "hello" && o.Type != "pong" && o.Type != "error" {
				t.Fatalf("%q: no room in %s", text, frame.Payload)
			}
		}
		fields, ok := fieldsOf(text)
		var typ string
		var rooms map[string]string
		json.Unmarshal(fields["type"], &typ)
		json.Unmarshal(fields["rooms"], &rooms)
		most, joined := 1, answers["welcome"]-1
		if ok && typ == "join" && len(fields["room"]) == 0 {
			most = max(1, len(rooms))
		}
		if joined+answers["error"] > most || joined > 0 && typ != "join" || answers["left"] > 0 && typ != "leave" {
			t.Fatalf("%q: %v, errors %v", text, answers, codes)
		}
		if !ok && fmt.Sprint(codes) != "[bad_json]" && fmt.Sprint(codes) != "[bad_utf8]" {
			t.Fatalf("%q is no object: %v, errors %v", text, answers, codes)
		}
	})
}
