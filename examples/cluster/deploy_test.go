package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDeployFiles checks that the files in deploy and the README name only flags that exist, and
// that the README names all of them.
func TestDeployFiles(t *testing.T) {
	// The settings of the proxy's own file.
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
			t.Errorf("README.md does not mention %s", name)
		}
	}
	for _, name := range regexp.MustCompile("`(-[a-z-]+)`").FindAllStringSubmatch(readme+text(t, "../../deploy/README.md"), -1) {
		if !slices.Contains(names, name[1]) && name[1] != "-help" {
			t.Errorf("no flag %s", name[1])
		}
	}
	// A test of adapters/metrics compares the alerts and the dashboard with the metrics.
	metrics := text(t, "metrics.go") + text(t, "../../adapters/metrics/README.md")
	for _, name := range regexp.MustCompile(`\bchat_[a-z_]+`).FindAllString(readme, -1) {
		if !strings.Contains(metrics, name) {
			t.Errorf("no metric %s", name)
		}
	}
}

// TestDockerfile checks that the image's build has every module.
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

// TestCompose checks that each profile of the compose file is complete: one engine, two servers
// that wait for it, and a proxy that finds them, with everything that TLS needs.
func TestCompose(t *testing.T) {
	if !strings.Contains(text(t, "../../deploy/.env"), "\nCOMPOSE_PROFILES=redis\n") {
		t.Error(".env does not set the default engine")
	}
	var file struct {
		Services map[string]struct {
			Image       string
			Profiles    []string
			Environment map[string]string
			DependsOn   map[string]any `yaml:"depends_on"`
			Ports       []string
			Volumes     []string
			Networks    map[string]struct{ Aliases []string }
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(text(t, "../../deploy/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for engine, other := range map[string]string{"redis": "postgres", "postgres": "redis"} {
		var names, found []string
		for name, s := range file.Services {
			if len(s.Profiles) > 0 && !slices.Contains(s.Profiles, engine) {
				continue
			}
			names = append(names, name)
			if s.Image != "chat" {
				continue
			}
			found = append(found, name[:min(len("chat-1"), len(name))])
			if _, ok := s.DependsOn[engine]; !ok || len(s.DependsOn) != 1 {
				t.Errorf("%s depends on %v", name, s.DependsOn)
			}
			if s.Environment["CHAT_"+strings.ToUpper(engine)] == "" || s.Environment["CHAT_"+strings.ToUpper(other)] != "" || s.Environment["CHAT_TRUSTED_PROXIES"] == "" {
				t.Errorf("%s has the environment %v", name, s.Environment)
			}
			if alias := found[len(found)-1]; name != alias && !slices.Contains(s.Networks["default"].Aliases, alias) {
				t.Errorf("the proxy does not find %s", name)
			}
		}
		slices.Sort(found)
		if !slices.Contains(names, engine) || slices.Contains(names, other) || !slices.Contains(names, "proxy") || !slices.Equal(found, []string{"chat-1", "chat-2"}) {
			t.Errorf("with %s there are the servers %v", engine, names)
		}
	}
	proxy := file.Services["proxy"]
	if proxy.Environment["CHAT_SITE"] == "" || !slices.ContainsFunc(proxy.Ports, func(p string) bool { return strings.HasSuffix(p, ":443") }) ||
		!slices.Contains(proxy.Volumes, "caddy:/data") {
		t.Errorf("TLS does not work with %+v", proxy)
	}
	if _, ok := file.Volumes["caddy"]; !ok {
		t.Error("no volume for certificates")
	}
	if n := strings.Count(text(t, "../../deploy/compose.yaml"), "${POSTGRES_PASSWORD"); n != 1 {
		t.Errorf("the password is in %d places", n)
	}
}

// TestKubernetesImage checks that all pods of a Deployment run the same build.
func TestKubernetesImage(t *testing.T) {
	kube := text(t, "../../deploy/kubernetes/chat.yaml")
	image := regexp.MustCompile(`(?m)^ +image: \S+:(\S+)$`).FindStringSubmatch(kube)
	if image == nil || image[1] == "latest" || !strings.Contains(kube, "imagePullPolicy: IfNotPresent\n") {
		t.Errorf("the image is %q", image)
	}
}
