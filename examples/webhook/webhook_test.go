package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the tests start this program.
func TestMain(m *testing.M) {
	if os.Getenv("WEBHOOK_MAIN_RUNS") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The example of the specification's reference implementations.
func TestSignature(t *testing.T) {
	keys, err := parseSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := signature(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	other := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	keys, err = parseSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, " + other)
	if all := strings.Fields(signature(keys, "id", time.Now(), nil)); err != nil || len(all) != 2 || all[0] == all[1] {
		t.Errorf("two keys: %v, %v", all, err)
	}
	for _, bad := range []string{"", " ", "whsec_", "whsec_c2hvcnQ=", "whsec_*", other + " x"} {
		if _, err := parseSecrets(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700:4700::1111": true, "172.15.0.1": true, "172.32.0.1": true, "100.128.0.1": true,
		"127.0.0.1": false, "127.255.0.9": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false, "192.0.0.8": false, "192.0.2.1": false,
		"198.18.0.1": false, "198.19.255.255": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "::8.8.8.8": false, "::127.0.0.1": false,
		"fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12:3456::1": false, "fec0::1": false, "ff02::1": false, "64:ff9b::7f00:1": false,
		"64:ff9b::8.8.8.8": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2001:0:4136:e378:8000:63bf:3fff:fdd2": false, "2001:db8::1": false, "100::1": false, "2606:4700::1%1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
}

// A name that stands for an inner address is refused when the connection is made.
func TestInnerServices(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	defer service.Close()
	for _, url := range []string{service.URL, strings.Replace(service.URL, "127.0.0.1", "localhost", 1)} {
		e := &endpoint{url: url, http: client(false)}
		if _, err := e.post(t.Context(), "id", nil); err == nil || !strings.Contains(err.Error(), "no") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, bad := range []string{"http://a.example/", "ftp://a.example/", "https:///x", "https://u:p@a.example/", "https://a.example/#x", "::", "https://b.example/"} {
		if allowed(bad, "a.example", false) == nil {
			t.Errorf("%s is allowed", bad)
		}
	}
	if err := allowed("https://A.example:8443/x?y", "a.example,c.example", false); err != nil {
		t.Error(err)
	}
}

func TestAnswers(t *testing.T) {
	var status int
	header := http.Header{}
	var led bool
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			led = true
			return
		}
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
	}))
	defer service.Close()
	e := &endpoint{url: service.URL, http: client(true)}
	date := time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat)
	for _, tc := range []struct {
		status      int
		key, value  string
		ok          bool
		least, most time.Duration
	}{
		{200, "", "", true, 0, 0}, {204, "", "", true, 0, 0}, {302, "Location", "/elsewhere", false, 0, 0}, {400, "", "", false, 0, 0},
		{429, "Retry-After", "7", false, 7 * time.Second, 7 * time.Second}, {503, "Retry-After", "86400", false, longestWait, longestWait},
		{503, "Retry-After", date, false, 10 * time.Second, 20 * time.Second}, {503, "Retry-After", "-1", false, 0, 0}, {503, "Retry-After", "soon", false, 0, 0},
	} {
		status, header = tc.status, http.Header{tc.key: {tc.value}}
		if wait, err := e.post(t.Context(), "id", nil); (err == nil) != tc.ok || wait < tc.least || wait > tc.most {
			t.Errorf("%d %s %s: %v, %v", tc.status, tc.key, tc.value, wait, err)
		}
	}
	if led {
		t.Error("a redirect was followed")
	}
}

