// Package answer writes the answers of the HTTP endpoints, all of which are JSON.
package answer

import (
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// An Error is an error with the status, code and text of its answer.
type Error struct {
	Status     int
	Code, Text string
	Retry      time.Duration // after which to try again; 0: no time is given
}

func (e *Error) Error() string { return e.Text }

// New returns an Error.
func New(status int, code, text string) *Error { return &Error{Status: status, Code: code, Text: text} }

// BadRequest returns an Error with status 400 and the code bad_request.
func BadRequest(text string) *Error {
	return New(http.StatusBadRequest, proto.CodeBadRequest, text)
}

// Refuse answers with an error object. If w has a method Refused, as a traced one does, that
// method is told of the code.
func Refuse(w http.ResponseWriter, status int, code, text string) {
	if w, ok := w.(interface{ Refused(status int, code string) }); ok {
		w.Refused(status, code)
	}
	b := proto.AppendQuoted([]byte(`{"error":{"code":`), code)
	b = proto.AppendQuoted(append(b, `,"message":`...), text)
	JSON(w, status, append(b, "}}\n"...))
}

// Send answers with e.
func (e *Error) Send(w http.ResponseWriter) {
	switch {
	case e.Status == http.StatusServiceUnavailable:
		TryLater(w, e.Status, e.Code, e.Text)
		return
	case e.Status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case e.Retry > 0:
		setRetryAfter(w, e.Retry)
	}
	Refuse(w, e.Status, e.Code, e.Text)
}

func setRetryAfter(w http.ResponseWriter, after time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
}

// TryLater is Refuse for what may pass. Not all come back in one moment.
func TryLater(w http.ResponseWriter, status int, code, text string) {
	setRetryAfter(w, time.Second+Jitter(4*time.Second))
	Refuse(w, status, code, text)
}

// JSON answers with the JSON text b.
func JSON(w http.ResponseWriter, status int, b []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// Jitter returns a random time from 0 to d.
func Jitter(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(max(1, int64(d))))
}
