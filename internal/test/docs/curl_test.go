package docs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// shell is what a block of a page shows of one shell: commands, and what each answers.
type shell []struct {
	request *http.Request
	want    []string
}

// shellsOf returns the shells of a page that call the server with curl.
func shellsOf(t *testing.T, page, base string) (all []shell) {
	t.Helper()
	b, err := os.ReadFile("../../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)\n```console\n(.*?)\n```").FindAllStringSubmatch(string(b), -1) {
		if !strings.HasPrefix(block[1], "$ curl ") {
			continue
		}
		var s shell
		for line := range strings.SplitSeq(block[1], "\n") {
			if command, ok := strings.CutPrefix(line, "$ curl "); ok {
				s = append(s, shell{{request: curl(t, command, base)}}...)
			} else {
				s[len(s)-1].want = append(s[len(s)-1].want, line)
			}
		}
		all = append(all, s)
	}
	return all
}

// curl returns the request that curl sends with these arguments.
func curl(t *testing.T, command, base string) *http.Request {
	t.Helper()
	method, url, body, header := http.MethodGet, "", "", http.Header{}
	args := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(command, -1)
	for i := 0; i < len(args); i++ {
		switch arg := strings.Trim(args[i], "'"); arg {
		case "-N":
		case "-H":
			i++
			key, value, _ := strings.Cut(strings.Trim(args[i], "'"), ": ")
			header.Set(key, value)
		case "-d":
			i++
			method, body = http.MethodPost, strings.Trim(args[i], "'")
		default:
			url = strings.Replace(arg, "localhost:8080", base, 1)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil || !strings.HasPrefix(url, base+"/") {
		t.Fatalf("curl %s: %v", command, err)
	}
	if r.Header = header; method == http.MethodPost && header["Content-Type"] == nil {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// TestShells runs what docs/protocol.md shows of two shells, and compares what they print.
func TestShells(t *testing.T) {
	_, base := harness.Serve(t, harness.Quiet)
	shells := shellsOf(t, "docs/protocol.md", base)
	if len(shells) != 2 || len(shells[0]) != 1 || len(shells[1]) != 3 {
		t.Fatalf("the shells %+v", shells)
	}
	listener := shells[0][0]
	resp, err := http.DefaultClient.Do(listener.request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	var got, want []string
	read := func() {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, strings.TrimSuffix(line, "\n"))
	}
	for len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "data: ") { // the welcome
		read()
	}
	for _, c := range shells[1] {
		answer, err := http.DefaultClient.Do(c.request)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if fmt.Sprint(string(b), err) != strings.Join(c.want, "\n")+"\n<nil>" {
			t.Errorf("%s answers %s, %v", c.request.URL, b, err)
		}
	}
	for len(got) < len(listener.want) {
		read()
	}
	retry := regexp.MustCompile(`^retry: [12]\d{3}$`)
	for _, line := range shape(listener.want) {
		want = append(want, retry.ReplaceAllString(line, "retry"))
	}
	for i, line := range shape(got) {
		if line = retry.ReplaceAllString(line, "retry"); line != want[i] {
			t.Errorf("line %d is\n%s\nand there was\n%s", i+1, want[i], line)
		}
	}
}

// TestReadmeShells chats as README.md says.
func TestReadmeShells(t *testing.T) {
	_, base := harness.Serve(t, harness.Quiet)
	shells := shellsOf(t, "README.md", base)
	if len(shells) != 1 || len(shells[0]) != 2 {
		t.Fatalf("the shells %+v", shells)
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	resp, err := http.DefaultClient.Do(shells[0][0].request.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := http.DefaultClient.Do(shells[0][1].request)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", answer, err)
	}
	answer.Body.Close()
	for lines := bufio.NewScanner(resp.Body); ; {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		if strings.Contains(lines.Text(), `"username":"Ann","message":"Hello!"`) {
			return
		}
	}
}
