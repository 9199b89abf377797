package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// server is the path of the server's program.
var server string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "replay")
		if err == nil {
			defer os.RemoveAll(dir)
			server, err = build(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func vectors(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	return files
}

// TestVectors plays all vectors. Every object in them is valid, and they have everything that is in
// the schema.
func TestVectors(t *testing.T) {
	schema := loadSchema(t)
	t.Run("all", func(t *testing.T) {
		for _, file := range vectors(t) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				t.Parallel()
				v, err := Load(file)
				if err != nil {
					t.Fatal(err)
				}
				url, stop, err := start(server, file)
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				p := Player{URL: url, Saw: func(def string, s *Step, text []byte) { valid(t, schema, def, s, text) }}
				if err := p.Play(v); err != nil {
					t.Error(err)
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	for _, at := range schema.Unused() {
		t.Errorf("no vector has %s", at)
	}
}

// valid checks an object of a vector.
func valid(t *testing.T, schema *Schema, def string, s *Step, text []byte) {
	t.Helper()
	if def == "HttpAnswer" {
		def = answerDef(s.Request, s.Status)
		if at := string(text); s.Status >= 400 && !refuses(s.Status, at) {
			t.Errorf("the code does not belong to the status %d: %s", s.Status, text)
		}
	}
	err := schema.Check(def, text)
	if err == nil && strings.HasSuffix(def, "Answer") || def == "HttpError" {
		err = schema.Check("HttpAnswer", text)
	}
	switch invalid := def == "ClientObject" && s.Invalid; {
	case err != nil && !invalid:
		t.Errorf("%s is no %s: %v", text, def, err)
	case err == nil && invalid:
		t.Errorf("%s is a %s", text, def)
	}
}

// refuses reports whether the body of an error has a code that belongs to the status.
func refuses(status int, body string) bool {
	_, code, _ := strings.Cut(body, `"code":"`)
	code, _, _ = strings.Cut(code, `"`)
	return proto.Refuses(code, status)
}

// answerDef returns the def of the answer to a request.
func answerDef(request string, status int) string {
	method, target, _ := strings.Cut(request, " ")
	path, _, _ := strings.Cut(target, "?")
	switch {
	case status >= 400:
		return "HttpError"
	case method == "POST":
		return "PostAnswer"
	case path == "/rooms":
		return "RoomsAnswer"
	case path == "/unread":
		return "UnreadAnswer"
	case strings.HasSuffix(path, "/messages"):
		return "MessagesAnswer"
	}
	return "MembersAnswer"
}
