package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"
)

// Values are what the names in a vector stand for.
type Values map[string]string

var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9_.:]+)\}`)

// The forms of values.
const (
	timeForm = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
	partForm = `[^:]+`
	textForm = `(?s:.*)`
)

// Fill returns s with the values of the names in it.
func (v Values) Fill(s string) (string, error) {
	var err error
	s = placeholder.ReplaceAllStringFunc(s, func(p string) string {
		name := p[2 : len(p)-1]
		if ms, ok := strings.CutPrefix(name, "ms:"); ok {
			t, e := time.Parse(time.RFC3339, v[ms])
			if e != nil {
				err = e
			}
			return fmt.Sprint(t.UnixMilli())
		}
		if _, ok := v[name]; !ok {
			err = fmt.Errorf("nothing has set %s", p)
		}
		return v[name]
	})
	return s, err
}

// Match compares the JSON of a value with a pattern. If they are equal, it returns the values with the
// names that the pattern has set.
func (v Values) Match(pattern, value []byte) (Values, error) {
	p, err := decode(pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern: %w", err)
	}
	got, err := decode(value)
	if err != nil {
		return nil, err
	}
	set := maps.Clone(v)
	return set, set.match("", p, got)
}

func decode(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("there is more after the JSON value in %s", b)
	}
	return v, nil
}

func (v Values) match(at string, pattern, got any) error {
	switch p := pattern.(type) {
	case map[string]any:
		o, ok := got.(map[string]any)
		if !ok {
			return differ(at, pattern, got)
		}
		for key := range p {
			if _, ok := o[key]; !ok {
				return fmt.Errorf("%s/%s is missing", at, key)
			}
		}
		for key := range o {
			if _, ok := p[key]; !ok {
				return fmt.Errorf("%s/%s is not expected", at, key)
			}
			if err := v.match(at+"/"+key, p[key], o[key]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(p) {
			return differ(at, pattern, got)
		}
		for i := range p {
			if err := v.match(fmt.Sprint(at, "/", i), p[i], list[i]); err != nil {
				return err
			}
		}
		return nil
	case string:
		return v.matchText(at, p, got)
	}
	if pattern != got {
		return differ(at, pattern, got)
	}
	return nil
}

// matchText compares a value with a text that may have placeholders.
func (v Values) matchText(at, pattern string, got any) error {
	if pattern == "${int}" {
		if n, ok := got.(json.Number); !ok || strings.Trim(n.String(), "0123456789") != "" {
			return differ(at, pattern, got)
		}
		return nil
	}
	s, ok := got.(string)
	if !ok {
		return differ(at, pattern, got)
	}
	var form strings.Builder
	var names []string
	from := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(pattern, -1) {
		form.WriteString(regexp.QuoteMeta(pattern[from:m[0]]))
		from = m[1]
		name := pattern[m[2]:m[3]]
		known, ok := v[strings.TrimPrefix(name, "time:")]
		switch named, timed := strings.CutPrefix(name, "time:"); {
		case name == "time":
			form.WriteString(timeForm)
		case name == "text":
			form.WriteString(textForm)
		case ok:
			form.WriteString(regexp.QuoteMeta(known))
		case timed:
			names = append(names, named)
			form.WriteString("(" + timeForm + ")")
		default:
			names = append(names, name)
			form.WriteString("(" + partForm + ")")
		}
	}
	form.WriteString(regexp.QuoteMeta(pattern[from:]))
	found := regexp.MustCompile("^(?:" + form.String() + ")$").FindStringSubmatch(s)
	if found == nil {
		return differ(at, pattern, got)
	}
	for i, name := range names {
		v[name] = found[i+1]
	}
	return nil
}

func differ(at string, pattern, got any) error {
	return fmt.Errorf("%s is %s, but expected is %s", at, encode(got), encode(pattern))
}