// A hook is a service that fails at random. It keeps what it has accepted.
type hook struct {
	mu   sync.Mutex
	got  map[string][]uint64 // by room, offsets as they were accepted first
	ids  map[string]string   // by id, the body
	keys [][]byte
	bad  []string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	id := r.Header.Get("Webhook-Id")
	secs, err := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
	if want := signature(h.keys, id, time.Unix(secs, 0), body); err != nil || want != r.Header.Get("Webhook-Signature") {
		h.bad = append(h.bad, "a wrong signature")
	}
	switch mrand.IntN(8) {
	case 0:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case 1: // the answer is lost
		defer panic(http.ErrAbortHandler)
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		h.bad = append(h.bad, err.Error())
		return
	}
	if old, ok := h.ids[id]; ok {
		if old != string(body) {
			h.bad = append(h.bad, "one id for two events")
		}
		return
	}
	h.ids[id] = string(body)
	h.got[p.Data.Room] = append(h.got[p.Data.Room], p.Data.Event.Offset)
}

// TestKilled kills the program at random moments. Whatever was acknowledged reaches the service, in
// the order of its room.
func TestKilled(t *testing.T) {
	secret := make([]byte, 32)
	rand.Read(secret)
	h := &hook{got: map[string][]uint64{}, ids: map[string]string{}, keys: [][]byte{secret}}
	service := httptest.NewServer(h)
	defer service.Close()
	data := filepath.Join(t.TempDir(), "chat.db")
	acked := map[string][]uint64{}
	for round := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, os.Args[0], "-addr", "127.0.0.1:0", "-data", data, "-private", "-to", service.URL)
		cmd.Env = append(os.Environ(), "WEBHOOK_MAIN_RUNS=1", "WEBHOOK_SECRET=whsec_"+base64.StdEncoding.EncodeToString(secret))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 + mrand.IntN(20) {
			room := fmt.Sprint("r", i%4)
			url := fmt.Sprintf("%s/rooms/%s/events?username=Ann", strings.TrimSpace(line), room)
			resp, err := http.Post(url, "application/json", strings.NewReader(fmt.Sprintf(`{"type":"message","message":"%d of %d"}`, i, round)))
			if err != nil {
				t.Fatal(err)
			}
			var ack struct{ Offset uint64 }
			err = json.NewDecoder(resp.Body).Decode(&ack)
			resp.Body.Close()
			if err != nil || ack.Offset == 0 {
				t.Fatal(resp.Status, err)
			}
			acked[room] = append(acked[room], ack.Offset)
		}
		if round == 4 { // the last one may end its work
			deadline := time.Now().Add(90 * time.Second)
			for !h.has(acked) {
				if time.Now().After(deadline) {
					t.Fatalf("got %v, want %v", h.got, acked)
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		cancel()
	}
	for room, offsets := range h.got {
		for i, o := range offsets {
			if o != uint64(i+1) {
				t.Errorf("room %s: accepted in the order %v", room, offsets)
				break
			}
		}
	}
	if len(h.bad) > 0 {
		t.Error(h.bad)
	}
}

// has reports whether all of acked was accepted.
func (h *hook) has(acked map[string][]uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for room, offsets := range acked {
		if len(h.got[room]) < len(offsets) {
			return false
		}
	}
	return true
}

// A service that is gone gets nothing more, and another one gets all.
func TestGone(t *testing.T) {
	asked := make(chan struct{}, 100)
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		w.WriteHeader(http.StatusGone)
	}))
	defer gone.Close()
	got := make(chan string, 100)
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p payload
		json.NewDecoder(r.Body).Decode(&p)
		got <- p.Type + " " + p.Data.Event.Text
	}))
	defer there.Close()
	t.Setenv("WEBHOOK_SECRET", "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-data", filepath.Join(t.TempDir(), "chat.db"), "-private", "-to", gone.URL, "-to", there.URL}, in)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	for i := range 3 {
		resp, err := http.Post(strings.TrimSpace(line)+"/rooms/r/events?username=Ann", "application/json", strings.NewReader(fmt.Sprintf(`{"type":"message","message":"m%d"}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		if g := <-got; g != fmt.Sprint("chat.message m", i) {
			t.Errorf("got %s", g)
		}
		if i == 0 {
			<-asked
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(asked) > 0 {
		t.Errorf("asked %d times after 410", len(asked))
	}
}
