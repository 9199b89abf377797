package jwtauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/jwtauth"
)

// A server that knows its users by their tokens.
func Example() {
	secret := []byte("an example's secret of 32 bytes!")
	auth, err := jwtauth.New(context.Background(),
		jwtauth.WithKey("", "HS256", secret),
		jwtauth.WithIssuer("https://login.example.com/"),
		jwtauth.WithAudience("chat"))
	if err != nil {
		log.Fatal(err)
	}
	srv := chat.New(chat.WithAuthenticator(auth))
	defer srv.Close()
	ts := httptest.NewServer(srv)
	defer ts.Close()

	// This is what the login service does.
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://login.example.com/", "aud": "chat", "sub": "u1", "name": "Alice",
		"exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(secret)
	if err != nil {
		log.Fatal(err)
	}

	r, err := http.NewRequest(http.MethodGet, ts.URL+"/rooms", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, authorization := range []string{"", "Bearer " + token} {
		r.Header.Set("Authorization", authorization)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	// Output:
	// 401 Unauthorized
	// 200 OK
}

// The token has a claim that lists the user's rooms.
func ExampleAllowRooms() {
	may := jwtauth.AllowRooms("rooms")
	_ = chat.New(chat.WithAuthorizer(may)) // with an authenticator of this package

	ctx := context.Background()
	u := chat.User{ID: "u1", Value: jwtauth.Claims{
		"rooms": map[string]any{"general": []any{"*"}, "news": []any{"join", "read"}},
	}}
	fmt.Println(may(ctx, u, "general", chat.ActionSend))
	fmt.Println(may(ctx, u, "news", chat.ActionRead))
	fmt.Println(may(ctx, u, "news", chat.ActionSend))
	// Output:
	// <nil>
	// <nil>
	// your token does not allow that in this room
}

// Guests beside users with tokens. A request without a token gets an id that the service makes.
// A request with a bad token is refused.
func ExampleNew_guests() {
	auth, err := jwtauth.New(context.Background(), jwtauth.WithKey("", "HS256", []byte("an example's secret of 32 bytes!")))
	if err != nil {
		log.Fatal(err)
	}
	withGuests := func(r *http.Request) (chat.User, error) {
		u, err := auth(r)
		if errors.Is(err, jwtauth.ErrNoToken) {
			return chat.User{ID: "guest", Name: "Guest"}, nil
		}
		return u, err
	}
	r := httptest.NewRequest(http.MethodGet, "/ws/general", nil)
	u, err := withGuests(r)
	fmt.Println(u.ID, err)
	r.Header.Set("Authorization", "Bearer rubbish")
	_, err = withGuests(r)
	fmt.Println(err)
	// Output:
	// guest <nil>
	// jwtauth: the token is malformed
}
