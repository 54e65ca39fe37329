package lab

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
)

// texts returns the text payloads that contain part.
func (p *played) texts(t *testing.T, part string) []string {
	var found []string
	for _, e := range parse(t, p) {
		if strings.Contains(e.GetTextPayload(), part) {
			found = append(found, e.GetTextPayload())
		}
	}
	return found
}

// A service that rereads its secret follows a rotation without a deploy.
func TestRereadFollowsRotation(t *testing.T) {
	sc := find(t, "rotation-missed")
	sc.Services[2].Reread = time.Minute
	sc.Services[2].Env = append(sc.Services[2].Env, EnvVar{Name: "JWT_SECRET_PREVIOUS", Secret: "jwt-main", Version: "1"})
	got := play(t, sc, 1)
	if n := got.truth.Requests("payments", analyzer.OutcomeRefused, analyzer.BadSignature); n != 0 {
		t.Errorf("%d bad signatures at a service that rereads its secret", n)
	}
	// Two instances, once at the start and once after the rotation.
	if n := len(got.texts(t, "JWT secret loaded from JWT_SECRET")); n < 4 {
		t.Errorf("%d lines of a loaded secret, wanted at least 4", n)
	}
}

// A restart of the forgotten service ends the fault: new instances read what
// the secret holds now. Tokens of before the rotation are then refused.
func TestRestartPicksUpTheNewVersion(t *testing.T) {
	sc := find(t, "rotation-missed")
	sc.Duration = 20 * time.Minute
	sc.Timeline = append(sc.Timeline, Step{At: 11 * time.Minute, Do: Restart, Target: "payments"})
	truth := play(t, sc, 1).truth
	for _, c := range truth.Counts {
		if c.Service.Name == "payments" && c.Reason == analyzer.BadSignature && c.Last.After(begin.Add(11*time.Minute+time.Second)) {
			t.Errorf("bad signature at payments until %s, restarted at 11m", c.Last)
		}
	}
}

// Of two instances the new one follows the rotation and the old one does not:
// about half of the requests fail.
func TestScaleSplitsReplicas(t *testing.T) {
	sc := find(t, "rotation-missed")
	sc.Services[2].Instances = 1
	sc.Services[2].Env = append(sc.Services[2].Env, EnvVar{Name: "JWT_SECRET_PREVIOUS", Secret: "jwt-main", Version: "1"})
	sc.Timeline = append(sc.Timeline, Step{At: 5 * time.Minute, Do: Scale, Target: "payments", Count: 2})
	got := play(t, sc, 1)
	failing := map[string]int{}
	for _, e := range parse(t, &got) {
		if strings.Contains(e.GetTextPayload(), "signature is invalid") {
			failing[e.Labels["instanceId"]]++
		}
	}
	if len(failing) != 1 {
		t.Errorf("bad signatures at %d instances, wanted 1", len(failing))
	}
	refused := got.truth.Requests("payments", analyzer.OutcomeRefused, analyzer.BadSignature)
	if all := known(t, find(t, "rotation-missed"), 1).truth.Requests("payments", analyzer.OutcomeRefused, analyzer.BadSignature); refused*4 > all*3 || refused*4 < all {
		t.Errorf("%d refused of about %d, wanted about half", refused, all)
	}
}

// A roll-out whose secret version is disabled never becomes ready; the old
// revision goes on serving.
func TestFailedRolloutKeepsTheOldRevision(t *testing.T) {
	for _, tc := range []struct {
		name     string
		timeline []Step
		line     string // what the platform or the program says
		err      string
	}{
		{"disabled version", []Step{
			{At: time.Minute, Do: DisableVersion, Target: "jwt-main", Version: "1"},
			{At: 2 * time.Minute, Do: Deploy, Target: "payments"},
		}, "", "is in DISABLED state"},
		{"no variable of the chain", []Step{
			{At: 2 * time.Minute, Do: Deploy, Target: "payments", Env: []EnvVar{{Name: "JWT_SECRET"}}},
		}, "cannot start: no JWT secret configured: none of [JWT_SECRET_STAGING JWT_SECRET_KEY JWT_SECRET] is set", "failed to start and listen"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sc := find(t, "healthy")
			sc.Duration, sc.Timeline = 4*time.Minute, tc.timeline
			got := play(t, sc, 1)
			if last := got.truth.Injected[len(tc.timeline)-1]; !strings.Contains(last.Err, tc.err) {
				t.Errorf("deploy said %q, wanted %q in it", last.Err, tc.err)
			}
			if tc.line != "" && len(got.texts(t, tc.line)) != 1 {
				t.Errorf("no line %q", tc.line)
			}
			if n := got.truth.Requests("payments", analyzer.OutcomeRefused, analyzer.BadSignature); n != 0 {
				t.Errorf("%d bad signatures at payments", n)
			}
			revisions := map[string]bool{}
			for _, e := range parse(t, &got) {
				if e.HttpRequest != nil && e.Resource.Labels["service_name"] == "payments" {
					revisions[e.Resource.Labels["revision_name"]] = true
				}
			}
			if len(revisions) != 1 {
				t.Errorf("payments served by %v, wanted the first revision alone", revisions)
			}
		})
	}
}

