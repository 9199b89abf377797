package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// proxy is a reverse proxy in front of the servers, with its file from deploy.
type proxy struct {
	name, binary, file string
	// command returns the command that runs the proxy, with the file's text for this setup.
	command func(t *testing.T, binary string, s *setup) *exec.Cmd
	// short replaces the file's timeout for a silent WebSocket by two seconds.
	short []string
	// passes503 means that a client may get a 503 when a server begins to drain.
	passes503 bool
}

// setup is the configuration of a proxy for a test.
type setup struct {
	servers   [2]string // their addresses
	health    string    // the port of their probes
	port      string    // the proxy's port
	crt, key  string    // files, or none without TLS
	pool      *x509.CertPool
	replace   []string // further replacements in its file
	logs, url string   // set by run: the folder of its logs, and its URL for clients
}

var proxies = []proxy{
	{name: "nginx", binary: "nginx", file: "nginx.conf", command: nginxCommand, short: []string{"proxy_read_timeout 60s", "proxy_read_timeout 2s"}},
	{name: "Caddy", binary: "caddy", file: "Caddyfile", command: caddyCommand},
	{name: "HAProxy", binary: "haproxy", file: "haproxy.cfg", command: haproxyCommand, short: []string{"timeout tunnel 60s", "timeout tunnel 2s"}},
	{name: "Apache", binary: "apache2", file: "apache.conf", command: apacheCommand, short: []string{"timeout=60 ", "timeout=2 ", "Timeout 60", "Timeout 2"}, passes503: true},
}

// eachProxy runs a test with each proxy.
func eachProxy(t *testing.T, test func(t *testing.T, p *proxy)) {
	for i := range proxies {
		t.Run(proxies[i].name, func(t *testing.T) {
			t.Parallel() // the test mostly waits
			test(t, &proxies[i])
		})
	}
}

// run starts the proxy. It ends with the test.
func (p *proxy) run(t *testing.T, s *setup) {
	t.Helper()
	binary, err := exec.LookPath(p.binary)
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/" + p.binary); err != nil {
			t.Fatalf("%s is needed: run .ci/deps", p.binary)
		}
	}
	s.port = freePort(t)
	s.url = "http://127.0.0.1:" + s.port
	if s.crt != "" {
		s.url = "https://127.0.0.1:" + s.port
	}
	cmd := p.command(t, binary, s)
	runProgram(t, cmd)
	s.logs = cmd.Stdout.(*os.File).Name()
	reachable(t, "127.0.0.1:"+s.port)
}

// said returns everything that the proxy has logged so far.
func (s *setup) said(t *testing.T) string { return text(t, s.logs) }

