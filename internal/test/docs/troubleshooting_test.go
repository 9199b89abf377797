package docs

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
)

// TestTroubleshooting compares the quotes in docs/troubleshooting.md with the code: a reader who
// searches for a line of the log must find it there.
func TestTroubleshooting(t *testing.T) {
	t.Chdir("../../..")
	page := readAll(t, "docs/troubleshooting.md")
	code := readAll(t, "*.go", "internal/*/*.go")
	flags := readAll(t, "examples/*/*.go")
	stats := reflect.TypeFor[chat.Stats]()
	spans := 0
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(regexp.MustCompile("(?s)```.*?```").ReplaceAllString(page, ""), -1) {
		span := m[1]
		spans++
		name, _, _ := strings.Cut(span, "(")
		switch {
		case span == "proxy_pass" || span == "timeout tunnel": // of nginx and HAProxy
		case strings.HasPrefix(span, "chat: "):
			if !strings.Contains(code, `"`+span) {
				t.Errorf("no code logs %q", span)
			}
		case regexp.MustCompile(`^With\w+$`).MatchString(name):
			if !strings.Contains(code, "func "+name+"(") {
				t.Errorf("there is no option %s", name)
			}
		case strings.HasPrefix(span, "Stats."):
			if _, ok := stats.FieldByName(strings.TrimPrefix(span, "Stats.")); !ok {
				t.Errorf("there is no %s", span)
			}
		case regexp.MustCompile(`^-[a-z-]+( \w+)?$`).MatchString(span):
			if name, _, _ := strings.Cut(span[1:], " "); !strings.Contains(flags, `"`+name+`"`) {
				t.Errorf("no example has the flag %s", span)
			}
		case strings.Contains(span, " ") && regexp.MustCompile(`^[a-z ]+$`).MatchString(span):
			if !strings.Contains(code, span) {
				t.Errorf("no code returns %q", span)
			}
		case regexp.MustCompile(`^[a-z]+_[a-z_]+$`).MatchString(span):
			if !strings.Contains(code, span) {
				t.Errorf("there is no code or field %s", span)
			}
		}
	}
	if spans < 100 {
		t.Errorf("%d quotes found", spans)
	}
}

// readAll returns the text of the files that match, without tests.
func readAll(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, p := range patterns {
		files, err := filepath.Glob(p)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", p, len(files), err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	return all.String()
}
