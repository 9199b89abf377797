package sqlitelog_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/snippets"
)

// TestREADME compiles the code in the README and in the package's documentation.
func TestREADME(t *testing.T) {
	t.Parallel()
	imports := map[string]string{"sqlitelog": "github.com/seed-08328bfd/chat/adapters/sqlitelog"}
	for _, file := range []string{"README.md", "doc.go"} {
		snippets.Vet(t, file, snippets.Blocks(t, file, "chat."), imports)
	}
}
