package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseSecrets returns the keys in a list such as "whsec_NEW whsec_OLD", separated by spaces or
// commas. With several, each request is signed with all of them, so that a service can go from one
// to the next.
func parseSecrets(list string) (keys [][]byte, err error) {
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, errors.New("WEBHOOK_SECRET: a secret is whsec_ and the base64 of 24 to 64 bytes")
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("set WEBHOOK_SECRET, for example to whsec_ and the output of: openssl rand -base64 32")
	}
	return keys, nil
}

// signature returns the header webhook-signature of Standard Webhooks: HMAC-SHA256 of the id, the
// time and the body, with each key.
func signature(keys [][]byte, id string, at time.Time, body []byte) string {
	all := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.", id, strconv.FormatInt(at.Unix(), 10))
		mac.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}
