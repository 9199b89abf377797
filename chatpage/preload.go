package chatpage

import (
	"bytes"
	"regexp"
)

// imported matches a static import. Modules that are loaded later, with import(), are no part of it.
var imported = regexp.MustCompile(`(?m)^(?:import|export|\})(?:[^'"\n;()]* from)? ?'\./([\w.-]+)';`)

// modules returns the names of the modules that start needs, directly or not, each once, in the
// order in which a browser finds them. It is without start.
func modules(files map[string][]byte, start string) []string {
	all := []string{start}
	seen := map[string]bool{start: true}
	for i := 0; i < len(all); i++ {
		for _, m := range imported.FindAllSubmatch(files[all[i]], -1) {
			if name := string(m[1]); !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all[1:]
}

// withPreloads tells browsers in the page what its script imports. They would find one level of
// imports after the other, with a round trip for each.
func withPreloads(page []byte, names []string) []byte {
	script := []byte(`  <script type="module"`)
	var links bytes.Buffer
	for _, name := range names {
		links.WriteString("  <link rel=\"modulepreload\" href=\"" + name + "\">\n")
	}
	return bytes.Replace(page, script, append(links.Bytes(), script...), 1)
}
