package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestConfig(t *testing.T) {
	env := map[string]string{
		"CHAT_ADDR":            ":1",
		"CHAT_REDIS":           "redis://127.0.0.1",
		"CHAT_POSTGRES":        "", // the same as not set
		"CHAT_HISTORY":         "7",
		"CHAT_RATE":            "2.5",
		"CHAT_ORIGINS":         "https://a.example, https://b.example,",
		"CHAT_MAX_CONNECTIONS": "9",
		"CHAT_JWT_SECRET_FILE": "/run/secret",
		"CHAT_DRAIN_DELAY":     "3s",
		"CHAT_LOG_LEVEL":       "debug",
		"CHAT_HEALTHCHECK":     "true",
		"CHAT_PORT":            "tcp://10.0.0.1:80", // as Kubernetes sets
	}
	lookup := func(key string) (string, bool) { v, ok := env[key]; return v, ok }
	got, err := parse([]string{"-addr", ":2", "-history=8", "-origins", "https://c.example"}, lookup, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	want := &config{
		addr: ":2", redis: "redis://127.0.0.1", history: 8,
		rate: 2.5, burst: 50, messageSize: 16 << 10, maxConns: 9,
		origins: list{"https://c.example"}, jwtSecretFile: "/run/secret",
		drainDelay: 3 * time.Second, drain: 20 * time.Second, logLevel: slog.LevelDebug,
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(config{})); d != "" {
		t.Error(d)
	}
}

func TestBadConfig(t *testing.T) {
	for _, c := range []struct {
		args string
		env  map[string]string
		says string
	}{
		{args: "-no-such-flag", says: "-no-such-flag"},
		{args: "-history many", says: "-history"},
		{args: "extra", says: "no arguments"},
		{env: map[string]string{"CHAT_HISTORY": "many"}, says: "CHAT_HISTORY"},
		{args: "-redis redis://a -postgres postgres://b", says: "exclude"},
		{args: "-redis redis://a -sqlite b.db", says: "exclude"},
		{args: "-postgres postgres://a -sqlite b.db", says: "exclude"},
		{args: "-keep 5", says: "-keep"},
		{args: "-jwt-issuer me", says: "-jwks"},
		{args: "-redis redis://a -keep -5", says: "must not be negative"},
		{args: "-postgres postgres://a -keep-for -5s", says: "must not be negative"},
		{args: "-drain -1s", says: "must not be negative"},
		{args: "-drain-delay -1s", says: "must not be negative"},
	} {
		var out bytes.Buffer
		lookup := func(key string) (string, bool) { v, ok := c.env[key]; return v, ok }
		if _, err := parse(strings.Fields(c.args), lookup, &out); !errors.Is(err, errUsage) || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s %v: %v, %s", c.args, c.env, err, out.String())
		}
	}
}

func TestExitCodes(t *testing.T) {
	dead := "127.0.0.1:1"
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"-help", 0, "-trusted-proxies"},
		{"-no-such-flag", 2, "-no-such-flag"},
		{"-healthcheck -addr " + dead, 1, "refused"},
		{"-addr 127.0.0.1:0 -origins nonsense", 1, "nonsense"},
		{"-addr 127.0.0.1:0 -trusted-proxies nonsense", 1, "nonsense"},
		{"-addr 127.0.0.1:0 -jwt-secret-file /no/such/file", 1, "/no/such/file"},
		{"-addr 127.0.0.1:0 -jwks http://" + dead + "/jwks.json", 1, "JWKS"},
		{"-addr 127.0.0.1:0 -postgres postgres://u:hunter2@h:port/db", 1, "postgres"},
		{"-addr 127.0.0.1:0 -redis http://u:hunter2@h", 1, "redis"},
		{"-addr 127.0.0.1:0 -sqlite /no/such/folder/chat.db", 1, "/no/such/folder/chat.db"},
		{"-addr 300.0.0.1:0", 1, "300.0.0.1"},
	} {
		code, out := exit(t, nil, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit code %d: %s", c.args, code, out)
		}
		if strings.Contains(out, "hunter2") {
			t.Errorf("%s: the output has the password: %s", c.args, out)
		}
	}
}
