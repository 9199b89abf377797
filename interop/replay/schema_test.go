package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Schema is docs/protocol.schema.json in its strict form: no object has a key that it does not
// know. So it notices what the server sends and the schema does not have. It also remembers which
// parts of it were used.
type Schema struct {
	root     map[string]any
	compiler *jsonschema.Compiler

	mu       sync.Mutex
	compiled map[string]*jsonschema.Schema // by JSON pointer
	used     map[string]bool               // JSON pointers of what objects had, with the value of an enum
}

const schemaURL = "file:///protocol.schema.json"

func loadSchema(t *testing.T) *Schema {
	t.Helper()
	b, err := os.ReadFile("../../docs/protocol.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	read := func() any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	// It must be a right schema as it is, too.
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaURL, read()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Compile(schemaURL); err != nil {
		t.Fatal(err)
	}
	strict := read()
	tighten(strict)
	s := &Schema{root: strict.(map[string]any), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}, used: map[string]bool{}}
	if err := s.compiler.AddResource(schemaURL, strict); err != nil {
		t.Fatal(err)
	}
	return s
}

// tighten makes a part of the schema strict.
func tighten(part any) {
	switch p := part.(type) {
	case map[string]any:
		delete(p, "$id")
		if _, ok := p["properties"]; ok {
			if _, said := p["additionalProperties"]; !said {
				p["additionalProperties"] = false
			}
		}
		if list, ok := p["anyOf"].([]any); ok {
			p["anyOf"] = slices.DeleteFunc(list, isOpen)
		}
		for key := range p {
			tighten(p[key])
		}
	case []any:
		for i := range p {
			tighten(p[i])
		}
	}
}

// isOpen reports whether an alternative is there only for later versions.
func isOpen(alternative any) bool {
	m, ok := alternative.(map[string]any)
	comment, _ := m["$comment"].(string)
	return ok && strings.HasPrefix(comment, "open")
}

// at returns the schema at a JSON pointer.
func (s *Schema) at(pointer string) (*jsonschema.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.compiled[pointer]; c != nil {
		return c, nil
	}
	c, err := s.compiler.Compile(schemaURL + "#" + pointer)
	if err == nil {
		s.compiled[pointer] = c
	}
	return c, err
}

// Check validates the JSON of a value against a def.
func (s *Schema) Check(def string, text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	c, err := s.at("/$defs/" + def)
	if err != nil {
		return err
	}
	if err := c.Validate(v); err != nil {
		return err
	}
	return s.use("/$defs/"+def, s.def(def), v)
}

func (s *Schema) def(name string) map[string]any {
	return s.root["$defs"].(map[string]any)[name].(map[string]any)
}

// use notes which parts of the schema are for a value that is valid.
func (s *Schema) use(pointer string, part map[string]any, value any) error {
	if ref, ok := part["$ref"].(string); ok {
		s.note(pointer)
		to := strings.TrimPrefix(ref, "#")
		return s.use(to, s.def(strings.TrimPrefix(to, "/$defs/")), value)
	}
	s.note(pointer)
	if _, ok := part["enum"]; ok {
		s.note(fmt.Sprint(pointer, "=", value))
	}
	alternatives, _ := part["anyOf"].([]any)
	for i, a := range alternatives {
		p := fmt.Sprint(pointer, "/anyOf/", i)
		c, err := s.at(p)
		if err != nil {
			return err
		}
		if c.Validate(value) != nil {
			continue
		}
		if err := s.use(p, a.(map[string]any), value); err != nil {
			return err
		}
	}
	each := func(key string, value any) error {
		if of, ok := part[key].(map[string]any); ok {
			return s.use(pointer+"/"+key, of, value)
		}
		return nil
	}
	switch v := value.(type) {
	case map[string]any:
		properties, _ := part["properties"].(map[string]any)
		for key, value := range v {
			var err error
			if p, ok := properties[key].(map[string]any); ok {
				err = s.use(pointer+"/properties/"+key, p, value)
			} else {
				err = each("additionalProperties", value)
			}
			if err != nil {
				return err
			}
		}
	case []any:
		for i := range v {
			if err := each("items", v[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Schema) note(pointer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[pointer] = true
}

// Unused returns the parts that no value had: defs, properties, alternatives and values of enums.
func (s *Schema) Unused() (all []string) {
	var look func(pointer string, part any)
	look = func(pointer string, part any) {
		p, ok := part.(map[string]any)
		if !ok {
			return
		}
		if !s.used[pointer] {
			all = append(all, pointer)
			return
		}
		if values, ok := p["enum"].([]any); ok {
			for _, v := range values {
				if at := fmt.Sprint(pointer, "=", v); !s.used[at] {
					all = append(all, at)
				}
			}
		}
		alternatives, _ := p["anyOf"].([]any)
		for i, a := range alternatives {
			look(fmt.Sprint(pointer, "/anyOf/", i), a)
		}
		properties, _ := p["properties"].(map[string]any)
		for key, of := range properties {
			look(pointer+"/properties/"+key, of)
		}
		for _, key := range []string{"items", "additionalProperties"} {
			look(pointer+"/"+key, p[key])
		}
	}
	for name, def := range s.root["$defs"].(map[string]any) {
		look("/$defs/"+name, def)
	}
	slices.Sort(all)
	return all
}