// A service without instances answers 500 from the front door.
func TestNoInstance(t *testing.T) {
	sc := find(t, "healthy")
	sc.Duration = 3 * time.Minute
	sc.Timeline = []Step{{At: time.Minute, Do: Scale, Target: "chat", Count: 0}}
	got := play(t, sc, 1)
	var down int64
	for _, c := range got.truth.Counts {
		if c.Status == 500 {
			down += c.N
			if c.Service.Name != "chat" {
				t.Errorf("%s answered 500", c.Service.Name)
			}
		}
	}
	if n := int64(len(got.texts(t, textNoInstance))); n == 0 || n != down {
		t.Errorf("%d lines of no available instance, %d answers of 500", n, down)
	}
}

func TestReasonOf(t *testing.T) {
	own := "a-secret-of-thirty-two-bytes-len"
	in := &instance{p: &platform{clock: &clock{now: begin}}, svc: &service{}, keys: keyring{accept: [][]byte{[]byte(own)}},
		set: Settings{Algorithm: "HS256", Issuer: tokenIssuer, Audience: tokenAudience}}
	sign := func(key string, method jwt.SigningMethod, claims jwt.MapClaims) string {
		t.Helper()
		all := jwt.MapClaims{"iss": tokenIssuer, "aud": tokenAudience, "exp": begin.Add(time.Hour).Unix()}
		for k, v := range claims {
			if all[k] = v; v == nil {
				delete(all, k)
			}
		}
		token, err := jwt.NewWithClaims(method, all).SignedString([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, tc := range []struct {
		name, token string
		want        analyzer.Reason
	}{
		{"other secret", sign("another", jwt.SigningMethodHS256, nil), analyzer.BadSignature},
		{"other secret and expired", sign("another", jwt.SigningMethodHS256, jwt.MapClaims{"exp": 1}), analyzer.BadSignature},
		{"expired", sign(own, jwt.SigningMethodHS256, jwt.MapClaims{"exp": begin.Add(-time.Second).Unix()}), analyzer.ExpiredToken},
		{"not yet", sign(own, jwt.SigningMethodHS256, jwt.MapClaims{"nbf": begin.Add(time.Minute).Unix()}), analyzer.NotYetValid},
		{"issuer", sign(own, jwt.SigningMethodHS256, jwt.MapClaims{"iss": "https://else.example"}), analyzer.IssuerMismatch},
		{"audience", sign(own, jwt.SigningMethodHS256, jwt.MapClaims{"aud": "else"}), analyzer.AudienceMismatch},
		{"no exp", sign(own, jwt.SigningMethodHS256, jwt.MapClaims{"exp": nil}), analyzer.MissingClaim},
		{"no token", "undefined", analyzer.MalformedToken},
		{"another algorithm", sign(own, jwt.SigningMethodHS512, nil), analyzer.AlgorithmMismatch},
		{"no algorithm", part(map[string]string{"alg": "none"}) + "." + part(map[string]string{"sub": "admin"}) + ".", analyzer.AlgNoneRejected},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := in.verify(tc.token)
			if got := reasonOf(err); got != tc.want {
				t.Errorf("%v is %s, wanted %s", err, got, tc.want)
			}
		})
	}
	for err, want := range map[error]analyzer.Reason{errNoToken: analyzer.MissingToken, errWrongScheme: analyzer.WrongScheme,
		errors.New("else"): analyzer.Unspecified, fmt.Errorf("at last: %w", jwt.ErrTokenExpired): analyzer.ExpiredToken} {
		if got := reasonOf(err); got != want {
			t.Errorf("%v is %s, wanted %s", err, got, want)
		}
	}
}
