package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
)

// An Exchange is a request and what was sent for it.
type Exchange struct {
	Request    *http.Request
	Body       []byte // of the request
	Status     int
	V1         bool     // a WebSocket that speaks chat.v1
	FromClient [][]byte // text messages of the WebSocket
	FromServer [][]byte // those, or the data of an event stream, or the body of the answer
}

// exchanges reads what a connection has carried in both directions. A connection may end anywhere, and
// clients may send nonsense: then there is no more to read.
func exchanges(in, out []byte) (all []Exchange) {
	client, server := bufio.NewReader(bytes.NewReader(in)), bufio.NewReader(bytes.NewReader(out))
	for {
		r, err := http.ReadRequest(client)
		if err != nil {
			return all
		}
		e := Exchange{Request: r}
		e.Body, err = io.ReadAll(r.Body)
		if err != nil {
			return all
		}
		resp, err := http.ReadResponse(server, r)
		if err != nil {
			return all
		}
		e.Status = resp.StatusCode
		if resp.StatusCode == http.StatusSwitchingProtocols {
			e.V1 = resp.Header.Get("Sec-WebSocket-Protocol") == "chat.v1"
			e.FromClient, e.FromServer = texts(client), texts(server)
			return append(all, e)
		}
		// Part of a body is a body, too: an event stream may have no end.
		body, err := io.ReadAll(resp.Body)
		switch kind := resp.Header.Get("Content-Type"); {
		case kind == "text/event-stream":
			e.FromServer = data(body)
		case strings.HasPrefix(kind, "application/json") && err == nil && len(body) > 0:
			e.FromServer = [][]byte{body}
		}
		if all = append(all, e); err != nil {
			return all
		}
	}
}

// data returns the data of the complete records of an event stream.
func data(stream []byte) (all [][]byte) {
	records := bytes.Split(stream, []byte("\n\n"))
	for _, record := range records[:len(records)-1] {
		for line := range bytes.SplitSeq(record, []byte("\n")) {
			if d, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				all = append(all, d)
			}
		}
	}
	return all
}

// texts returns the complete text messages of one direction of a WebSocket (RFC 6455, section 5.2). It
// ends at a frame that is none.
func texts(r *bufio.Reader) (all [][]byte) {
	var message []byte
	var opcode, compressed byte
	for {
		first, err := r.ReadByte()
		if err != nil {
			return all
		}
		payload, err := payload(r)
		if err != nil {
			return all
		}
		if first&0x0f >= 8 {
			continue
		}
		if first&0x0f != 0 {
			message, opcode, compressed = nil, first&0x0f, first&0x40
		}
		message = append(message, payload...)
		if first&0x80 == 0 || opcode != 1 {
			continue
		}
		if compressed != 0 {
			end := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
			if message, err = io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(message), end))); err != nil {
				return all
			}
		}
		all = append(all, message)
	}
}

// payload reads the rest of a frame after its first byte.
func payload(r *bufio.Reader) ([]byte, error) {
	second, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	n, more := uint64(second&0x7f), 0
	switch n {
	case 126:
		more = 2
	case 127:
		more = 8
	}
	var long [8]byte
	if _, err := io.ReadFull(r, long[8-more:]); err != nil {
		return nil, err
	}
	if more > 0 {
		n = binary.BigEndian.Uint64(long[:])
	}
	var mask [4]byte
	if second&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return nil, err
		}
	}
	if n > 1<<26 {
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	for i := range b {
		b[i] ^= mask[i%4]
	}
	return b, err
}
