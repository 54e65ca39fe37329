package deploy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Values are what manifests say of one installation. Where one is empty, the
// sample's stays.
type Values struct {
	Project      string // instead of acme-prod
	Subscription string // instead of why401
	Account      string // service account that why401 runs as; by default that of setup gcp
	Image        string // with tag or digest
}

// What stands in the manifests.
const (
	sampleProject      = "acme-prod"
	sampleSubscription = "subscription: why401\n"
	sampleUpdate       = "subscriptions update why401 "
	sampleAccount      = "why401@acme-prod.iam.gserviceaccount.com"
	// SampleImage is the image of manifests that are given none.
	SampleImage = "ghcr.io/why401/why401:v0.1.0"
)

// valueForm is what stands in YAML and in a shell without quotes.
var valueForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)

func (v Values) check() error {
	var errs []error
	for _, f := range []struct{ name, value string }{{"project", v.Project}, {"subscription", v.Subscription}, {"account", v.Account}, {"image", v.Image}} {
		if f.value != "" && !valueForm.MatchString(f.value) {
			errs = append(errs, fmt.Errorf("%s: wanted letters, digits and . _ / : @ -, found %q", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}

func (v Values) in(manifest []byte) []byte {
	var pairs []string
	for _, r := range []struct{ sample, value, given string }{
		{sampleAccount, v.Account, v.Account},
		{sampleProject, v.Project, v.Project},
		{sampleSubscription, "subscription: " + v.Subscription + "\n", v.Subscription},
		{sampleUpdate, "subscriptions update " + v.Subscription + " ", v.Subscription},
		{SampleImage, v.Image, v.Image},
	} {
		if r.given != "" {
			pairs = append(pairs, r.sample, r.value)
		}
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(manifest)))
}
