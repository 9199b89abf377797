package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// Send sends a message to everyone in the room and waits until the server has stored it.
// It returns the message's offset in the room's log. It is short for [Room.Publish] with a
// Text.
func (r *Room) Send(ctx context.Context, text string) (offset uint64, err error) {
	return r.Publish(ctx, chat.Message{Text: text})
}

// SendPrivate sends a message to one user, whose id is to. It is short for [Room.Publish]
// with To and a Text.
func (r *Room) SendPrivate(ctx context.Context, to, text string) (offset uint64, err error) {
	return r.Publish(ctx, chat.Message{To: to, Text: text})
}

// Publish sends a message and waits until the server has stored it. It returns the
// message's offset in the room's log.
//
// Text has at most Limits.MessageBytes of UTF-8 (see [Welcome]) and is required, unless
// there is Data: one JSON object of at most Limits.DataBytes, which everyone gets as the
// same JSON value. ReplyTo is the offset of the message that this one answers; 0: none. To
// is the id of the receiver of a private message; empty means everyone. ID, of at most 64
// bytes of UTF-8, makes Publish idempotent: for five minutes the server stores only one
// message per user and ID. An empty ID is replaced with a random one. UserID and Username
// are ignored: the server knows the user.
//
// Publish survives the loss of a connection: it sends the message again with the same ID.
// It also sends it again, after a pause, when the server's log is unavailable, and when
// the user has sent too many messages (but see [WithoutRateRetry]). What one goroutine
// publishes, edits, deletes and reacts to keeps its order. Of what is sent concurrently, up
// to 32 are sent before the first is acknowledged.
//
// The error is an [Error], ErrClosed, the reason why the Room has ended, or the error of
// ctx. If the message may have been stored nevertheless, the error also wraps
// ErrUncertain (use [errors.Is]). It is ErrUncertain alone when the message was
// not acknowledged for four and a half minutes. A server that does not take Data or
// ReplyTo is not sent the message without it: the Error has [CodeUnsupported].
func (r *Room) Publish(ctx context.Context, m chat.Message) (offset uint64, err error) {
	o := sentObject{Type: chat.TypeMessage, ID: m.ID, To: m.To, Message: m.Text, Data: m.Data, ReplyTo: m.ReplyTo}
	if m.To != "" {
		o.Type = chat.TypePrivate
	}
	return r.store(ctx, &o)
}

// Edit gives the message at the offset target, one of the user's own, the Text and the Data
// of m, and waits until the server has stored that. The message has no Data then if m has
// none. ID is that of [Room.Publish]; the other fields are ignored, because the message
// stays a reply, and private. Edit returns the offset of the edit.
//
// Edit, Delete, React and Unreact survive the loss of a connection as Publish does, and
// their errors are those of Publish. The code is [CodeNoSuchMessage] if there is no such
// message, or if it is not the user's to see or to change: the server does not
// say which. It is [CodeUnsupported] if the server's log cannot do this, and
// [CodeUnknownType] if the server is of a version that cannot.
func (r *Room) Edit(ctx context.Context, target uint64, m chat.Message) (offset uint64, err error) {
	return r.store(ctx, &sentObject{Type: chat.TypeEdit, ID: m.ID, Target: target, Message: m.Text, Data: m.Data})
}

// Delete removes the message at the offset target: one of the user's own, or any if the
// server takes the user for a moderator. When Delete returns, its text, data and reactions
// are no longer anywhere on the server. It returns the offset of the delete. See [Room.Edit]
// for the errors.
func (r *Room) Delete(ctx context.Context, target uint64) (offset uint64, err error) {
	return r.store(ctx, &sentObject{Type: chat.TypeDelete, Target: target})
}

// React adds a reaction of the user to the message at the offset target: by default of the
// server, one emoji or a name such as ":shipit:", at most 32 bytes. It returns the offset of
// the reaction, or that of the last event that has amended the message if the user has given
// the reaction already. A message takes 20 different reactions. See [Room.Edit] for the
// errors; a reaction that the server does not take has [CodeBadRequest].
func (r *Room) React(ctx context.Context, target uint64, reaction string) (offset uint64, err error) {
	return r.store(ctx, &sentObject{Type: chat.TypeReaction, Target: target, Reaction: reaction})
}

// Unreact takes a reaction of the user back. It is like [Room.React] otherwise: to take
// back what was not given is no error.
func (r *Room) Unreact(ctx context.Context, target uint64, reaction string) (offset uint64, err error) {
	return r.store(ctx, &sentObject{Type: chat.TypeReaction, Target: target, Reaction: reaction, Remove: true})
}

// store sends what becomes an entry of the log, and waits for its ack.
func (r *Room) store(ctx context.Context, o *sentObject) (offset uint64, err error) {
	limits := r.Welcome().Limits
	if o.ID == "" {
		o.ID = rand.Text()
	}
	if len(o.Data) == 0 {
		o.Data = nil
	}
	switch {
	case !utf8.ValidString(o.Message):
		return 0, &Error{Code: CodeBadUTF8, Message: "the text is not UTF-8"}
	case !utf8.ValidString(o.Reaction):
		return 0, &Error{Code: CodeBadUTF8, Message: "the reaction is not UTF-8"}
	case len(o.ID) > proto.MaxID || !utf8.ValidString(o.ID):
		return 0, &Error{Code: CodeBadRequest, Message: fmt.Sprintf("an ID has at most %d bytes of UTF-8", proto.MaxID)}
	case !utf8.ValidString(o.To):
		return 0, &Error{Code: CodeNoSuchUser, Message: "the receiver's id is not UTF-8"}
	}
	if err := checkData(o.Data, limits); err != nil {
		return 0, err
	}
	b := r.encode(o)
	if limit := limits.MessageBytes; limit > 0 && (len(o.Message) > limit || len(b) > proto.FrameLimit(limit, limits.DataBytes)) {
		return 0, &Error{Code: CodeTooLong, Message: fmt.Sprintf("a message has at most %d bytes", limit)}
	}
	k := &call{room: r, id: o.ID, typ: o.Type, kind: proto.TypeAck, objects: [][]byte{b}, rich: o.Data != nil || o.ReplyTo > 0}
	obj, err := r.c.do(ctx, k)
	if err != nil {
		return 0, err
	}
	return obj.Offset, nil
}

// checkData returns an Error if data is not what a server with these limits takes.
func checkData(data json.RawMessage, limits Limits) error {
	switch {
	case data == nil:
		return nil
	case limits.DataBytes == 0:
		return errPlain
	}
	if _, e := proto.CheckData(data, limits.DataBytes); e != nil {
		return &Error{Code: e.Code, Message: e.Text}
	}
	return nil
}

// errPlain refuses what an older server would store without its data, or not as a reply.
var errPlain = &Error{Code: CodeUnsupported, Message: "the server does not take messages with data or replies"}
