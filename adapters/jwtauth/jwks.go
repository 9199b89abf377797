package jwtauth

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"golang.org/x/time/rate"
)

const (
	fetchTimeout = 5 * time.Second
	fetchSize    = 1 << 20          // bytes of a key set
	fetchPause   = 10 * time.Second // between fetches for unknown keys
)

// jwks is a key set that is fetched from a URL.
type jwks struct {
	algorithms []string
	ctx        context.Context // of the fetches: the end of a request must not stop one
	known      jwkset.Storage  // the fetched keys
	fetching   jwkset.Storage  // the same keys, but a read of an unknown key fetches

	mu      sync.Mutex // held while fetching
	fetched time.Time  // time of the last fetch for an unknown key
}

func newJWKS(ctx context.Context, c *config) (*jwks, error) {
	j := &jwks{algorithms: c.jwksAlgs, ctx: ctx}
	if len(j.algorithms) == 0 {
		j.algorithms = []string{"RS256", "ES256", "EdDSA"}
	}
	for _, a := range j.algorithms {
		if a != "RS256" && a != "ES256" && a != "EdDSA" {
			return nil, fmt.Errorf("jwtauth: a JWKS cannot have the algorithm %q", a)
		}
	}
	u, err := url.Parse(c.jwks)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("jwtauth: %q is not the URL of a JWKS", c.jwks)
	}
	client := &http.Client{}
	if c.client != nil {
		*client = *c.client
	}
	client.Transport = limitBody{client.Transport}
	j.known = jwkset.NewMemoryStorage()
	fetched, err := jwkset.NewStorageFromHTTP(c.jwks, jwkset.HTTPClientStorageOptions{
		Client:          client,
		Ctx:             ctx,
		HTTPTimeout:     fetchTimeout,
		RefreshInterval: c.refresh,
		RefreshErrorHandler: func(_ context.Context, err error) {
			if ctx.Err() == nil {
				c.logger.Warn("jwtauth: fetching the JWKS", "err", err)
			}
		},
		Storage: j.known,
	})
	if err != nil {
		return nil, fmt.Errorf("jwtauth: fetching the JWKS: %w", err)
	}
	// This limiter limits nothing. find limits the fetches, because a limiter would
	// also refuse requests that arrive while another one fetches.
	j.fetching, err = jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{c.jwks: fetched},
		RateLimitWaitMax:  fetchTimeout,
		RefreshUnknownKID: rate.NewLimiter(rate.Inf, 1),
	})
	if err != nil {
		return nil, fmt.Errorf("jwtauth: %w", err)
	}
	return j, nil
}

// find returns the key with that id. For an empty id it returns the only key, if there is
// only one.
func (j *jwks) find(kid string, named bool, algorithm string) (any, error) {
	if !slices.Contains(j.algorithms, algorithm) {
		return nil, errAlgorithm
	}
	k, ok := j.lookUp(kid, named)
	if !ok {
		return nil, errKey
	}
	m := k.Marshal()
	if m.ALG != "" && m.ALG.String() != algorithm {
		return nil, errAlgorithm
	}
	if m.USE != "" && m.USE != jwkset.UseSig {
		return nil, errKey
	}
	key := k.Key()
	if p, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		key = p.Public()
	}
	if fits(algorithm, key) != nil {
		return nil, errAlgorithm
	}
	return key, nil
}

func (j *jwks) lookUp(kid string, named bool) (jwkset.JWK, bool) {
	if !named {
		all, err := j.known.KeyReadAll(j.ctx)
		if err != nil || len(all) != 1 {
			return jwkset.JWK{}, false
		}
		return all[0], true
	}
	if k, err := j.known.KeyRead(j.ctx, kid); err == nil {
		return k, true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if k, err := j.known.KeyRead(j.ctx, kid); err == nil {
		return k, true // another call fetched it while this one waited for the lock
	}
	if !j.fetched.IsZero() && time.Since(j.fetched) < fetchPause {
		return jwkset.JWK{}, false
	}
	j.fetched = time.Now()
	k, err := j.fetching.KeyRead(j.ctx, kid)
	return k, err == nil
}

// limitBody cuts off bodies that are too long.
type limitBody struct{ next http.RoundTripper }

func (l limitBody) RoundTrip(r *http.Request) (*http.Response, error) {
	next := l.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, fetchSize), resp.Body}
	}
	return resp, err
}
