package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// TestRefusedHandshake has every status both in Dial and when reconnecting.
func TestRefusedHandshake(t *testing.T) {
	for _, tc := range []struct {
		status int
		code   string
		final  bool
	}{
		{400, "bad_request", true}, {400, "bad_room", true}, {400, "bad_name", true}, {401, "unauthorized", true},
		{403, "forbidden", true}, {404, "not_found", true}, {405, "method_not_allowed", true}, {426, "upgrade_required", true},
		{429, "too_many", false}, {500, "internal", false}, {501, "internal", false}, {503, "unavailable", false},
	} {
		t.Run(fmt.Sprint(tc.status, tc.code), func(t *testing.T) {
			inBubble(t, func(p *peer, n int) { p.welcome("e:0", "") }, func(f *fake) {
				serve := f.serve
				f.serve = func(w http.ResponseWriter, r *http.Request, n int) {
					if n == 0 {
						serve(w, r, n)
						return
					}
					w.WriteHeader(tc.status)
					fmt.Fprintf(w, `{"error":{"code":%q,"message":"a text"}}`, tc.code)
				}
				check := func(what string, err error) {
					var refused *client.Error
					if !errors.As(err, &refused) || refused.Status != tc.status || refused.Code != tc.code || refused.Message != "a text" || refused.Close != 0 {
						t.Errorf("%s: %v", what, err)
					}
				}
				u := f.join()
				time.Sleep(10 * time.Minute)
				if n := len(f.gaps()); tc.final != (n == 1) {
					t.Errorf("%d attempts to come back", n)
				}
				if tc.final {
					var last error
					for _, last = range u.Events(context.Background()) {
					}
					check("Events", last)
					_, err := u.Send(context.Background(), "x")
					check("Send", err)
					check("Typing", u.Typing(context.Background()))
				}
				u.Close()
				_, err := f.dial()
				check("Dial", err)
			})
		})
	}
}

func TestCloseCodes(t *testing.T) {
	for _, tc := range []struct {
		code  int
		final bool
	}{
		{1000, true}, {4001, true}, {4003, true},
		{1001, false}, {1002, false}, {1003, false}, {1007, false}, {1008, false}, {1009, false}, {1011, false}, {1012, false}, {1013, false}, {4999, false},
	} {
		t.Run(fmt.Sprint(tc.code), func(t *testing.T) {
			inBubble(t, func(p *peer, n int) {
				p.welcome("e:0", "")
				for n == 0 && p.hear() != nil {
					p.close(tc.code, "because")
				}
				p.hearAll()
			}, func(f *fake) {
				u := f.join()
				_, err := u.Send(context.Background(), "x")
				var closed *client.Error
				switch {
				case tc.final:
					if !errors.As(err, &closed) || closed.Close != tc.code || closed.Message != "because" || closed.Status != 0 || !errors.Is(err, client.ErrUncertain) {
						t.Errorf("Send: %v", err)
					}
				case tc.code == 1009: // the message was the cause
					if !errors.As(err, &closed) || closed.Code != client.CodeTooLong {
						t.Errorf("Send: %v", err)
					}
				case err != nil:
					t.Errorf("Send: %v", err)
				}
				time.Sleep(time.Minute)
				if n := len(f.gaps()); tc.final != (n == 0) {
					t.Errorf("came back %d times", n)
				}
				u.Close()
			})
		})
	}
}

func TestNotAChatServer(t *testing.T) {
	for name, script := range map[string]func(p *peer){
		"no welcome":   func(p *peer) { p.say(message(1, "x")) },
		"not JSON":     func(p *peer) { p.say(`hello`) },
		"bad position": func(p *peer) { p.welcome("somewhere", "") },
		"no position":  func(p *peer) { p.welcome("", "") },
		"binary":       func(p *peer) { p.conn.Write(context.Background(), ws.MessageBinary, []byte("x")) },
		"too large":    func(p *peer) { p.welcome("e:0", `,"more":"`+strings.Repeat("x", 4096)+`"`) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(p *peer, n int) {
				if n == 0 {
					p.welcome("e:0", "")
					return
				}
				script(p)
				p.hearAll()
			}, func(f *fake) {
				u := f.join(client.WithMaxMessageSize(4096))
				var last error
				for _, last = range u.Events(context.Background()) {
				}
				if !errors.Is(last, client.ErrProtocol) {
					t.Errorf("Events: %v", last)
				}
				u.Close()
				if _, err := f.dial(client.WithMaxMessageSize(4096), client.WithDialRetry()); !errors.Is(err, client.ErrProtocol) {
					t.Errorf("Dial: %v", err)
				}
			})
		})
	}
	t.Run("no subprotocol", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{t: t}
			f.run(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if conn, err := ws.Accept(w, r, nil); err == nil {
					conn.Close(1000, "")
				}
			}), func(f *fake) {
				if _, err := f.dial(client.WithDialRetry()); !errors.Is(err, client.ErrProtocol) {
					t.Errorf("Dial: %v", err)
				}
			})
		})
	})
}

// TestMalformedObjects has objects with keys of the wrong type, and no objects.
func TestMalformedObjects(t *testing.T) {
	for _, o := range []string{`{"type":"message","offset":"?"}`, `nonsense`, `[]`, `{"type":"message","offset":-1}`, `{"type":"ack","id":5}`} {
		inBubble(t, func(p *peer, n int) {
			p.welcome("e:0", "")
			if n == 0 {
				p.say(o)
			}
			p.hearAll()
		}, func(f *fake) {
			lost := make(chan error, 1)
			u := f.join(client.OnDisconnect(func(err error, _ time.Duration) { lost <- err }))
			time.Sleep(10 * time.Second)
			if n := len(f.gaps()); n != 1 {
				t.Errorf("%s: came back %d times", o, n)
			}
			var bad *json.SyntaxError
			var wrong *json.UnmarshalTypeError
			if err := <-lost; !errors.As(err, &bad) && !errors.As(err, &wrong) {
				t.Errorf("%s: %v", o, err)
			}
			u.Close()
		})
	}
}

// TestNoSecretsInErrors looks for the session and the token in errors.
func TestNoSecretsInErrors(t *testing.T) {
	for _, server := range []string{"http://127.0.0.1:1", "http://no.such.host.invalid"} {
		_, err := client.Dial(soon(t), server, "r", client.WithSession("secret-1"), client.WithToken("secret-2"))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Dial: %v", err)
		}
	}
}

// TestRemoved is removed from a real server, the second time for good.
func TestRemoved(t *testing.T) {
	srv, base := serve(t)
	alice := join(t, base, "r", "Alice")
	id := alice.Welcome().User
	if err := srv.Disconnect(soon(t), id, chat.Disconnect{Room: "r", Code: chat.CloseRemoved, Reason: "calm down"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		alice.until(client.TypeWelcome)
	}
	if err := srv.Disconnect(soon(t), id, chat.Disconnect{Room: "r", Code: chat.CloseForbidden, Reason: "and stay out"}); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, last = range alice.Events(soon(t)) {
	}
	var closed *client.Error
	if !errors.As(last, &closed) || closed.Close != chat.CloseForbidden || closed.Message != "and stay out" {
		t.Errorf("Events: %v", last)
	}
}
