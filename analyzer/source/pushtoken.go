package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
)

// tokens verifies what a push subscription sends: a token of Google's for the
// configured audience and account. Google's certificates are fetched with the
// first token, no network is needed before.
type tokens struct {
	config PushConfig

	mu      sync.Mutex
	verify  *idtoken.Validator // holds the certificates for as long as Google says
	renewed time.Time          // when they were last fetched before they had to be
}

func newTokens(c PushConfig) (*tokens, error) {
	if len(c.Options) == 0 {
		c.Options = []option.ClientOption{option.WithHTTPClient(&http.Client{Timeout: 10 * time.Second})}
	}
	t := &tokens{config: c}
	return t, t.forget()
}

// forget drops the certificates.
func (t *tokens) forget() error {
	v, err := idtoken.NewValidator(context.Background(), t.config.Options...)
	if err != nil {
		return fmt.Errorf("make a validator of tokens: %w", err)
	}
	t.verify = v
	return nil
}

// errNoCertificates says that nothing could be verified: Pub/Sub sends the
// message again.
var errNoCertificates = errors.New("the certificates of Google could not be fetched; send it again")

// check verifies the token of a request. What it says is for whoever sets the
// subscription up, and holds nothing of the token.
func (t *tokens) check(r *http.Request) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return errors.New("wanted the token of a push subscription: create it with --push-auth-service-account")
	}
	payload, err := t.validate(r.Context(), token)
	var away *url.Error // of the request for the certificates
	switch {
	case err == nil:
	case errors.As(err, &away) || strings.Contains(err.Error(), "unable to retrieve cert"):
		return errNoCertificates
	default:
		return errors.New("the token was not signed by Google for this audience, or has expired")
	}
	email, _ := payload.Claims["email"].(string)
	verified, _ := payload.Claims["email_verified"].(bool)
	if payload.Issuer != "https://accounts.google.com" && payload.Issuer != "accounts.google.com" || !verified || email != t.config.Email {
		return errors.New("the token is of another account")
	}
	return nil
}

// renewEvery bounds how often strangers can make us fetch certificates.
const renewEvery = time.Minute

// validate verifies signature, audience and expiry. A key that is not among
// the certificates at hand may be one that Google began to sign with since:
// they are fetched once more.
func (t *tokens) validate(ctx context.Context, token string) (*idtoken.Payload, error) {
	t.mu.Lock()
	verify := t.verify
	t.mu.Unlock()
	payload, err := verify.Validate(ctx, token, t.config.Audience)
	if err == nil || !strings.Contains(err.Error(), "could not find matching cert") {
		return payload, err
	}
	if verify = t.renew(verify); verify == nil {
		return nil, err
	}
	return verify.Validate(ctx, token, t.config.Audience)
}

// renew returns a validator that knows certificates newer than those of was;
// nil: there is none yet.
func (t *tokens) renew(was *idtoken.Validator) *idtoken.Validator {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.verify != was {
		return t.verify // somebody else did it meanwhile
	}
	if time.Since(t.renewed) < renewEvery || t.forget() != nil {
		return nil
	}
	t.renewed = time.Now()
	return t.verify
}
