package probe

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/why401/why401/analyzer/redact"
)

// trouble is why a secret store gave no answer. The words are those of the
// fact `error` in results.
type trouble string

const (
	notFound         trouble = "not_found"
	denied           trouble = "permission_denied"
	outsidePerimeter trouble = "vpc_service_controls"
	apiDisabled      trouble = "api_disabled"
	noCredentials    trouble = "no_credentials"
	notEnabled       trouble = "not_enabled" // the version is disabled or destroyed
	unreachable      trouble = "unreachable" // timeout or outage
	overQuota        trouble = "over_quota"
	damaged          trouble = "checksum_mismatch"
	interrupted      trouble = "interrupted" // by the end of our own time
	noProject        trouble = "no_project"
	otherTrouble     trouble = "error"
)

// storeError is an answer that a store did not give.
type storeError struct {
	trouble trouble
	what    string // the call, in words
	err     error
}

func (e *storeError) Error() string { return fmt.Sprintf("%s: %s", e.what, e.reason()) }
func (e *storeError) Unwrap() error { return e.err }

// reason is the store's own text, without what it says of payloads or people.
func (e *storeError) reason() string {
	if s, ok := status.FromError(e.err); ok {
		return s.Code().String() + ": " + clipText(s.Message())
	}
	return clipText(e.err.Error())
}

// clipText is clip for a sentence.
func clipText(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 160 {
		s = string(r[:160]) + "…"
	}
	return redact.Text(s)
}

// diagnose tells the troubles apart that one code of gRPC stands for.
func diagnose(ctx context.Context, what string, err error) *storeError {
	e := &storeError{trouble: otherTrouble, what: what, err: err}
	reason, text := "", err.Error()
	if a, ok := apierror.FromError(err); ok {
		reason = a.Reason()
	}
	switch code := status.Code(err); {
	case errors.Is(ctx.Err(), context.Canceled), code == codes.Canceled:
		e.trouble = interrupted
	case code == codes.PermissionDenied && (reason == "SERVICE_DISABLED" || strings.Contains(text, "API has not been used in project")):
		e.trouble = apiDisabled
	case code == codes.PermissionDenied && (reason == "SECURITY_POLICY_VIOLATED" || strings.Contains(text, "vpcServiceControlsUniqueIdentifier")):
		e.trouble = outsidePerimeter
	case code == codes.PermissionDenied:
		e.trouble = denied
	case code == codes.Unauthenticated, strings.Contains(text, "could not find default credentials"):
		e.trouble = noCredentials
	case code == codes.NotFound:
		e.trouble = notFound
	case code == codes.FailedPrecondition:
		e.trouble = notEnabled
	case code == codes.DeadlineExceeded, code == codes.Unavailable, errors.Is(err, context.DeadlineExceeded):
		e.trouble = unreachable
	case code == codes.ResourceExhausted:
		e.trouble = overQuota
	}
	return e
}

// notInState finds the state in the refusal of a version that is not enabled.
var notInState = regexp.MustCompile(`\b(DISABLED|DESTROYED)\b`)

// stateIn tells the state of a version that could not be read, and its number.
func stateIn(err error) (state versionState, number int) {
	var e *storeError
	if !errors.As(err, &e) || e.trouble != notEnabled {
		return "", 0
	}
	text := status.Convert(e.err).Message()
	if m := versionInText.FindStringSubmatch(text); m != nil {
		number, _ = strconv.Atoi(m[1])
	}
	return versionState(notInState.FindString(text)), number
}

var versionInText = regexp.MustCompile(`/versions/(\d+)`)
