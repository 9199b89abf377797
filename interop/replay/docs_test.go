package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCodes compares the codes of the server, of the schema and of docs/protocol.md.
func TestCodes(t *testing.T) {
	var want []string
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/proto/codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Code") && len(v.Values) == 1 {
			want = append(want, strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
		}
		return true
	})
	schema := loadSchema(t)
	got := []string{"gap"} // of the plain dialect alone
	for _, name := range []string{"ErrorCode", "HttpErrorCode"} {
		for _, code := range schema.def(name)["anyOf"].([]any)[0].(map[string]any)["enum"].([]any) {
			got = append(got, code.(string))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	got = slices.Compact(got)
	if !slices.Equal(got, want) {
		t.Errorf("the schema has the codes\n%v\nand the server\n%v", got, want)
	}
	page := protocolPage(t)
	for _, code := range got {
		if !strings.Contains(page, "`"+code+"`") {
			t.Errorf("docs/protocol.md does not name %s", code)
		}
	}
}

func protocolPage(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDocumentedFields compares the fields in the table of docs/protocol.md with those of the schema. A
// question mark there says that a field may be absent.
func TestDocumentedFields(t *testing.T) {
	schema := loadSchema(t)
	_, table, ok := strings.Cut(protocolPage(t), "## From the server")
	if !ok {
		t.Fatal("there is no table")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `([^`]+)` ").FindAllStringSubmatch(table, -1)
	for _, row := range rows {
		def := schema.def(strings.ToUpper(row[1][:1]) + row[1][1:])
		required := def["required"].([]any)
		want := []string{"type"}
		for _, field := range strings.Split(row[2], ", ") {
			name, optional := strings.CutSuffix(field, "?")
			if want = append(want, name); optional == slices.Contains(required, any(name)) {
				t.Errorf("%s: the schema and the table differ on whether %s may be absent", row[1], name)
			}
		}
		var got []string
		for name := range def["properties"].(map[string]any) {
			// The section on many rooms has these.
			if name != "room" && (row[1] != "welcome" || name != "id") || slices.Contains(want, name) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the schema has %v, the table %v", row[1], got, want)
		}
	}
	if len(rows) < 13 { // edit, delete, reaction and private have no list of their own
		t.Errorf("only %d rows", len(rows))
	}
}
