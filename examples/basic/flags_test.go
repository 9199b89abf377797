package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMain lets the tests start this program: with mainRuns in the environment, it runs main.
func TestMain(m *testing.M) {
	if os.Getenv(mainRuns) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const mainRuns = "BASIC_MAIN_RUNS"

// ended runs the program until it ends by itself, and returns its exit code and its output.
func ended(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), mainRuns+"=1")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestFlags(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tc := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"-help"}, 0, []string{"-addr", `"localhost:8080"`, "-history", "(default 50)", "-rate", "-burst", "(default 500)", "-origins"}},
		{[]string{"-nothing"}, 2, []string{"-nothing", "-addr"}},
		{[]string{"-history", "many"}, 2, []string{`"many"`, "-addr"}},
		{[]string{"-origins", "https://a.example,b.example"}, 1, []string{"basic: chat:", `"https://b.example"`}},
		{[]string{"-history", "-1"}, 1, []string{"basic: chat:", "WithHistory"}},
		{[]string{"-rate", "-1"}, 1, []string{"basic: chat:", "WithRateLimit"}},
		{[]string{"-burst", "0"}, 1, []string{"basic: chat:", "WithRateLimit"}},
		{[]string{"here"}, 1, []string{"only flags are allowed", "-help"}},
		{[]string{"-addr", taken.Addr().String()}, 1, []string{"basic: listen tcp " + taken.Addr().String()}},
	} {
		code, stdout, stderr := ended(t, tc.args...)
		if code != tc.code || stdout != "" {
			t.Errorf("%v: %d, want %d; said %q without serving", tc.args, code, tc.code, stdout)
		}
		for _, part := range tc.says {
			if !strings.Contains(stderr, part) {
				t.Errorf("%v: the output lacks %s:\n%s", tc.args, part, stderr)
			}
		}
		if strings.Contains(stderr, "goroutine") {
			t.Errorf("%v: panicked:\n%s", tc.args, stderr)
		}
	}
}

func TestHistoryFlag(t *testing.T) {
	for _, n := range []int{0, 3} {
		url := serve(t, "-history", fmt.Sprint(n))
		alice := dial(t, url+"/ws/general?username=Alice")
		for i := range 5 {
			write(t, alice, fmt.Sprint(i))
			if _, err := read(t, alice); err != nil {
				t.Fatal(err)
			}
		}
		bob := dial(t, url+"/ws/general?username=Bob")
		write(t, bob, "mine")
		var got []string
		for len(got) == 0 || got[len(got)-1] != "mine" {
			e, err := read(t, bob)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Message)
		}
		want := []string{"2", "3", "4", "mine"}[3-n:]
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-history %d: %s", n, d)
		}
	}
}

func TestRateFlag(t *testing.T) {
	url := serve(t, "-rate", "0.001", "-burst", "2")
	c := dial(t, url+"/ws/general?username=Alice")
	var got []event
	for range 3 {
		write(t, c, "hello")
		e, err := read(t, c)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if got[1].Type != "message" || got[2].Type != "system" || got[2].Code != "rate_limited" {
		t.Errorf("with -burst 2: %v", got)
	}
	off := dial(t, serve(t, "-rate", "0", "-burst", "1")+"/ws/general")
	for range 50 {
		write(t, off, "hello")
		if e, err := read(t, off); err != nil || e.Type != "message" {
			t.Fatalf("with -rate 0: %v %v", e, err)
		}
	}
}

func TestOriginsFlag(t *testing.T) {
	const page = "http://localhost:3000"
	for _, tc := range []struct {
		args []string
		want int
	}{
		{nil, http.StatusForbidden},
		{[]string{"-origins", "https://app.example.com, " + page + ","}, http.StatusOK},
	} {
		resp, body := do(t, "GET", serve(t, tc.args...)+"/rooms", http.Header{"Origin": {page}})
		if resp.StatusCode != tc.want {
			t.Errorf("%v: %d %s", tc.args, resp.StatusCode, body)
		}
	}
}
