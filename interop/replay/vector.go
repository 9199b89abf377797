package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// A Vector is a recorded session. interop/vectors/README.md explains its parts.
type Vector struct {
	Title  string          `json:"title"`
	Server json.RawMessage `json:"server"`
	Steps  []*Step         `json:"steps"`
}

// A Step is one thing that happens. Exactly one of the keys Open, Send, Expect, Close, Cut and Request
// is set; the first five name a connection.
type Step struct {
	Note   string `json:"note,omitempty"`
	Repeat int    `json:"repeat,omitempty"` // times; 0 means once

	Open      string   `json:"open,omitempty"`
	Path      string   `json:"path,omitempty"`
	Protocols []string `json:"protocols,omitempty"`
	Events    bool     `json:"events,omitempty"` // an event stream

	Send    string          `json:"send,omitempty"`
	Object  json.RawMessage `json:"object,omitempty"`
	Text    *string         `json:"text,omitempty"`
	Hex     string          `json:"hex,omitempty"`    // bytes of a text frame
	Binary  string          `json:"binary,omitempty"` // bytes of a binary frame, in hex
	Fill    int             `json:"fill,omitempty"`   // bytes of a text that is all x
	Invalid bool            `json:"invalid,omitempty"`

	Expect    string            `json:"expect,omitempty"`
	Objects   []json.RawMessage `json:"objects,omitempty"`
	Unordered []json.RawMessage `json:"unordered,omitempty"`
	Closed    int               `json:"closed,omitempty"`
	Reason    *string           `json:"reason,omitempty"`
	End       bool              `json:"end,omitempty"` // of an event stream

	Close string `json:"close,omitempty"`
	Code  int    `json:"code,omitempty"`
	Cut   string `json:"cut,omitempty"`

	Request  string            `json:"request,omitempty"` // METHOD PATH
	Headers  map[string]string `json:"headers,omitempty"`
	Body     json.RawMessage   `json:"body,omitempty"` // an object, or a string that is sent as it is
	Status   int               `json:"status,omitempty"`
	Answered map[string]string `json:"answered,omitempty"` // headers of the answer
	Answer   json.RawMessage   `json:"answer,omitempty"`
}

// Load reads a vector. A key that it does not know is an error.
func Load(file string) (*Vector, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	v := new(Vector)
	if err := d.Decode(v); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i, s := range v.Steps {
		n := 0
		for _, key := range []string{s.Open, s.Send, s.Expect, s.Close, s.Cut, s.Request} {
			if key != "" {
				n++
			}
		}
		if n != 1 {
			return nil, fmt.Errorf("%s: step %d has %d of open, send, expect, close, cut and request", file, i+1, n)
		}
	}
	return v, nil
}

// Save writes a vector with a line for each step, and for each object of a step with several.
func (v *Vector) Save(file string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  \"title\": %s,\n  \"server\": %s,\n  \"steps\": [", encode(v.Title), encode(v.Server))
	for i, s := range v.Steps {
		if i > 0 {
			b.WriteByte(',')
		}
		lines := encode(s)
		for _, list := range [][]json.RawMessage{s.Objects, s.Unordered} {
			if len(list) < 2 {
				continue
			}
			var parts []string
			for _, o := range list {
				parts = append(parts, encode(o))
			}
			lines = strings.Replace(lines, "["+strings.Join(parts, ",")+"]", "[\n      "+strings.Join(parts, ",\n      ")+"\n    ]", 1)
		}
		b.WriteString("\n    " + lines)
	}
	b.WriteString("\n  ]\n}\n")
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// encode returns the JSON of v on one line.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // all values come from JSON
	}
	return strings.TrimSpace(b.String())
}
