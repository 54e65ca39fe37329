package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/probe"
)

// matrix says which service of a key domain verifies what.
type matrix struct {
	Domain      string   `json:"key_domain"`
	Environment string   `json:"environment,omitempty"`
	Versions    []string `json:"versions"` // of the secret, newest first
	Rows        []row    `json:"rows"`
}

// row is one service. Yes, no and unknown are the words of its cells.
type row struct {
	Service string            `json:"service"`
	Accepts map[string]string `json:"accepts"`         // by version: whether tokens that why401 signs with it verify
	Signs   string            `json:"signs,omitempty"` // the version it signs with, when that is known
	Holds   string            `json:"holds,omitempty"` // what it holds when that is no version as it is
	Takes   map[string]string `json:"takes"`           // by service: whether tokens of that service verify
}

const (
	yes     = "yes"
	no      = "no"
	notSeen = "unknown"
)

// maxColumns bounds the versions that a matrix shows.
const maxColumns = 8

// matricesOf puts together what fingerprints and canaries showed, a matrix for
// each domain in which any of them looked.
func matricesOf(domains []analyzer.KeyDomain, results []analyzer.ProbeResult) []matrix {
	out := []matrix{}
	for i := range domains {
		d := &domains[i]
		m := matrix{Domain: d.Name, Environment: d.Environment, Versions: []string{}, Rows: []row{}}
		for _, member := range d.Services {
			m.Rows = append(m.Rows, row{Service: member.Name, Accepts: map[string]string{}, Takes: map[string]string{}})
		}
		looked := false
		for j := range results {
			r := &results[j]
			if r.Domain != d.Name || r.Service.Environment != d.Environment {
				continue
			}
			if r.Probe == "secret_manager" {
				m.columns(r.Facts[probe.FactVersionsOn])
			}
			if r.Probe == "fingerprint" || r.Probe == "canary" || r.Facts[probe.FactSigner] != "" {
				looked = looked || r.Facts[probe.FactSigner] == ""
				m.columns(r.Facts[probe.FactAccepts] + " " + r.Facts[probe.FactRefuses] + " " + r.Facts[probe.FactSigns])
			}
		}
		if !looked || len(m.Versions) == 0 {
			continue
		}
		for j := range results {
			if r := &results[j]; r.Domain == d.Name && r.Service.Environment == d.Environment {
				m.read(r)
			}
		}
		m.finish()
		out = append(out, m)
	}
	return out
}

func (m *matrix) columns(versions string) {
	for _, v := range strings.Fields(versions) {
		if !slices.Contains(m.Versions, v) && len(m.Versions) < maxColumns {
			m.Versions = append(m.Versions, v)
		}
	}
	slices.SortFunc(m.Versions, func(a, b string) int { // numbers by their size
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(b, a)
	})
}

// read takes a result into the row of its service. A canary was verified or
// not; of a fingerprint follows what the service verifies with the value that
// it holds; a token tells what its service signs with.
func (m *matrix) read(r *analyzer.ProbeResult) {
	name := cmp.Or(r.Facts[probe.FactSigner], r.Service.Name)
	i := slices.IndexFunc(m.Rows, func(row row) bool { return row.Service == name })
	if i < 0 || r.Status == analyzer.StatusUnknown {
		return
	}
	to := &m.Rows[i]
	if v := r.Facts[probe.FactSigns]; v != "" {
		to.Signs = v
	}
	if r.Probe != "fingerprint" && r.Probe != "canary" {
		return
	}
	accepts := strings.Fields(r.Facts[probe.FactAccepts])
	for _, v := range accepts {
		to.Accepts[v] = yes
	}
	for _, v := range strings.Fields(r.Facts[probe.FactRefuses]) {
		if r.Probe == "canary" || to.Accepts[v] == "" {
			to.Accepts[v] = no
		}
	}
	if r.Probe == "fingerprint" {
		for _, v := range m.Versions {
			if to.Accepts[v] == "" {
				to.Accepts[v] = no
			}
		}
	}
	if len(accepts) == 0 && to.Holds == "" {
		to.Holds = r.Facts["holds"]
	}
}

// finish derives who takes whose tokens: where the signer's version is known,
// whether the other one verifies it.
func (m *matrix) finish() {
	for i := range m.Rows {
		to := &m.Rows[i]
		for _, v := range m.Versions {
			if to.Accepts[v] == "" {
				to.Accepts[v] = notSeen
			}
		}
		for _, from := range m.Rows {
			if from.Signs == "" {
				continue
			}
			if to.Takes[from.Service] = to.Accepts[from.Signs]; to.Takes[from.Service] == "" {
				to.Takes[from.Service] = notSeen
			}
		}
	}
}

// signers are the services whose tokens are known to be signed with a version.
func (m *matrix) signers() []string {
	var out []string
	for _, r := range m.Rows {
		if r.Signs != "" {
			out = append(out, r.Service)
		}
	}
	return out
}
