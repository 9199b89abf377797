package request

import (
	"fmt"
	"net/url"

	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// Rooms parses the query of a request over HTTP about rooms. It puts the names of those
// that the query names to rule, whose error it returns; otherwise errors are those of an
// answer.
func Rooms(raw string, rule func(name string) (string, error)) (q url.Values, named []string, err error) {
	q, err = url.ParseQuery(raw)
	if err != nil {
		return nil, nil, answer.BadRequest("the query is malformed")
	}
	if len(q["room"]) > proto.MaxListed {
		return nil, nil, answer.BadRequest(fmt.Sprintf("room may stand %d times", proto.MaxListed))
	}
	for _, name := range q["room"] {
		if name, err = rule(name); err != nil {
			return nil, nil, err
		}
		named = append(named, name)
	}
	return q, named, nil
}
