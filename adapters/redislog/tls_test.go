package redislog_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/internal/test/ports"
)

// aclRules returns the rules in README.md.
func aclRules(t testing.TB) []string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rules, ok := strings.Cut(string(readme), "ACL SETUSER chat on >SECRET ")
	rules, _, end := strings.Cut(rules, "\n```")
	if !ok || !end {
		t.Fatal("README.md has no ACL SETUSER")
	}
	return strings.Fields(strings.ReplaceAll(rules, "\\\n", " "))
}

// restrict makes the user with the rights in README.md.
func (i *instance) restrict(t testing.TB) {
	t.Helper()
	args := []any{"ACL", "SETUSER", "chat", "on", ">SECRET"}
	for _, rule := range aclRules(t) {
		args = append(args, rule)
	}
	i.exec(t, args...)
}

// The whole suite runs over TLS, as a user with only the rights in README.md.
func TestTLSAndACL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool := certificate(t, dir)
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	i := freshInstance(t, "--tls-port", port, "--tls-auth-clients", "no",
		"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"))
	i.restrict(t)
	open := func(t *testing.T, opts ...redislog.Option) *redislog.Log {
		c := redis.NewClient(&redis.Options{
			Addr: "127.0.0.1:" + port, Username: "chat", Password: "SECRET", TLSConfig: &tls.Config{RootCAs: pool}, ContextTimeoutEnabled: true, ReadTimeout: patience,
		})
		t.Cleanup(func() { c.Close() })
		return redislog.New(c, append([]redislog.Option{redislog.WithHistory(200)}, opts...)...)
	}
	chattest.TestLog(t, func(t *testing.T) chatlog.Log { return open(t) })

	// The suite does not cover these: trimming by bytes, and ids that expire.
	l := open(t, redislog.WithHistoryBytes(1000), redislog.Window(time.Millisecond))
	put(t, l, "room", private("u", "v"))
	put(t, l, "room", text("u", "", "after a private one"))
	if p := read(t, l, "room", chatlog.Range{Limit: 100, Visible: true, Reader: "w"}); len(p.Events) == 0 || p.Events[len(p.Events)-1].Offset != p.Position.Offset {
		t.Errorf("the events that one reader may see: %+v", p)
	}
	for n := range 20 {
		put(t, l, "trimmed", text("u", fmt.Sprint(n), strings.Repeat("x", 100)))
		time.Sleep(2 * time.Millisecond)
	}
	if p := read(t, l, "trimmed", chatlog.Range{Limit: 100}); p.First < 10 || p.Position.Offset != 20 {
		t.Errorf("of 20 events, %d to %v are left", p.First, p.Position)
	}
	// The user has no rights to another prefix.
	if _, err := open(t, redislog.WithPrefix("other:")).Append(within(t), "room", text("u", "", "m")); err == nil || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("a call outside of the user's keys: %v", err)
	}
}

// certificate writes cert.pem and key.pem for 127.0.0.1, and returns a pool that trusts them.
func certificate(t testing.TB, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}
