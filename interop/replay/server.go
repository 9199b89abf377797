package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build builds the server of this repository into a folder, and returns its path. The present folder
// is this package's.
func build(dir string) (string, error) {
	binary := filepath.Join(dir, "server.exe")
	out, err := exec.Command("go", "build", "-C", "../..", "-o", binary, "./interop/server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// start starts a server with the options of a vector's file, and returns its URL. stop ends it.
func start(binary, file string) (url string, stop func(), err error) {
	c := exec.Command(binary, file)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		c.Process.Kill()
		c.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("%s: the server has not started", file)
	}
	return strings.TrimSpace(line), stop, nil
}
