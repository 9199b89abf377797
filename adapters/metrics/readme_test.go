package metrics_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/metrics"
	"github.com/seed-08328bfd/chat/internal/test/snippets"
)

// TestSnippets compiles the code in the README and in the package's documentation.
func TestSnippets(t *testing.T) {
	imports := map[string]string{
		"metrics": "github.com/seed-08328bfd/chat/adapters/metrics", "prometheus": "github.com/prometheus/client_golang/prometheus",
	}
	for _, file := range []string{"README.md", "metrics.go"} {
		snippets.Vet(t, file, snippets.Blocks(t, file, "metrics."), imports)
	}
}

// TestDocumented compares the README's table, the alerts and the dashboard with the metrics that
// there are.
func TestDocumented(t *testing.T) {
	_, labels := gather(t, full(t, metrics.Options{Labels: map[string]string{"server": "a"}}))
	for _, file := range []string{"README.md", "../../deploy/prometheus/alerts.yaml", "../../deploy/grafana/chat.json"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for _, name := range regexp.MustCompile(`\bchat_[a-z_]+`).FindAllString(string(b), -1) {
			named[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] = true
		}
		for name := range named {
			if _, ok := labels[name]; !ok && name != "chat_ready" { // of examples/cluster
				t.Errorf("%s names %s, which does not exist", file, name)
			}
		}
		for name := range labels {
			if file == "README.md" && !strings.Contains(string(b), "| `"+name+"`") {
				t.Errorf("%s has no row for %s", file, name)
			}
		}
	}
}
