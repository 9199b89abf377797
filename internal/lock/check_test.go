//go:build lockcheck

package lock

import (
	"fmt"
	"testing"
)

// TestOrder takes locks in the right order and in wrong ones.
func TestOrder(t *testing.T) {
	var r, other Room
	var s Set
	var a Alive
	panics := func(f func()) (text string) {
		defer func() { text = fmt.Sprint(recover()) }()
		f()
		return ""
	}
	if text := panics(func() {
		r.Lock()
		s.Lock()
		a.RLock()
		a.RUnlock()
		s.Unlock()
		r.Unlock()
	}); text != "<nil>" {
		t.Error(text)
	}
	s.Lock()
	if text := panics(r.Lock); text != "lock: Room is taken under Set" {
		t.Error(text)
	}
	s.Unlock()
	r.Lock()
	if text := panics(other.Lock); text != "lock: Room is taken under Room" {
		t.Error(text)
	}
	r.Unlock()
	done := make(chan string)
	r.Lock()
	go func() { done <- panics(s.Lock) }() // another goroutine holds nothing
	if text := <-done; text != "<nil>" {
		t.Error(text)
	}
	r.Unlock()
}
