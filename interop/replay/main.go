// Command replay plays recorded sessions against the server of this repository:
//
//	cd interop/replay
//	go run . ../vectors/*.json
//
// With -record it writes what the server really sends into the files, where that differs from what
// was expected. To add a session, write its steps with null for each object that is expected, and
// record it. Read the difference before you commit it: a change of an old file is a change of the
// protocol.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	record := flag.Bool("record", false, "write what the server sends into the files")
	flag.Parse()
	if err := run(flag.Args(), *record); err != nil {
		log.Fatal("replay: ", err)
	}
}

func run(files []string, record bool) error {
	dir, err := os.MkdirTemp("", "replay")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := build(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := play(binary, file, record); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Println("ok", file)
	}
	return nil
}

func play(binary, file string, record bool) error {
	v, err := Load(file)
	if err != nil {
		return err
	}
	url, stop, err := start(binary, file)
	if err != nil {
		return err
	}
	defer stop()
	p := Player{URL: url, Record: record}
	if err := p.Play(v); err != nil || !record {
		return err
	}
	return v.Save(file)
}
