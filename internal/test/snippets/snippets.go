// Package snippets compiles the Go code in pages and doc comments, in the module of the test
// that calls it.
package snippets

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// Blocks returns the code in a file. In a Markdown page that is the Go blocks. In a Go file it
// is the indented code in doc comments that uses one of the names, such as "chat.", and is not
// HTML.
func Blocks(t testing.TB, file string, names ...string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(file) == ".md" {
		for _, m := range goBlock.FindAllSubmatch(text, -1) {
			blocks = append(blocks, string(m[1]))
		}
		return blocks
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(code string) {
		if !strings.HasPrefix(code, "<") && slices.ContainsFunc(names, func(name string) bool { return strings.Contains(code, name) }) {
			blocks = append(blocks, code)
		}
	}
	for _, group := range parsed.Comments {
		var code string
		for _, c := range group.List {
			if line, ok := strings.CutPrefix(c.Text, "//\t"); ok {
				code += line + "\n"
			} else if c.Text != "//" {
				keep(code)
				code = ""
			}
		}
		keep(code)
	}
	return blocks
}

// standard are the packages that fragments use without an import.
var standard = []string{"context", "errors", "fmt", "log", "net/http", "os", "strings", "sync", "testing", "time"}

var (
	declares = regexp.MustCompile(`(?m)^(func|type|var) `)
	defines  = regexp.MustCompile(`(?m)^(\w+(?:, \w+)*) :=`)
	elided   = regexp.MustCompile(`(?m)^\s*\.\.\.\n|\.\.\.$`)
)

// Source makes one file of fragments, with the imports that they use: packages of the standard
// library, and those of imports, which has the paths by name. A fragment without declarations
// becomes the body of a function. That function declares a few variables that fragments use.
// "..." in a fragment stands for omitted code.
func Source(pkg string, fragments []string, imports map[string]string) string {
	var body strings.Builder
	for _, code := range fragments {
		if !declares.MatchString(code) {
			code = strings.ReplaceAll(code, "{ ... }", "{ return err }")
			code = elided.ReplaceAllString(code, "")
			for _, m := range defines.FindAllStringSubmatch(code, -1) {
				code += "\n" + strings.Repeat("_, ", strings.Count(m[1], ",")) + "_ = " + m[1]
			}
			parameters := "ctx context.Context, t *testing.T, mux *http.ServeMux, httpServer *http.Server"
			if !regexp.MustCompile(`(?m)^srv :=`).MatchString(code) {
				parameters += ", srv *chat.Server"
			}
			if !strings.Contains(code, "auth, err :=") {
				parameters += ", whoIsIt, auth func(*http.Request) (chat.User, error)"
			}
			code = fmt.Sprintf("func _(%s) error {\n%s\nreturn nil\n}", parameters, code)
		}
		body.WriteString(code + "\n")
	}
	all := map[string]string{"chat": "github.com/seed-08328bfd/chat"}
	for _, path := range standard {
		all[filepath.Base(path)] = path
	}
	maps.Copy(all, imports)
	var src strings.Builder
	fmt.Fprintf(&src, "package %s\n\nimport (\n", pkg)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if regexp.MustCompile(`(^|[^.\w"/])` + name + `\.`).MatchString(body.String()) {
			fmt.Fprintf(&src, "%s %q\n", name, all[name])
		}
	}
	fmt.Fprintf(&src, ")\n\n%s", body.String())
	return src.String()
}

// Vet compiles blocks, which are from one file. A whole program is compiled alone, and all other
// blocks as one package.
func Vet(t testing.TB, name string, blocks []string, imports map[string]string) {
	t.Helper()
	dir := t.TempDir()
	var fragments []string
	for i, code := range blocks {
		if !strings.HasPrefix(code, "package ") {
			fragments = append(fragments, code)
			continue
		}
		file := filepath.Join(dir, fmt.Sprintf("program%d", i), "main.go")
		if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		Go(t, name, "vet", Write(t, file, code))
	}
	if len(fragments) == 0 {
		return
	}
	src, file := Source("page", fragments, imports), "page.go"
	if strings.Contains(src, "*testing.T") {
		file = "page_test.go"
	}
	Go(t, name, "vet", Write(t, filepath.Join(dir, file), src))
}

// Write writes a file and returns its name.
func Write(t testing.TB, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Go runs the go command in the module of the working directory. name is the source of the code,
// for errors.
func Go(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		src, _ := os.ReadFile(args[len(args)-1])
		t.Errorf("%s: go %s: %v\n%s\n%s", name, args[0], err, out.Bytes(), src)
	}
}
