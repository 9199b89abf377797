package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// canary is in every secret of a test's request, and nowhere else.
const canary = "canary"

// secretRequest asks for a path, with every kind of secret in every place where clients send it.
func secretRequest(line, more string) string {
	session := strings.Repeat("s", 26) + canary // 32 characters, as a real one
	return fmt.Sprintf(strings.ReplaceAll(line, "?", "?session="+session+"&token="+canary+"&")+"\r\n"+
		"Host: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+
		"Sec-WebSocket-Protocol: chat.v1, bearer.%s, session.%s\r\n"+
		"Authorization: Bearer %[1]s\r\nCookie: session=%[1]s\r\nReferer: http://127.0.0.1/?token=%[1]s\r\n%[3]s\r\n", canary, session, more)
}

// secretRequests are requests that clients send, and requests that the proxy itself refuses.
var secretRequests = []string{
	secretRequest("GET /ws/general?username=A HTTP/1.1", ""),
	secretRequest("GET /rooms? HTTP/1.1", ""),
	secretRequest("GET /nothing? HTTP/1.1", ""),
	secretRequest("POST /ws/general? HTTP/1.1", "Content-Length: 9\r\n"),
	secretRequest("GET /ws/../../general? HTTP/1.1", ""),
	secretRequest("GET /ws/%%zz? HTTP/1.1", ""),
	secretRequest("GET http://127.0.0.1/ws/general? HTTP/1.1", ""),
	secretRequest("GET /ws/general? HTTP/1.0", ""),
	secretRequest("GET /ws/general? HTTP/9.9", ""),
	secretRequest("GET /ws/general? nonsense "+canary+" HTTP/1.1", ""),
	secretRequest("GET /ws/general? HTTP/1.1", "Host: again\r\n"),
	secretRequest("GET /ws/general? HTTP/1.1", "A bad header "+canary+"\r\n"),
	secretRequest("GET /ws/general? HTTP/1.1", "X: \x01"+canary+"\r\n"),
	secretRequest("GET /ws/general? HTTP/1.1", "X: "+strings.Repeat(canary, 4000)+"\r\n"),
	secretRequest("GET /ws/general?x="+strings.Repeat(canary, 4000)+" HTTP/1.1", ""),
	secretRequest("GET /ws/general? HTTP/1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
	secretRequest("GET /ws/general? HTTP/1.1", "Expect: "+canary+"\r\n"),
	"GET /ws/general?session=" + canary, // an incomplete request
}

// send sends a request, and reads one answer if it comes within a moment.
func send(t *testing.T, addr, request string) (status int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Second))
	io.WriteString(c, request)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		io.Copy(io.Discard, resp.Body)
	}
	return resp.StatusCode
}

// badServers listen where the proxy expects two servers. They report that they are healthy. To
// every request they send the value of answer. It may be a valid HTTP response or not, or
// "reset".
func badServers(t *testing.T, s *setup) (answer *atomic.Value) {
	t.Helper()
	answer = &atomic.Value{}
	answer.Store("")
	s.health = freePort(t)
	for i := range s.servers {
		host := fmt.Sprintf("127.0.0.%d", i+1)
		l, err := net.Listen("tcp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		health, err := net.Listen("tcp", net.JoinHostPort(host, s.health))
		if err != nil {
			t.Fatal(err)
		}
		s.servers[i] = l.Addr().String()
		t.Cleanup(func() { l.Close(); health.Close() })
		go http.Serve(health, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // ends with its listener
		go func() {                                                                          // ends with the listener
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { // ends when it has answered
					defer c.Close()
					if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
						return
					}
					switch a := answer.Load().(string); a {
					case "reset":
						c.(*net.TCPConn).SetLinger(0)
					case "nothing":
						time.Sleep(3 * time.Second)
					default:
						io.WriteString(c, a)
					}
				}()
			}
		}()
	}
	return answer
}

// TestProxySecrets checks that no secret of a request is in a log of a proxy or a server,
// whatever happens to the request.
func TestProxySecrets(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) {
		t.Run("healthy servers", func(t *testing.T) {
			var s setup
			servers := serverPair(t, &s, "-log-level", "debug")
			p.run(t, &s)
			served(t, &s)
			for i, r := range secretRequests {
				status := send(t, "127.0.0.1:"+s.port, r)
				if i == 0 && status != http.StatusSwitchingProtocols {
					t.Errorf("the first request, which is valid, was answered with %d", status)
				}
			}
			keptSecret(t, &s, 3)
			for _, one := range servers {
				if strings.Contains(one.log(), canary) {
					t.Errorf("a server's log:\n%s", one.log())
				}
			}
		})
		t.Run("servers that are down", func(t *testing.T) {
			s := setup{servers: [2]string{"127.0.0.1:" + freePort(t), "127.0.0.1:" + freePort(t)}, health: freePort(t)}
			if p.name == "Caddy" {
				s.replace = []string{"lb_try_duration 5s", "lb_try_duration 100ms"}
			}
			p.run(t, &s)
			for range 2 { // the second time, the proxy knows that the servers are down
				for _, r := range secretRequests {
					send(t, "127.0.0.1:"+s.port, r)
				}
			}
			keptSecret(t, &s, 3)
			// But the log tells the operator of the failure.
			if !regexp.MustCompile(`\b50[23]\b`).MatchString(s.said(t)) || !strings.Contains(s.said(t), "/ws/general") {
				t.Errorf("the log does not show the failure:\n%s", s.said(t))
			}
		})
		t.Run("servers that send invalid answers", func(t *testing.T) {
			s := setup{} // with short timeouts, and without removing a server
			switch p.name {
			case "Caddy":
				s.replace = []string{"lb_try_duration 5s", "lb_try_duration 100ms"}
			case "HAProxy":
				s.replace = []string{"timeout server 60s", "timeout server 1s"}
			case "nginx":
				s.replace = []string{"proxy_read_timeout 60s", "proxy_read_timeout 1s", "max_fails=1", "max_fails=0"}
			case "Apache":
				s.replace = []string{"timeout=60 ", "timeout=1 ", "retry=2", "retry=0", "failonstatus=503", ""}
			}
			answer := badServers(t, &s)
			p.run(t, &s)
			for _, a := range []string{
				"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nRetry-After: 1\r\n\r\nno",
				"\x00\x01 this is not HTTP\r\n\r\n", "", "reset", "nothing", "HTTP/1.1 101 Swit",
				"HTTP/1.1 101 Switching Protocols\r\nUpgrade: nothing\r\nConnection: Upgrade\r\n\r\n",
				"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nnonsense",
				"HTTP/1.1 200 OK\r\nA bad header\x01: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
				"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100000) + "\r\n\r\n",
			} {
				answer.Store(a)
				for _, r := range secretRequests[:2] {
					send(t, "127.0.0.1:"+s.port, r)
				}
			}
			keptSecret(t, &s, 3)
		})
	})
}

// keptSecret checks that the proxy has logged some requests, and no secret.
func keptSecret(t *testing.T, s *setup, requests int) {
	t.Helper()
	eventually(t, "logged", func() bool { return strings.Count(s.said(t), "/ws/general") >= requests })
	time.Sleep(200 * time.Millisecond) // for further lines
	for line := range strings.Lines(s.said(t)) {
		if strings.Contains(line, canary) {
			t.Errorf("a secret is in the log: %.600s", line)
		}
	}
}
