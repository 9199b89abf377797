package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// folder is a package with its files for all platforms and build tags. go list names only those
// for one.
type folder struct {
	path    string // in the repository
	files   []*ast.File
	imports map[string]string // by path; the file that has it
}

// folders returns the packages of all modules of the repository, without their tests.
func folders(t *testing.T) map[string]*folder {
	t.Helper()
	all := map[string]*folder{}
	for _, name := range files(t, ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		f := all[path.Dir(name)]
		if f == nil {
			f = &folder{path: path.Dir(name), imports: map[string]string{}}
			all[f.path] = f
		}
		f.files = append(f.files, parsed)
		for _, i := range parsed.Imports {
			f.imports[strings.Trim(i.Path.Value, `"`)] = name
		}
	}
	return all
}

// files returns the files of the repository with a suffix, by their paths in it.
func files(t *testing.T, end string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata"):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(d.Name(), end):
			rel, err := filepath.Rel(root, p)
			all = append(all, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d files *%s: %v", len(all), end, err)
	}
	return all
}

// place returns the line of layers that contains a folder, and the entry that matches it.
func place(folder string) (line int, as string) {
	line = -1
	for i, names := range layers {
		for _, name := range names {
			tree, all := strings.CutSuffix(name, "/...")
			if (folder == name || all && (folder == tree || strings.HasPrefix(folder, tree+"/"))) && len(name) > len(as) {
				line, as = i, name
			}
		}
	}
	return line, as
}

// TestImportsGoDown fails if a package imports one that is not in a lower layer.
func TestImportsGoDown(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	arrows := 0
	for _, f := range folders(t) {
		line, as := place(f.path)
		if line < 0 {
			t.Errorf("%s is not in the table of layers", f.path)
			continue
		}
		seen[as] = true
		for i, name := range f.imports {
			rest, ours := strings.CutPrefix(i, module)
			if !ours || rest != "" && rest[0] != '/' {
				continue
			}
			arrows++
			below := path.Join(".", strings.TrimPrefix(rest, "/"))
			to, by := place(below)
			if to >= line && (by != as || !strings.HasSuffix(as, "/...")) {
				t.Errorf("%s imports %s, which is not in a lower layer", name, below)
			}
		}
	}
	for _, names := range layers {
		for _, name := range names {
			if !seen[name] {
				t.Errorf("no package matches %s", name)
			}
		}
	}
	t.Logf("%d imports", arrows)
}

// TestSizes counts the root's files and the lines of every file.
func TestSizes(t *testing.T) {
	t.Parallel()
	var code, tests int
	long := map[string]int{}
	for _, name := range files(t, ".go") {
		if !strings.Contains(name, "/") {
			if strings.HasSuffix(name, "_test.go") {
				tests++
			} else {
				code++
			}
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		long[name] = strings.Count(string(b), "\n")
	}
	if code > rootFiles || tests > rootTests {
		t.Errorf("the root has %d files and %d of tests", code, tests)
	}
	within(t, "lines", long, fileLines, longFiles)
}

// TestFields counts the fields of the types of the root module and the adapters.
func TestFields(t *testing.T) {
	t.Parallel()
	large := map[string]int{}
	for _, f := range folders(t) {
		_, as := place(f.path)
		if strings.HasSuffix(as, "/...") && as != "adapters/..." || as == "internal/wsconf" {
			continue
		}
		for _, file := range f.files {
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if s, ok := spec.Type.(*ast.StructType); ok {
					large[strings.TrimPrefix(f.path, ".")+"."+spec.Name.Name] = s.Fields.NumFields()
				}
				return true
			})
		}
	}
	within(t, "fields", large, structFields, largeTypes)
}

// within fails for numbers over the rule and its allowance, and for allowances that are not
// needed.
func within(t *testing.T, what string, got map[string]int, rule int, but map[string]allowance) {
	t.Helper()
	for name, n := range got {
		most := rule
		if a, ok := but[name]; ok {
			most = a.most
		}
		if n > most {
			t.Errorf("%s has %d %s; the maximum is %d", name, n, what, most)
		}
	}
	for name, a := range but {
		if got[name] <= rule || a.reason == "" {
			t.Errorf("%s has %d %s and needs no allowance", name, got[name], what)
		}
	}
	t.Logf("%d counted", len(got))
}

// TestFaceOfRooms counts the exported names of package rooms.
func TestFaceOfRooms(t *testing.T) {
	t.Parallel()
	var names []string
	for _, file := range folders(t)["internal/rooms"].files {
		names = append(names, exported(file)...)
	}
	slices.Sort(names)
	if len(names) == 0 || len(names) > roomsNames {
		t.Errorf("%d names: %v", len(names), names)
	}
	t.Logf("%d names", len(names))
}

// exported returns the exported names of a file, with methods.
func exported(f *ast.File) (names []string) {
	add := func(prefix string, id *ast.Ident) {
		if id.IsExported() {
			names = append(names, prefix+id.Name)
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add("", d.Name)
				continue
			}
			of := d.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			if id, ok := of.(*ast.Ident); ok && id.IsExported() {
				add(id.Name+".", d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					add("", s.Name)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						add("", id)
					}
				}
			}
		}
	}
	return names
}

// TestOneFileNamesTheLibrary fails if a second file of the root module imports the
// WebSocket library.
func TestOneFileNamesTheLibrary(t *testing.T) {
	t.Parallel()
	for _, f := range folders(t) {
		if name, ok := f.imports["nhooyr.io/websocket"]; ok && f.path != "internal/ws" && !strings.HasPrefix(f.path, "bench/") {
			t.Errorf("%s names the WebSocket library", name)
		}
	}
}