// deployed returns the path of a copy of a file of deploy with replacements.
func deployed(t *testing.T, name string, replace ...string) string {
	t.Helper()
	b := text(t, filepath.Join("../../deploy", name))
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(b, replace[i]) {
			t.Fatalf("no %q in %s", replace[i], name)
		}
		b = strings.ReplaceAll(b, replace[i], replace[i+1])
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(b), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func nginxCommand(t *testing.T, binary string, s *setup) *exec.Cmd {
	replace := append([]string{"chat-1:8080", s.servers[0], "chat-2:8080", s.servers[1]}, s.replace...)
	listen := "127.0.0.1:" + s.port
	if s.crt == "" {
		replace = append(replace, "listen 80;", "listen "+listen+";")
	} else {
		replace = append(replace, "listen 80;", "", "#listen 443 ssl;", "listen "+listen+" ssl;",
			"#ssl_certificate /etc/nginx/chat.crt;", "ssl_certificate "+s.crt+";",
			"#ssl_certificate_key /etc/nginx/chat.key;", "ssl_certificate_key "+s.key+";")
	}
	conf, dir := deployed(t, "nginx.conf", replace...), t.TempDir()
	pid := "pid " + dir + "/pid;"
	if out, err := exec.Command(binary, "-t", "-p", dir, "-c", conf, "-g", pid).CombinedOutput(); err != nil {
		t.Fatalf("nginx -t: %s", out)
	}
	return exec.Command(binary, "-p", dir, "-c", conf, "-g", "daemon off; "+pid)
}

func caddyCommand(t *testing.T, binary string, s *setup) *exec.Cmd {
	dir, site, replace := t.TempDir(), "http://127.0.0.1:"+s.port, s.replace
	if s.crt != "" {
		site = "https://127.0.0.1:" + s.port
		// Only the test's own certificate and port change.
		replace = append([]string{"\tlog default {", "\tauto_https disable_redirects\n\tlog default {", "\tlog\n", "\tlog\n\ttls " + s.crt + " " + s.key + "\n"}, replace...)
	}
	cmd := exec.Command(binary, "run", "--adapter", "caddyfile", "--config", deployed(t, "Caddyfile", replace...))
	cmd.Env = append(os.Environ(), "CHAT_SITE="+site, "CHAT_SERVERS="+s.servers[0]+" "+s.servers[1], "CHAT_HEALTH_PORT="+s.health,
		"HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "CADDY_ADMIN=unix/"+dir+"/admin.sock")
	return cmd
}

func haproxyCommand(t *testing.T, binary string, s *setup) *exec.Cmd {
	replace := append([]string{"chat-1:8080", s.servers[0], "chat-2:8080", s.servers[1], "port 9090", "port " + s.health,
		"maxconn 32768", "maxconn 500"}, s.replace...) // within this machine's limit of open files
	listen := "127.0.0.1:" + s.port
	if s.crt == "" {
		replace = append(replace, "bind :80", "bind "+listen)
	} else {
		pem := filepath.Join(t.TempDir(), "chat.pem")
		if err := os.WriteFile(pem, []byte(text(t, s.crt)+text(t, s.key)), 0o600); err != nil {
			t.Fatal(err)
		}
		replace = append(replace, "bind :80", "", "#bind :443 ssl crt /usr/local/etc/haproxy/chat.pem", "bind "+listen+" ssl crt "+pem)
	}
	conf := deployed(t, "haproxy.cfg", replace...)
	if out, err := exec.Command(binary, "-c", "-f", conf).CombinedOutput(); err != nil {
		t.Fatalf("haproxy -c: %s", out)
	}
	return exec.Command(binary, "-db", "-f", conf)
}

func apacheCommand(t *testing.T, binary string, s *setup) *exec.Cmd {
	replace := append([]string{"chat-1:8080", s.servers[0], "chat-2:8080", s.servers[1], "*:80>", "127.0.0.1:" + s.port + ">"}, s.replace...)
	if s.crt != "" {
		replace = append(replace, "#SSLEngine", "SSLEngine", "#SSLCertificateFile /etc/apache2/chat.crt", "SSLCertificateFile "+s.crt,
			"#SSLCertificateKeyFile /etc/apache2/chat.key", "SSLCertificateKeyFile "+s.key)
	}
	site, dir := deployed(t, "apache.conf", replace...), t.TempDir()
	// The lines of the distribution's own files around a site.
	var main strings.Builder
	modules := "mpm_event authz_core headers lbmethod_bybusyness proxy proxy_balancer proxy_http slotmem_shm"
	if s.crt != "" {
		modules += " ssl socache_shmcb"
	}
	for m := range strings.FieldsSeq(modules) {
		fmt.Fprintf(&main, "LoadModule %s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", m)
	}
	fmt.Fprintf(&main, "ServerName 127.0.0.1\nListen 127.0.0.1:%s\nPidFile %s/pid\nDefaultRuntimeDir %[2]s\nErrorLog /dev/stderr\nInclude %s\n", s.port, dir, site)
	if os.Getuid() == 0 {
		main.WriteString("User www-data\nGroup www-data\n")
	}
	conf := filepath.Join(dir, "main.conf")
	if err := os.WriteFile(conf, []byte(main.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(binary, "-t", "-f", conf).CombinedOutput(); err != nil {
		t.Fatalf("apache2 -t: %s", out)
	}
	return exec.Command(binary, "-DFOREGROUND", "-f", conf)
}

// serverPair starts two servers that trust a proxy on this machine.
func serverPair(t *testing.T, s *setup, args ...string) (servers [2]*process) {
	t.Helper()
	s.health = freePort(t)
	for i := range servers {
		host := fmt.Sprintf("127.0.0.%d", i+1) // two hosts, with the same port for probes
		servers[i] = start(t, nil, append([]string{"-addr", host + ":0", "-metrics-addr", net.JoinHostPort(host, s.health),
			"-trusted-proxies", "127.0.0.1"}, args...)...)
		s.servers[i] = strings.TrimPrefix(servers[i].url, "http://")
	}
	return servers
}

// served waits until the proxy serves clients.
func served(t *testing.T, s *setup) {
	t.Helper()
	eventually(t, "served by the proxy", func() bool { status, _ := get(t, s.url+"/rooms", ""); return status == http.StatusOK })
}

// certificate makes a certificate for 127.0.0.1, which the test's clients trust.
func certificate(t *testing.T) (crt, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	crt, key = filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	both := map[string]*pem.Block{crt: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}}
	for path, block := range both {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(both[crt]))
	return crt, key, pool
}
