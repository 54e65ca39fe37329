package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/lab"
)

// scenarioRow sums up the seeds of one scenario.
type scenarioRow struct {
	sc      lab.Scenario
	results []lab.Result
}

const scenariosFile = "../../analyzer/lab/SCENARIOS.md"

// tableMark is what the table stands after.
const tableMark = "<!-- written by make scenarios -->\n"

// figures are the sums that must hold.
type figures struct {
	suffices, suffRight     int
	withheld, withheldRight int
	wrongConfirmed          []string
	probable, probableRight int
	confounders, alarmed    int
	early, earlyAsked       int
	// From the fifth telling entry to the incident: of entries that no ordinary
	// day has, and of those that every day has some of.
	delays, daily []time.Duration
	firsts        []time.Duration // from the first, of all
	alerts        []int           // of runs with one fault
}

// slow is the longest that an incident may take to open; slowDaily where its
// entries are such as every day has some of, which tell only by their number:
// counts are kept by the minute.
const (
	slow      = 5 * time.Second
	slowDaily = time.Minute
)

// everyDay are the reasons of entries that every day has some of.
var everyDay = []analyzer.Reason{analyzer.ExpiredToken, analyzer.MissingToken, analyzer.MalformedToken}

func sumUp(rows []scenarioRow) figures {
	var f figures
	for _, row := range rows {
		for _, r := range row.results {
			f.probable, f.probableRight = f.probable+r.Probable, f.probableRight+r.ProbableRight
			for _, w := range r.Wrong {
				if strings.HasPrefix(w, string(analyzer.Confirmed)) {
					f.wrongConfirmed = append(f.wrongConfirmed, fmt.Sprintf("%s, seed %d: %s", r.Scenario, r.Seed, w))
				}
			}
			if len(r.Findings) == 0 {
				f.confounders++
				if len(r.Alarms) > 0 {
					f.alarmed++
				}
			}
			for i := range r.Findings {
				f.finding(&r.Findings[i])
			}
			if len(r.Findings) == 1 {
				f.alerts = append(f.alerts, len(r.Fired))
			}
		}
	}
	slices.Sort(f.delays)
	slices.Sort(f.daily)
	slices.Sort(f.firsts)
	return f
}

// short lists the figures that do not hold.
func (f *figures) short() []string {
	var out []string
	below := func(what string, n, of int, wanted float64) {
		if of > 0 && float64(n) < wanted*float64(of) {
			out = append(out, fmt.Sprintf("%s: %s, wanted %.3f", what, share(n, of), wanted))
		}
	}
	below("true cause told first", f.suffRight, f.suffices, 0.97)
	below("probable and true", f.probableRight, f.probable, 0.9)
	below("evidence withheld, and said so", f.withheldRight, f.withheld, 1)
	below("found before the first refused user", f.early, f.earlyAsked, 0.95)
	below("runs without a fault and without an alarm", f.confounders-f.alarmed, f.confounders, 1)
	for _, w := range f.wrongConfirmed {
		out = append(out, "told as confirmed, and wrong: "+w)
	}
	for _, d := range []struct {
		what   string
		sorted []time.Duration
		most   time.Duration
	}{{"no ordinary day has", f.delays, slow}, {"every day has some of", f.daily, slowDaily}} {
		if n := len(d.sorted); n > 0 && d.sorted[min(n*99/100, n-1)] > d.most {
			out = append(out, fmt.Sprintf("from the fifth telling entry to the incident, of such as %s: p99 %s, wanted %s", d.what, quantile(d.sorted, 0.99), d.most))
		}
	}
	return out
}

func (f *figures) finding(x *lab.Finding) {
	n, right := &f.suffices, &f.suffRight
	if x.Expect.Withheld() {
		n, right = &f.withheld, &f.withheldRight
	}
	*n++
	if x.Right {
		*right++
	}
	if x.Expect.BeforeRefusal {
		f.earlyAsked++
		if x.Before {
			f.early++
		}
	}
	if x.Fifth == 0 {
		return
	}
	f.firsts = append(f.firsts, x.After)
	if slices.ContainsFunc(x.Expect.Reasons, func(r analyzer.Reason) bool { return slices.Contains(everyDay, r) }) {
		f.daily = append(f.daily, x.Fifth)
	} else {
		f.delays = append(f.delays, x.Fifth)
	}
}

func quantile(sorted []time.Duration, q float64) string {
	if len(sorted) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f s", sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Seconds())
}

func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%d of %d (%.3f)", n, of, float64(n)/float64(of))
}

