// Package docs compiles and runs what the documentation shows, and holds what it says
// against the code.
package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestSnippets compiles the Go snippets of the README and of docs. The blocks of a
// page are one package.
func TestSnippets(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string]string{"chat.": "github.com/seed-08328bfd/chat", "chatlog.": "github.com/seed-08328bfd/chat/chatlog", "client.": "github.com/seed-08328bfd/chat/client"}
	for _, std := range []string{"context", "errors", "fmt", "log", "net/http", "os", "strings", "sync", "testing", "time"} {
		imports[filepath.Base(std)+"."] = std
	}
	var examples string
	sources, _ := filepath.Glob("examples/*/*.go")
	mounts, _ := filepath.Glob("interop/mounts/*.go")
	sources = append(sources, mounts...)
	for _, s := range sources {
		b, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		examples += string(b)
	}
	dir := t.TempDir()
	for i, page := range append(pages, "README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var body strings.Builder
		for j, block := range goBlock.FindAllStringSubmatch(string(text), -1) {
			code := block[1]
			if strings.Contains(examples, strings.TrimSpace(code)) {
				continue // an excerpt of what is compiled there
			}
			if strings.Contains(code, "\nimport ") || strings.HasPrefix(code, "package ") || strings.Contains(code, "/adapters/") {
				continue // a whole program, which its own module compiles
			}
			if !regexp.MustCompile(`(?m)^(func|type|var) `).MatchString(code) {
				code = fmt.Sprintf("func _(ctx context.Context, mux *http.ServeMux, httpServer *http.Server, whoIsIt func(*http.Request) (chat.User, error)) {\n%s\n}", code)
			}
			fmt.Fprintf(&body, "// %s, block %d\n%s\n", page, j+1, code)
		}
		if body.Len() == 0 {
			continue
		}
		var src strings.Builder
		fmt.Fprintf(&src, "package page%d\n\nimport (\n", i)
		for name, path := range imports {
			if regexp.MustCompile(`(^|[^.\w"/])` + regexp.QuoteMeta(name)).MatchString(body.String()) {
				fmt.Fprintf(&src, "%q\n", path)
			}
		}
		fmt.Fprintf(&src, ")\n\n%s", body.String())
		p := filepath.Join(dir, fmt.Sprint("page", i))
		if err := os.Mkdir(p, 0o755); err != nil {
			t.Fatal(err)
		}
		name := "page.go"
		if strings.Contains(src.String(), "*testing.T") {
			name = "page_test.go"
		}
		if err := os.WriteFile(filepath.Join(p, name), []byte(src.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(mod), "module github.com/seed-08328bfd/chat", "module snippets", 1)
	text += "\nrequire github.com/seed-08328bfd/chat v0.0.0\n\nreplace github.com/seed-08328bfd/chat => " + root + "\n"
	os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644)
	os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o644)
	cmd := exec.Command("go", "vet", "-mod=mod", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for i, page := range pages { // what testdata has for a page is run with its snippets
		name := strings.TrimSuffix(filepath.Base(page), ".md") + "_run.go.txt"
		test, err := os.ReadFile(filepath.Join("internal/test/docs/testdata", name))
		if err != nil {
			continue
		}
		p := fmt.Sprint("page", i)
		os.WriteFile(filepath.Join(dir, p, "run_test.go"), []byte(fmt.Sprintf("package %s\n\n%s", p, test)), 0o644)
		cmd := exec.Command("go", "test", "-mod=mod", "./"+p)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", page, err, out)
		}
	}
}
