package docs

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

const pagesURL = "https://github.com/seed-08328bfd/chat/blob/main/docs/"

var (
	pageName = regexp.MustCompile(`\S*docs/[a-z]+\.md(#[a-z0-9-]+)?`)
	pageLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// anchors returns the anchors of a page's headings, as the repository's web site makes them.
func anchors(t *testing.T, page string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	outside := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
	for _, h := range heading.FindAllStringSubmatch(outside, -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, h[1])] = true
	}
	return all
}

// TestCommentsLink checks that Go comments name a page of docs by its address, because many
// readers do not have the repository. The page and the heading must exist.
func TestCommentsLink(t *testing.T) {
	t.Chdir("../../..")
	links := 0
	for _, files := range repository(t, ".go") {
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, group := range parsed.Comments {
				for _, name := range pageName.FindAllString(group.Text(), -1) {
					links++
					rest, ok := strings.CutPrefix(name, pagesURL)
					if !ok {
						t.Errorf("%s: %s is not an address", f, name)
						continue
					}
					page, anchor, _ := strings.Cut(rest, "#")
					if all := anchors(t, filepath.Join("docs", page)); anchor != "" && !all[anchor] {
						t.Errorf("%s: %s has no heading %s", f, page, anchor)
					}
				}
			}
		}
	}
	if links < 10 {
		t.Errorf("%d links found", links)
	}
}

// TestPagesLink finds links in pages to files and headings that do not exist.
func TestPagesLink(t *testing.T) {
	t.Chdir("../../..")
	links := 0
	for _, files := range repository(t, ".md") {
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range pageLink.FindAllStringSubmatch(string(text), -1) {
				if strings.Contains(m[1], ":") {
					continue // another site
				}
				links++
				file, anchor, _ := strings.Cut(m[1], "#")
				target := filepath.Join(filepath.Dir(f), file)
				if file == "" {
					target = f
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s: %v", f, err)
				} else if anchor != "" && !anchors(t, target)[anchor] {
					t.Errorf("%s: %s has no heading %s", f, target, anchor)
				}
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links found", links)
	}
}
