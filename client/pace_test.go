package client

import (
	"errors"
	"math"
	"testing"
	"time"
)

// TestPace replaces the random times with the longest ones.
func TestPace(t *testing.T) {
	longest := func(d time.Duration) time.Duration { return d }
	const s = time.Second
	held := &outcome{lived: 30*s + 1}
	short := &outcome{lived: 30 * s}
	busy := &outcome{lived: s, progress: true}
	lost := errors.New("lost")
	for name, tc := range map[string]struct {
		first    time.Duration
		errs     []error
		outcomes []*outcome
		want     []time.Duration
	}{
		"doubling":    {s, []error{lost, lost, lost, lost, lost, lost, lost}, make([]*outcome, 7), []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}},
		"odd first":   {7 * s, []error{lost, lost, lost, lost}, make([]*outcome, 4), []time.Duration{7 * s, 14 * s, 28 * s, 30 * s}},
		"long first":  {30 * s, []error{lost, lost}, make([]*outcome, 2), []time.Duration{30 * s, 30 * s}},
		"anew":        {s, []error{lost, lost, lost, lost, lost}, []*outcome{nil, short, held, nil, busy}, []time.Duration{s, 2 * s, s, 2 * s, 4 * s}},
		"goodbye":     {s, []error{lost, lost}, []*outcome{{goodbye: 5 * s}, nil}, []time.Duration{5 * s, 2 * s}},
		"Retry-After": {s, []error{&Error{Status: 503, RetryAfter: 60 * s}, &Error{Status: 503}}, make([]*outcome, 2), []time.Duration{61 * s, 2 * s}},
		"too slow": {s, []error{&Error{Close: 1013}, &Error{Close: 1013}, &Error{Close: 1013}, lost}, []*outcome{busy, busy, busy, nil},
			[]time.Duration{slowPause, slowPause, slowPause, s}},
		"too slow for anything": {s, []error{&Error{Close: 1013}, &Error{Close: 1013}, &Error{Close: 1013}}, []*outcome{short, short, short},
			[]time.Duration{slowPause, 2 * s, 4 * s}},
		"room again": {s, []error{errResume, errResume, lost}, []*outcome{busy, busy, nil}, []time.Duration{slowPause, slowPause, s}},
	} {
		p := newPace(tc.first, 30*s)
		p.random = longest
		for i, err := range tc.errs {
			if got := p.next(err, tc.outcomes[i]); got != tc.want[i] {
				t.Errorf("%s: wait %d is %v, want %v", name, i, got, tc.want[i])
			}
		}
	}
	p := newPace(math.MaxInt64, math.MaxInt64)
	p.random = longest
	for _, err := range []error{lost, &Error{Status: 503, RetryAfter: time.Hour}, lost} {
		if d := p.next(err, nil); d < 24*time.Hour {
			t.Errorf("of the longest pauses, one is %v", d)
		}
	}
	p = newPace(s, 30*s)
	for range 1000 {
		if d := p.next(lost, nil); d < 0 || d >= 30*s {
			t.Fatalf("a wait of %v", d)
		}
	}
}
