package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// discoveryPath is where an issuer publishes its configuration (OpenID
// Connect Discovery 1.0 section 4).
const discoveryPath = "/.well-known/openid-configuration"

// discovery is what verifiers take from an OpenID configuration.
type discovery struct {
	Issuer     string   `json:"issuer"`
	JWKSURI    string   `json:"jwks_uri"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
}

// readDiscovery reads an OpenID configuration.
func readDiscovery(body []byte) (*discovery, error) {
	var c discovery
	if err := json.Unmarshal(body, &c); err != nil {
		if strings.HasPrefix(strings.TrimSpace(string(body)), "<") {
			return nil, errors.New("wanted a JSON object, found markup: a login or error page")
		}
		return nil, errors.New("wanted a JSON object with issuer and jwks_uri")
	}
	if c.Issuer == "" && c.JWKSURI == "" {
		return nil, errors.New("wanted issuer and jwks_uri, found neither")
	}
	return &c, nil
}

// discoveryProbe compares an issuer's own configuration with what the key
// domain declares for its verifiers.
type discoveryProbe struct{ document }

func newOIDC(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	if domain.Discovery == "" {
		return nil, nil
	}
	p := &discoveryProbe{document{domain: domain, url: domain.Discovery, guard: d.Guard, name: "discovery document"}}
	return []Target{{Name: place(domain.Discovery), Probe: p}}, nil
}

// Check implements [Probe].
func (p *discoveryProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	r, failed := p.fetch(ctx)
	if failed != nil {
		return []analyzer.ProbeResult{*failed}
	}
	c, err := readDiscovery(r.Body)
	if err != nil {
		return []analyzer.ProbeResult{p.result(analyzer.StatusFail, "jwks.invalid_document", fmt.Sprintf("what is served at %s is no OpenID configuration: %v; mend the publisher", place(p.url), err))}
	}
	facts := map[string]string{"issuer": clip(c.Issuer), "jwks_uri": place(c.JWKSURI)}
	faults := append(transport(r, facts), p.issuer(c.Issuer)...)
	faults = append(faults, p.keySet(c.JWKSURI)...)
	var algs []string
	for _, a := range c.Algorithms[:min(len(c.Algorithms), 20)] {
		algs = append(algs, clip(a))
	}
	faults = append(faults, declared(p.domain, algs, "the issuer signs with")...)
	if slices.Contains(algs, "none") && len(p.domain.Algorithms) == 0 {
		faults = append(faults, fault{"", analyzer.StatusWarn, "", "the issuer offers tokens without a signature (alg none)", "declare algorithms in the key domain and in every verifier"})
	}
	return p.results(faults, facts, fmt.Sprintf("the discovery document at %s agrees with what is declared: issuer %s", place(p.url), facts["issuer"]),
		"claim.issuer_mismatch", "alg.mismatch")
}

// issuer compares the issuer, letter by letter, with the declared one, else
// with the place of the document (OpenID Connect Discovery 1.0 section 4.3).
func (p *discoveryProbe) issuer(found string) []fault {
	want := p.domain.Issuer
	base, standard := strings.CutSuffix(p.url, discoveryPath)
	if want == "" && standard {
		want = base
		if found == base+"/" {
			return nil // both forms lead to the same document
		}
	}
	if want == "" || found == want {
		return nil
	}
	do := "align iss: the issuer's configuration, the verifiers' and the key domain's"
	return []fault{{"", analyzer.StatusFail, "claim.issuer_mismatch", fmt.Sprintf("the issuer calls itself %s, verifiers want %s (%s)", clip(found), clip(want), difference(found, want)), do}}
}

// difference names in what two issuers differ, as far as it is a usual slip.
func difference(a, b string) string {
	bare := func(s string) string { return s[strings.Index(s, "://")+1:] }
	switch {
	case strings.TrimRight(a, "/") == strings.TrimRight(b, "/"):
		return "a slash at the end"
	case strings.EqualFold(a, b):
		return "upper and lower case"
	case bare(a) == bare(b):
		return "http and https"
	case strings.TrimSpace(a) == strings.TrimSpace(b):
		return "white space"
	}
	return "another host or path"
}

func (p *discoveryProbe) keySet(uri string) []fault {
	switch {
	case uri == "":
		return []fault{{"", analyzer.StatusFail, "jwks.invalid_document", "it names no jwks_uri", "publish jwks_uri (OpenID Connect Discovery 1.0 section 3)"}}
	case p.domain.JWKS != "" && uri != p.domain.JWKS:
		return []fault{{"", analyzer.StatusWarn, "", fmt.Sprintf("it names the key set %s, the key domain %s", place(uri), place(p.domain.JWKS)), "let both name the same: verifiers that discover see other keys than those that are told"}}
	case strings.HasPrefix(uri, "http://") && !strings.HasPrefix(p.url, "http://"):
		return []fault{{"", analyzer.StatusFail, "jwks.invalid_document", "its jwks_uri is plain http", "publish the key set over https: whoever is on the way can exchange the keys"}}
	}
	return nil
}
