package probe

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// FactSigns is the key of ProbeResult.Facts that names the version that a
// service signs with; FactSigner the one that names the service, where the
// result is about its tokens.
const (
	FactSigns  = "signs"
	FactSigner = "signer"
)

// Row is what the reference tells of one service: the version that it signs
// with and those that it verifies. A version in neither list was not tried.
type Row struct {
	Service string
	Signs   string // empty: not known, or it signs nothing
	Accepts []string
	Refuses []string
}

// Rows gathers the rows of a key domain from the results of its canaries,
// fingerprints and tokens, by name of the service.
func Rows(results []analyzer.ProbeResult, domain string) []Row {
	byName := map[string]*Row{}
	at := func(name string) *Row {
		if byName[name] == nil {
			byName[name] = &Row{Service: name}
		}
		return byName[name]
	}
	for _, r := range results {
		if r.Domain != domain || r.Status == analyzer.StatusUnknown {
			continue
		}
		name := r.Service.Name
		if signer := r.Facts[FactSigner]; signer != "" {
			name = signer
		}
		if name == "" {
			continue
		}
		for fact, list := range map[string]func(*Row) *[]string{FactAccepts: func(w *Row) *[]string { return &w.Accepts }, FactRefuses: func(w *Row) *[]string { return &w.Refuses }} {
			for _, v := range strings.Fields(r.Facts[fact]) {
				if l := list(at(name)); !slices.Contains(*l, v) {
					*l = append(*l, v)
				}
			}
		}
		if v := r.Facts[FactSigns]; v != "" {
			at(name).Signs = v
		}
	}
	var out []Row
	for _, w := range byName {
		slices.Sort(w.Accepts)
		slices.Sort(w.Refuses)
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b Row) int { return strings.Compare(a.Service, b.Service) })
	return out
}

// Located is what is wrong with one service, told without looking at the
// others' opinion of it.
type Located struct {
	Service   string
	SignsOld  bool     // it signs with another version than the newest
	RefusesIt bool     // it does not verify the newest
	Strangers []string // services whose tokens it refuses
}

// Locate finds the services that stand in the way of the newest version, and
// whose tokens they refuse. A plain matrix of who takes whose tokens cannot:
// exchange the two versions everywhere, and it stays the same.
func Locate(rows []Row, newest string) []Located {
	var out []Located
	for _, w := range rows {
		l := Located{Service: w.Service, SignsOld: w.Signs != "" && w.Signs != newest, RefusesIt: len(w.Accepts)+len(w.Refuses) > 0 && !slices.Contains(w.Accepts, newest)}
		for _, o := range rows {
			if ok, known := w.takes(o); known && !ok {
				l.Strangers = append(l.Strangers, o.Service)
			}
		}
		if l.SignsOld || l.RefusesIt || len(l.Strangers) > 0 {
			out = append(out, l)
		}
	}
	return out
}

// takes reports whether the service of w accepts tokens of o.
func (w Row) takes(o Row) (ok, known bool) {
	accepts := slices.Contains(w.Accepts, o.Signs)
	return accepts, o.Signs != "" && (accepts || slices.Contains(w.Refuses, o.Signs))
}

// WriteMatrix prints who takes whose tokens, ✓, ✗ or ? where it is not known,
// and beside it what the reference alone can tell: the versions.
func WriteMatrix(w io.Writer, rows []Row) error {
	width := len("tokens of")
	for _, r := range rows {
		width = max(width, len(r.Service))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", width, "tokens of")
	for _, r := range rows {
		fmt.Fprintf(&b, "  at %-*s", width, r.Service)
	}
	fmt.Fprintf(&b, "  %-5s  %-9s  %s\n", "signs", "accepts", "refuses")
	for _, o := range rows {
		fmt.Fprintf(&b, "%-*s", width, o.Service)
		for _, r := range rows {
			mark := "?"
			if ok, known := r.takes(o); known {
				mark = map[bool]string{true: "✓", false: "✗"}[ok]
			}
			fmt.Fprintf(&b, "  %-*s", width+3, mark)
		}
		fmt.Fprintf(&b, "  %-5s  %-9s  %s\n", dash(o.Signs), dash(strings.Join(o.Accepts, " ")), dash(strings.Join(o.Refuses, " ")))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write matrix: %w", err)
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
