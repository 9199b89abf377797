package limit

import "testing"

// TestVisits counts requests that are no connections: they are not limited and leave nothing
// behind, but share the rate limit of the user's connections.
func TestVisits(t *testing.T) {
	l := New(Config{PerUser: 1, Rate: 0.001, Burst: 2})
	a, b := l.Visit("u"), l.Visit("u")
	c, err := l.Open("u")
	if err != nil || a != b || a != c {
		t.Fatalf("three accounts, or none: %v", err)
	}
	if _, err := l.Open("u"); err == nil {
		t.Error("a second connection is opened")
	}
	if a.Take() != 0 || c.Take() != 0 || b.Take() == 0 {
		t.Error("there is more than one rate limit")
	}
	l.Close(c)
	v := l.Visit("v")
	l.Left(a)
	l.Left(b)
	l.Sweep()
	if l.Visit("v") != v {
		t.Error("the account is forgotten while it is in use")
	}
	l.Left(v)
	l.Left(v)
	if l.Visit("u") != a {
		t.Error("a limit that is reached is forgotten")
	}
	l.Left(a)
	if l.idle != 1 || len(l.users) != 1 {
		t.Errorf("%d idle of %d: its rate limit is still needed", l.idle, len(l.users))
	}
	l = New(Config{})
	l.Left(l.Visit("u"))
	if l.idle != 0 || len(l.users) != 0 {
		t.Errorf("%d idle of %d: nothing is needed", l.idle, len(l.users))
	}
}
