// Package docs compiles and runs the code in the documentation, and compares the documentation
// with the code.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/snippets"
)

// imports are the packages of the root module that snippets use, and other packages whose path
// does not end with their name.
var imports = map[string]string{
	"chatlog":  "github.com/seed-08328bfd/chat/chatlog",
	"chatpage": "github.com/seed-08328bfd/chat/chatpage",
	"client":   "github.com/seed-08328bfd/chat/client",
	"chattest": "github.com/seed-08328bfd/chat/chattest",
	"json":     "encoding/json",
}

// repository returns the paths of files with a suffix, by the module that each is in.
func repository(t *testing.T, ends ...string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		for _, end := range ends {
			if strings.HasSuffix(p, end) {
				m := moduleOf(p)
				all[m] = append(all[m], p)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// moduleOf returns the folder of the module that contains a file.
func moduleOf(file string) string {
	dir := filepath.Dir(file)
	for dir != "." {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// TestSnippets compiles the Go code of all pages and doc comments of the root module. Other
// modules must have a test of their own for that, and TestSnippets checks that they do.
func TestSnippets(t *testing.T) {
	t.Chdir("../../..")
	var compiled string // the code from which a page may show excerpts
	for _, files := range repository(t, ".go") {
		for _, f := range files {
			if strings.HasPrefix(f, "examples") || strings.HasPrefix(f, "interop") {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				compiled += string(b)
			}
		}
	}
	for module, files := range repository(t, ".md", ".go") {
		for _, f := range files {
			if strings.HasPrefix(f, filepath.Join("internal", "test")) || strings.HasSuffix(f, "_test.go") {
				continue
			}
			var blocks []string
			for _, code := range snippets.Blocks(t, f, "chat.", "client.", "srv.") {
				if !strings.Contains(compiled, strings.TrimSpace(code)) && !strings.Contains(code, "mylog.") {
					blocks = append(blocks, code)
				}
			}
			switch _, err := os.Stat(filepath.Join(module, "readme_test.go")); {
			case len(blocks) == 0:
			case module == ".":
				snippets.Vet(t, f, blocks, imports)
			case err != nil:
				t.Errorf("%s shows code that no test compiles: %v", f, err)
			}
		}
	}
}

// TestCookbook runs the programs in testdata for the snippets of the cookbook.
func TestCookbook(t *testing.T) {
	test, err := os.ReadFile("testdata/cookbook_run.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../../..")
	dir := t.TempDir()
	page := snippets.Write(t, filepath.Join(dir, "page_test.go"), snippets.Source("page", snippets.Blocks(t, "docs/cookbook.md"), imports))
	run := snippets.Write(t, filepath.Join(dir, "run_test.go"), "package page\n\n"+string(test))
	snippets.Go(t, "docs/cookbook.md", "test", page, run)
}
