package probe

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// keySetProbe fetches a key set, holds every key against RFC 7517 and 7518,
// and keeps the history of its keys: which kid named which key from when to
// when.
type keySetProbe struct {
	document
	discovery string // where the key set's URL is found when url is empty
	history   *keyHistory
}

// newJWKS makes the probe of a domain that declares a key set, or the
// discovery document that names it.
func newJWKS(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	if domain.JWKS == "" && domain.Discovery == "" {
		return nil, nil
	}
	p := &keySetProbe{document: document{domain: domain, url: domain.JWKS, guard: d.Guard, name: "key set"}, discovery: domain.Discovery, history: newKeyHistory(domain, d)}
	name := place(domain.JWKS)
	if domain.JWKS == "" {
		name = place(domain.Discovery)
	}
	return []Target{{Name: name, Probe: p}}, nil
}

// Check implements [Probe].
func (p *keySetProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	doc := p.document
	if doc.url == "" {
		found, failed := p.find(ctx)
		if failed != nil {
			return []analyzer.ProbeResult{*failed}
		}
		doc.url = found
	}
	r, failed := doc.fetch(ctx)
	if failed != nil {
		return []analyzer.ProbeResult{*failed}
	}
	keys, faults, err := readKeySet(r.Body)
	if err != nil {
		return []analyzer.ProbeResult{doc.result(analyzer.StatusFail, "jwks.invalid_document",
			fmt.Sprintf("what is served at %s is no key set: %v; look at what the URL serves and mend the publisher", place(doc.url), err))}
	}
	facts := map[string]string{"keys": fmt.Sprint(len(keys)), "kids": kids(keys)}
	if algs := algorithms(keys); len(algs) > 0 {
		facts["algorithms"] = strings.Join(algs[:min(len(algs), 10)], " ")
	}
	for i, k := range keys {
		if i < maxFaults && k.kid != "" {
			facts["thumbprint "+k.kid] = k.thumbprint
		}
	}
	faults = append(faults, transport(r, facts)...)
	if !slices.ContainsFunc(keys, func(k key) bool { return k.signs }) {
		faults = append(faults, fault{"", analyzer.StatusFail, "jwks.invalid_document", fmt.Sprintf("of its keys none can verify a signature (%d can be used)", len(keys)), "publish the key that the issuer signs with"})
	} else {
		faults = append(faults, declared(doc.domain, algorithms(keys), "its keys are for")...)
		faults = append(faults, p.history.see(keys)...)
	}
	return doc.results(faults, facts, fmt.Sprintf("the key set at %s is sound: %d keys, cached for %s", place(doc.url), len(keys), facts["cache"]),
		append([]analyzer.Cause{"jwks.unreachable", "jwks.invalid_document"}, p.history.refutes()...)...)
}

// find reads the URL of the key set out of the discovery document. Only the
// document's own host is believed: another one must be configured.
func (p *keySetProbe) find(ctx context.Context) (string, *analyzer.ProbeResult) {
	doc := document{domain: p.domain, url: p.discovery, guard: p.guard, name: "discovery document"}
	r, failed := doc.fetch(ctx)
	if failed != nil {
		return "", failed
	}
	conf, err := readDiscovery(r.Body)
	if err != nil {
		result := doc.result(analyzer.StatusUnknown, "", fmt.Sprintf("the key set could not be looked at: the discovery document at %s cannot be read: %v", place(doc.url), err))
		return "", &result
	}
	from, errFrom := url.Parse(doc.url)
	to, errTo := url.Parse(conf.JWKSURI)
	if errFrom != nil || errTo != nil || from.Host != to.Host {
		result := doc.result(analyzer.StatusUnknown, "", fmt.Sprintf("the key set could not be looked at: %s names one on another host; write its URL as jwks in the key domain to have it probed", place(doc.url)))
		return "", &result
	}
	return conf.JWKSURI, nil
}

// declared compares the algorithms of a document with those that the
// configuration wants of verifiers.
func declared(d analyzer.KeyDomain, found []string, what string) []fault {
	if len(d.Algorithms) == 0 || len(found) == 0 || slices.ContainsFunc(d.Algorithms, func(a string) bool { return slices.Contains(found, a) }) {
		return nil
	}
	return []fault{{"", analyzer.StatusFail, "alg.mismatch", fmt.Sprintf("%s %s, verifiers want %s", what, strings.Join(found[:min(len(found), 10)], " "), strings.Join(d.Algorithms, " ")),
		"align what the issuer signs with and what verifiers accept"}}
}

func kids(keys []key) string {
	var out []string
	for _, k := range keys[:min(len(keys), maxFaults)] {
		out = append(out, k.kid)
	}
	return strings.Join(out, " ")
}