// write prints the figures, the table and what was not understood.
func (f *figures) write(b *strings.Builder, rows []scenarioRow) {
	fmt.Fprintf(b, "\n| figure | wanted | measured |\n|---|---|---|\n")
	fmt.Fprintf(b, "| true cause told first, where the evidence suffices | ≥ 0.970 | %s |\n", share(f.suffRight, f.suffices))
	fmt.Fprintf(b, "| wrong causes told as confirmed, at any time | 0 | %d |\n", len(f.wrongConfirmed))
	fmt.Fprintf(b, "| causes told as probable, at any time, that are true | ≥ 0.900 | %s |\n", share(f.probableRight, f.probable))
	fmt.Fprintf(b, "| evidence withheld: ambiguous, the true cause among the candidates, a next probe | 1.000 | %s |\n", share(f.withheldRight, f.withheld))
	fmt.Fprintf(b, "| runs without a fault that open a configuration incident of severity warning or above | 0 | %d of %d |\n", f.alarmed, f.confounders)
	fmt.Fprintf(b, "| faults that a probe can see, found before the first refused user | ≥ 0.950 | %s |\n", share(f.early, f.earlyAsked))
	fmt.Fprintf(b, "| from the fifth telling entry to the incident, p99, where no ordinary day has such entries | ≤ 5 s | %s (p50 %s, of %d) |\n", quantile(f.delays, 0.99), quantile(f.delays, 0.5), len(f.delays))
	fmt.Fprintf(b, "| the same where every day has some of them: expired, missing and malformed tokens | ≤ 60 s | %s (p50 %s, of %d) |\n", quantile(f.daily, 0.99), quantile(f.daily, 0.5), len(f.daily))
	fmt.Fprintf(b, "| from the first telling entry to the incident, p99, all of them | | %s (p50 %s) |\n", quantile(f.firsts, 0.99), quantile(f.firsts, 0.5))
	one, alerts := 0, 0
	for _, n := range f.alerts {
		alerts += n
		if n <= 1 {
			one++
		}
	}
	fmt.Fprintf(b, "| runs with one fault that fire no more than one alert of severity warning or above | | %s (%.2f alerts a run) |\n", share(one, len(f.alerts)), float64(alerts)/float64(max(1, len(f.alerts))))
	fmt.Fprintf(b, "\n| scenario | case | seeds | right | confirmed, probable, ambiguous | told wrongly | delay p50, p99 | before the first refusal |\n|---|---|---:|---:|---|---:|---|---|\n")
	for _, row := range rows {
		row.line(b)
	}
	var missed []string
	for _, row := range rows {
		missed = append(missed, row.missed()...)
	}
	if len(missed) > 0 {
		fmt.Fprintf(b, "\n### Not understood\n\n%s", strings.Join(missed, ""))
	}
}

func (row *scenarioRow) line(b *strings.Builder) {
	one := sumUp([]scenarioRow{*row})
	verdicts := map[analyzer.Verdict]int{}
	wrong := 0
	for _, r := range row.results {
		wrong += len(r.Wrong) + len(r.Alarms)
		for _, x := range r.Findings {
			verdicts[x.Verdict]++
		}
	}
	right, told := fmt.Sprintf("%d/%d", one.suffRight+one.withheldRight, one.suffices+one.withheld), fmt.Sprintf("%d, %d, %d", verdicts[analyzer.Confirmed], verdicts[analyzer.Probable], verdicts[analyzer.Ambiguous])
	if one.confounders > 0 {
		right, told = fmt.Sprintf("%d/%d", one.confounders-one.alarmed, one.confounders), "–"
	}
	early := "–"
	if one.earlyAsked > 0 {
		early = fmt.Sprintf("%d/%d", one.early, one.earlyAsked)
	}
	delay := "–"
	if all := slices.Concat(one.delays, one.daily); len(all) > 0 {
		slices.Sort(all)
		delay = quantile(all, 0.5) + ", " + quantile(all, 0.99)
	}
	fmt.Fprintf(b, "| %s | %s | %d | %s | %s | %d | %s | %s |\n", row.sc.Name, strings.Join(row.sc.Cases, " "), len(row.results), right, told, wrong, delay, early)
}

// missed tells what was not as expected.
func (row *scenarioRow) missed() []string {
	var out []string
	say := func(r *lab.Result, format string, args ...any) {
		out = append(out, fmt.Sprintf("- %s, seed %d: %s\n", r.Scenario, r.Seed, fmt.Sprintf(format, args...)))
	}
	for i := range row.results {
		r := &row.results[i]
		for _, x := range r.Findings {
			switch {
			case !x.Shown && len(x.Expect.Reasons) > 0:
				say(r, "the scenario does not show %s: none of %v was logged", x.Expect.Cause, x.Expect.Reasons)
			case x.Cause == "":
				say(r, "nothing told of %s", x.Expect.Cause)
			case !x.Right:
				say(r, "%s %s instead of %s", x.Verdict, x.Cause, x.Expect.Cause)
			case !x.Verdicts:
				say(r, "%s is only told as %s, or more than it may be", x.Cause, x.Verdict)
			}
			if x.Expect.BeforeRefusal && !x.Before {
				say(r, "%s told %s after the first refused user", x.Expect.Cause, x.After.Round(time.Second))
			}
		}
		for _, w := range r.Wrong {
			say(r, "told wrongly: %s", w)
		}
		for _, w := range r.Alarms {
			if !slices.Contains(r.Wrong, w) {
				say(r, "alarm: %s", w)
			}
		}
	}
	return out
}

// writeTable puts the table into SCENARIOS.md, when UPDATE is set.
func writeTable(t *testing.T, table string) {
	t.Helper()
	if os.Getenv("UPDATE") == "" {
		return
	}
	old, err := os.ReadFile(scenariosFile)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(old), tableMark)
	if !found {
		t.Fatalf("%s holds no line %q", scenariosFile, tableMark)
	}
	if err := os.WriteFile(scenariosFile, []byte(head+tableMark+table), 0o644); err != nil {
		t.Fatal(err)
	}
}
