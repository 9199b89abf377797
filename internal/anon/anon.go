// Package anon has the anonymous users. A server need not remember one: a user's id is a
// hash of the secret that the server gave the user, from which nobody can compute the
// secret.
package anon

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"strings"
)

// Prefix begins the ids of anonymous users, and of no others.
const Prefix = "anon-"

// Is reports whether id is that of an anonymous user.
func Is(id string) bool { return strings.HasPrefix(id, Prefix) }

// NewSecret returns the secret of a new user.
func NewSecret() string {
	var b [24]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// IsSecret reports whether s may be a secret that NewSecret has returned.
func IsSecret(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 24 && len(s) == 32 // the decoder skips line ends
}

// ID returns the id of the user with this secret.
func ID(secret string) string {
	sum := sha256.Sum256([]byte("chat session " + secret))
	return Prefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}
