package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// users are the accounts by id. A real service keeps them in a database.
type users map[string]user

type user struct {
	name       string
	salt, hash []byte
}

func demoUsers() users {
	u := users{}
	for id, name := range map[string]string{"alice": "Alice", "bob": "Bob"} {
		salt := []byte(rand.Text())
		u[id] = user{name, salt, hash(id, salt)}
	}
	return u
}

func (u users) check(id, password string) bool {
	account, ok := u[id]
	h := hash(password, account.salt) // for unknown users too, so the time tells nothing
	return subtle.ConstantTimeCompare(h, account.hash) == 1 && ok
}

func hash(password string, salt []byte) []byte {
	h, err := pbkdf2.Key(sha256.New, password, salt, 200_000, 32)
	if err != nil {
		panic(err)
	}
	return h
}

const cookieName = "session"

type session struct {
	user string
	ends time.Time
}

// sessions are known by the secret in the cookie.
type sessions struct {
	secure bool
	ttl    time.Duration

	mu  sync.Mutex
	all map[string]session
}

func newSessions(secure bool, ttl time.Duration) *sessions {
	return &sessions{secure: secure, ttl: ttl, all: map[string]session{}}
}

func (s *sessions) cookie(value string) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/",
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	}
}

func (s *sessions) begin(w http.ResponseWriter, user string) {
	secret := rand.Text()
	s.mu.Lock()
	for k, old := range s.all {
		if time.Now().After(old.ends) {
			delete(s.all, k)
		}
	}
	s.all[secret] = session{user, time.Now().Add(s.ttl)}
	s.mu.Unlock()
	http.SetCookie(w, s.cookie(secret))
}

// of returns the session of a request.
func (s *sessions) of(r *http.Request) (session, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[c.Value]
	return found, ok && time.Now().Before(found.ends)
}

func (s *sessions) end(w http.ResponseWriter, r *http.Request) (session, bool) {
	ended, ok := s.of(r)
	if !ok {
		return session{}, false
	}
	c, _ := r.Cookie(cookieName)
	s.mu.Lock()
	delete(s.all, c.Value)
	s.mu.Unlock()
	gone := s.cookie("")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	return ended, true
}
