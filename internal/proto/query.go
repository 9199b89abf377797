package proto

// Query is a part of a room's history that a client asks for.
type Query struct {
	Before, After       uint64
	HasBefore, HasAfter bool
	Limit               int
}

// Query returns the part of the history that o asks for.
func (o *Object) Query(limit int) (q Query, e *Error) {
	if q.Before, q.HasBefore, e = o.before.number("before"); e != nil {
		return q, e
	}
	if q.After, q.HasAfter, e = o.after.number("after"); e != nil {
		return q, e
	}
	if q.HasBefore && q.HasAfter {
		return q, BadRequest("before and after exclude each other")
	}
	if q.Limit = limit; o.limit != nil {
		var err error
		if q.Limit, err = ParseLimit(string(o.limit)); err != nil {
			return q, BadRequest("%s", err)
		}
	}
	return q, nil
}
