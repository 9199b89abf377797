package proto

import (
	"errors"
	"net/url"
)

// Query is a part of a room's history that a client asks for.
type Query struct {
	Before, After       uint64
	HasBefore, HasAfter bool
	Limit               int
}

// Query returns the part of the history that o asks for; limit is the default.
func (o *Object) Query(limit int) (q Query, e *Error) {
	if q.Before, q.HasBefore, e = o.page.before.number("before"); e != nil {
		return q, e
	}
	if q.After, q.HasAfter, e = o.page.after.number("after"); e != nil {
		return q, e
	}
	if q.HasBefore && q.HasAfter {
		return q, BadRequest("before and after exclude each other")
	}
	if q.Limit = limit; o.page.limit != nil {
		var err error
		if q.Limit, err = ParseLimit(string(o.page.limit)); err != nil {
			return q, BadRequest("%s", err)
		}
	}
	return q, nil
}

// ParseQuery reads before, after and limit of a URL's query; limit is the default. The
// client sees an error's text.
func ParseQuery(raw string, limit int) (q Query, err error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return q, errors.New("the query is malformed")
	}
	number := func(key string) (n uint64, given bool) {
		if !v.Has(key) || err != nil {
			return 0, false
		}
		if n, err = ParseOffset(v.Get(key)); err != nil {
			err = errors.New(key + " must be a whole number below 2^53")
		}
		return n, true
	}
	q.Before, q.HasBefore = number("before")
	q.After, q.HasAfter = number("after")
	if q.Limit = limit; v.Has("limit") && err == nil {
		q.Limit, err = ParseLimit(v.Get("limit"))
	}
	if err == nil && q.HasBefore && q.HasAfter {
		err = errors.New("before and after exclude each other")
	}
	return q, err
}
