// Command vet runs the analyses of go vet on the modules in the folders that are its arguments,
// for platforms other than this one:
//
//	vet windows/amd64,linux/386 . adapters/pglog
//	vet js/wasm .:./client
//
// After a colon is the only package of that module to check.
//
// go vet compiles for each platform every package that is imported, down to the standard
// library, which takes minutes. This command reads only the declarations of packages of others,
// and checks the project's own code with them.
package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"
)

func main() {
	debug.SetGCPercent(300)
	root, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	failed := false
	for platform := range strings.SplitSeq(os.Args[1], ",") {
		for _, folder := range os.Args[2:] {
			fmt.Println("==", platform, folder)
			found, err := vet(root, folder, platform)
			if err != nil {
				found = append(found, err.Error())
			}
			for _, line := range found {
				fmt.Fprintln(os.Stderr, line)
				failed = true
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

// vet returns the findings in the packages of a module.
func vet(root, folder, platform string) (found []string, err error) {
	goos, goarch, _ := strings.Cut(platform, "/")
	folder, pattern, one := strings.Cut(folder, ":")
	if !one {
		pattern = "./..."
	}
	pkgs, err := packages.Load(&packages.Config{
		Context: context.Background(),
		Mode:    packages.LoadAllSyntax | packages.NeedModule,
		Dir:     filepath.Join(root, folder),
		Env:     append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		Tests:   true,
		ParseFile: func(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
			if strings.HasPrefix(name, root+string(filepath.Separator)) {
				return parser.ParseFile(fset, name, src, parser.AllErrors|parser.ParseComments)
			}
			f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
			if f != nil {
				for _, d := range f.Decls {
					if d, ok := d.(*ast.FuncDecl); ok {
						d.Body = nil
					}
				}
			}
			return f, err
		},
	}, pattern)
	if err != nil {
		return nil, err
	}
	own := 0
	pkgs = slices.DeleteFunc(pkgs, func(p *packages.Package) bool { return strings.HasSuffix(p.ID, ".test") }) // generated
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		// Packages of others have no function bodies, so they do not use everything that they
		// import.
		p.IllTyped = false
		if p.Module == nil || !p.Module.Main && p.Module.Replace == nil {
			return
		}
		own++
		for _, e := range p.Errors {
			found = append(found, e.Error())
			p.IllTyped = true
		}
	})
	if own == 0 {
		return nil, fmt.Errorf("%s has no packages for %s", folder, platform)
	}
	if len(found) > 0 {
		slices.Sort(found)
		return slices.Compact(found), nil
	}
	graph, err := checker.Analyze(analyzers, pkgs, nil)
	if err != nil {
		return nil, err
	}
	for a := range graph.All() {
		if !a.IsRoot {
			continue
		}
		if a.Err != nil {
			found = append(found, fmt.Sprintf("%s: %v", a, a.Err))
		}
		for _, d := range a.Diagnostics {
			found = append(found, fmt.Sprintf("%s: %s: %s", a.Package.Fset.Position(d.Pos), a.Analyzer.Name, d.Message))
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil // a package and the same package with its tests report the same
}
