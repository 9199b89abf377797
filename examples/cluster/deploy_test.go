package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDeployFiles holds that the files of deploy and the README speak of flags
// that there are, and the README of all.
func TestDeployFiles(t *testing.T) {
	// What the proxy's own file is set by.
	known := []string{"CHAT_SITE", "CHAT_SERVERS", "CHAT_HEALTH_PORT"}
	var names []string
	new(config).flags().VisitAll(func(f *flag.Flag) {
		names = append(names, "-"+f.Name)
		known = append(known, "CHAT_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")))
	})
	files, err := filepath.Glob("../../deploy/*")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	kube, _ := filepath.Glob("../../deploy/kubernetes/*.yaml")
	for _, f := range append(files, kube...) {
		if info, err := os.Stat(f); err != nil || info.IsDir() {
			continue
		}
		for _, key := range regexp.MustCompile(`CHAT_[A-Z_]+`).FindAllString(text(t, f), -1) {
			if !slices.Contains(known, key) && key != "CHAT_PORT" { // Kubernetes' own
				t.Errorf("%s: no flag for %s", f, key)
			}
		}
	}
	readme := text(t, "README.md")
	for _, name := range names {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("README.md does not have %s", name)
		}
	}
	for _, name := range regexp.MustCompile("`(-[a-z-]+)`").FindAllStringSubmatch(readme+text(t, "../../deploy/README.md"), -1) {
		if !slices.Contains(names, name[1]) && name[1] != "-help" {
			t.Errorf("no flag %s", name[1])
		}
	}
	for _, name := range regexp.MustCompile(`\bchat_[a-z_]+`).FindAllString(readme, -1) {
		metrics := text(t, "metrics.go") + text(t, "engine.go")
		if !strings.Contains(metrics, `"`+strings.TrimSuffix(name, "_bucket")+`"`) {
			t.Errorf("no metric %s", name)
		}
	}
}

// TestDockerfile holds that the image's build has every module.
func TestDockerfile(t *testing.T) {
	docker := text(t, "../../deploy/Dockerfile")
	replaced := regexp.MustCompile(`=> \.\./\.\./(\S+)`).FindAllStringSubmatch(text(t, "go.mod"), -1)
	if len(replaced) == 0 {
		t.Fatal("go.mod replaces nothing")
	}
	for _, r := range replaced {
		if line := "COPY " + r[1] + "/go.mod " + r[1] + "/go.sum " + r[1] + "/\n"; !strings.Contains(docker, line) {
			t.Errorf("no line %s", line)
		}
	}
}
