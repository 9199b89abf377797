package pglog_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/snippets"
)

// TestREADME compiles the code in the README and in the package's documentation.
func TestREADME(t *testing.T) {
	t.Parallel()
	imports := map[string]string{
		"pgx":     "github.com/jackc/pgx/v5",
		"pgxpool": "github.com/jackc/pgx/v5/pgxpool",
		"pglog":   "github.com/seed-08328bfd/chat/adapters/pglog",
	}
	for _, file := range []string{"README.md", "doc.go"} {
		snippets.Vet(t, file, snippets.Blocks(t, file, "chat."), imports)
	}
}
