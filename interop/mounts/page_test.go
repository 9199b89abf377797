package mounts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPage checks that docs/mounting.md shows exactly the functions that the tests here run.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/mounting.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, b := range blocks {
		if !strings.Contains(source.String(), "\n"+b[1]) {
			t.Errorf("no test has\n%s", b[1])
		}
	}
	for _, name := range regexp.MustCompile(`(?m)^func mount\w+\(`).FindAllString(source.String(), -1) {
		if name != "func mountFiber(" && !strings.Contains(string(page), "```go\n"+name) { // Fiber does not work
			t.Errorf("the page does not show %s", name)
		}
	}
	if len(blocks) < 8 {
		t.Errorf("%d blocks", len(blocks))
	}
}
