package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPaths compares the paths in docs/design.md with the code. Each path names at most four
// files. The files must exist and have the named functions.
func TestPaths(t *testing.T) {
	t.Chdir("../../..")
	page, err := os.ReadFile("docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	span := regexp.MustCompile("`([^`]+)`")
	paths := 0
	for line := range strings.Lines(string(page)) {
		if !strings.Contains(line, "→") {
			continue
		}
		paths++
		cells := strings.Split(line, " | ")
		steps := strings.Split(cells[len(cells)-1], "→")
		if len(steps) > 4 {
			t.Errorf("%s: %d files", cells[0], len(steps))
		}
		for _, step := range steps {
			spans := span.FindAllStringSubmatch(step, -1)
			if len(spans) < 2 {
				t.Errorf("%s: a file and its functions in %q", cells[0], step)
				continue
			}
			declared := functions(t, spans[0][1])
			for _, name := range spans[1:] {
				if !declared[name[1]] {
					t.Errorf("%s: there is no function %s in %s", cells[0], name[1], spans[0][1])
				}
			}
		}
	}
	if paths != 10 {
		t.Errorf("%d paths found", paths)
	}
}

// functions returns the names of the functions and methods of a file.
func functions(t *testing.T, file string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return all
	}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			all[f.Name.Name] = true
		}
	}
	return all
}

// TestWhereThingsAre finds files and packages in the tables of docs/design.md that do not exist,
// and files of the root that are not in the tables.
func TestWhereThingsAre(t *testing.T) {
	t.Chdir("../../..")
	page, err := os.ReadFile("docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "\n## Where things are\n")
	text, _, _ = strings.Cut(text, "\n## ")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`((?:internal/)?[a-z]+(?:\\.go)?)`").FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
		if _, err := os.Stat(m[1]); strings.ContainsAny(m[1], "/.") && m[1] != "ws.go" && err != nil {
			t.Error(err)
		}
	}
	for _, dir := range []string{".", "internal"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := e.Name()
			if dir == "internal" && e.IsDir() {
				name = "internal/" + name
			} else if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				continue
			}
			if !named[name] {
				t.Errorf("docs/design.md does not list %s", name)
			}
		}
	}
}
