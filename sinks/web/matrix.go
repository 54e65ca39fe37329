package web

import (
	"cmp"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// group is one environment: the services that need a look, and those that do
// not.
type group struct {
	Environment string
	Loud        matrix
	Quiet       matrix
}

// matrix is one table, services by checks.
type matrix struct {
	Name, Environment string
	Checks            []string
	Rows              []serviceRow
}

// serviceRow is one service: its decisions in the span and its checks.
type serviceRow struct {
	Name        string
	Environment string
	Accepted    int64
	Refused     int64
	Known       bool // decisions were seen
	NoRate      bool // refusals without a denominator
	Share       float64
	Reasons     []reasonCount
	Spark       template.HTML
	Checks      []checkCell
	Holds       string
	worst       int
	open        bool // it has an open incident
}

// Hot reports whether somebody should look at the service.
func (r serviceRow) Hot() bool { return r.open || r.worst == badness(analyzer.StatusFail) }

type reasonCount struct {
	Reason analyzer.Reason
	N      int64
}

// checkRow is a check of something that is not a service.
type checkRow struct {
	Name  string
	Check string
	Cell  checkCell
}

// checkCell is what a check says of a service.
type checkCell struct {
	Status analyzer.Status // "" when nobody looked
	Detail string
}

// badness orders statuses; unknown is worse than ok, and never ok.
func badness(s analyzer.Status) int {
	return slices.Index([]analyzer.Status{"", analyzer.StatusOK, analyzer.StatusUnknown, analyzer.StatusWarn, analyzer.StatusFail}, s)
}

// loudest bounds how many services of an environment stand in the open.
const loudest = 40

// matrix puts services and checks side by side.
func (v *view) matrix(u *analyzer.Update, series []analyzer.Series) {
	rows := map[analyzer.Service]*serviceRow{}
	row := func(s analyzer.Service) *serviceRow {
		if rows[s] == nil {
			rows[s] = &serviceRow{Name: s.Name, Environment: s.Environment}
		}
		return rows[s]
	}
	for i := range u.Report.Services {
		s := &u.Report.Services[i]
		r := row(analyzer.Service{Name: s.Name, Environment: s.Environment})
		r.NoRate = s.Denominator == "none"
		if len(series) == 0 {
			r.decided(s.Accepted, s.Refused, s.Reasons)
		}
	}
	for i := range series {
		s := &series[i]
		if r := rows[analyzer.Service{Name: s.Service, Environment: s.Environment}]; r != nil {
			reasons := map[analyzer.Reason]int64{}
			for reason, n := range s.Reasons {
				reasons[reason] = total(n)
			}
			r.decided(total(s.Accepted), total(s.Refused), reasons)
			if r.Refused > 0 {
				r.Spark = spark(s)
			}
		}
	}
	for _, in := range openIncidents(u.Report) {
		for _, name := range in.Services {
			if r := rows[analyzer.Service{Name: name, Environment: in.Environment}]; r != nil {
				r.open = r.open || in.Severity != analyzer.LevelInfo
			}
		}
	}
	v.checks(u.Probes, row)
	v.group(rows)
}

func (r *serviceRow) decided(accepted, refused int64, reasons map[analyzer.Reason]int64) {
	r.Accepted, r.Refused, r.Known = accepted, refused, accepted+refused > 0
	if r.Known {
		r.Share = float64(refused) / float64(accepted+refused)
	}
	for _, reason := range reasonNames(reasons) {
		if n := reasons[reason]; n > 0 {
			r.Reasons = append(r.Reasons, reasonCount{reason, n})
		}
	}
}

// checks fills the cells in. A service that a check never looked at keeps an
// empty one.
func (v *view) checks(probes []analyzer.ProbeResult, row func(analyzer.Service) *serviceRow) {
	kinds := map[string]bool{}
	type place struct {
		service analyzer.Service
		kind    string
	}
	worst := map[place]analyzer.ProbeResult{}
	domains := map[[2]string]analyzer.ProbeResult{}
	for _, r := range probes {
		v.Checked = v.Checked || r.Status != analyzer.StatusUnknown
		if r.Status != analyzer.StatusOK {
			v.Complains = append(v.Complains, r)
		}
		if r.Service.Name == "" {
			k := [2]string{cmp.Or(r.Domain, r.Target), r.Probe}
			if have, ok := domains[k]; !ok || badness(r.Status) > badness(have.Status) {
				domains[k] = r
			}
			continue
		}
		kinds[r.Probe] = true
		k := place{r.Service, r.Probe}
		if have, ok := worst[k]; !ok || badness(r.Status) > badness(have.Status) {
			worst[k] = r
		}
	}
	v.Checks = slices.Sorted(maps.Keys(kinds))
	for k, r := range worst {
		s := row(k.service)
		if s.Checks == nil {
			s.Checks = make([]checkCell, len(v.Checks))
		}
		i, _ := slices.BinarySearch(v.Checks, k.kind)
		s.Checks[i] = checkCell{r.Status, r.Detail}
		s.worst = max(s.worst, badness(r.Status))
		if h := r.Facts[holdsFact]; h != "" {
			s.Holds = h
		}
	}
	for k, r := range domains {
		v.Domains = append(v.Domains, checkRow{k[0], k[1], checkCell{r.Status, r.Detail}})
	}
	slices.SortFunc(v.Domains, func(a, b checkRow) int {
		return cmp.Or(cmp.Compare(badness(b.Cell.Status), badness(a.Cell.Status)), strings.Compare(a.Name, b.Name), strings.Compare(a.Check, b.Check))
	})
	slices.SortStableFunc(v.Complains, func(a, b analyzer.ProbeResult) int {
		return cmp.Or(cmp.Compare(badness(b.Status), badness(a.Status)), strings.Compare(a.Service.Name, b.Service.Name), strings.Compare(a.Target, b.Target), strings.Compare(a.Probe, b.Probe))
	})
	v.Complains = v.Complains[:min(len(v.Complains), loudest)]
}

// group sorts the rows into environments, the loudest service first.
func (v *view) group(rows map[analyzer.Service]*serviceRow) {
	sorted := slices.SortedFunc(maps.Values(rows), func(a, b *serviceRow) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), boolFirst(a.open, b.open), cmp.Compare(b.worst, a.worst), cmp.Compare(b.Share, a.Share), cmp.Compare(b.Refused, a.Refused), cmp.Compare(a.Name, b.Name))
	})
	for _, r := range sorted {
		if r.Checks == nil {
			r.Checks = make([]checkCell, len(v.Checks))
		}
		n := len(v.Groups)
		if n == 0 || v.Groups[n-1].Environment != r.Environment {
			v.Groups = append(v.Groups, group{r.Environment, matrix{"services", r.Environment, v.Checks, nil}, matrix{"quiet services", r.Environment, v.Checks, nil}})
			n++
		}
		g := &v.Groups[n-1]
		if loud := r.open || r.Refused > 0 || r.worst > badness(analyzer.StatusOK) || len(sorted) <= loudest; loud && len(g.Loud.Rows) < loudest {
			g.Loud.Rows = append(g.Loud.Rows, *r)
		} else {
			g.Quiet.Rows = append(g.Quiet.Rows, *r)
		}
	}
}

func boolFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
