package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
)

func newTopCmd(env *environment) *cobra.Command {
	addr, span, once := "", "1h", false
	cmd := &cobra.Command{
		Use:     "top",
		Short:   "services × reasons of a running server, live on a terminal",
		Example: "  why401 top --range 24h\n  why401 top --once",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			live := !once && env.onTerminal()
			for {
				if err := env.top(cmd.Context(), serverAddress(addr), span, live); err != nil || !live {
					return err
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(redrawEvery):
				}
			}
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "", "URL of the server (default http://127.0.0.1:9401)")
	cmd.Flags().StringVar(&span, "range", span, "1h, 6h, 24h, 7d or 30d, up to the last entry")
	cmd.Flags().BoolVar(&once, "once", false, "print one table and end, as without a terminal")
	return cmd
}

// topRow is one service in the span.
type topRow struct {
	service           string
	environment       string
	accepted, refused int64
	latest            int64 // refused in the last step
	reasons           map[analyzer.Reason]int64
}

// top prints the table once; on a terminal it takes the place of the one
// before.
func (env *environment) top(ctx context.Context, server, span string, live bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var series []analyzer.Series
	if err := askJSON(ctx, server, "/api/v1/series?range="+span, &series); err != nil {
		return err
	}
	var incidents []analyzer.Incident
	if err := askJSON(ctx, server, "/api/v1/incidents", &incidents); err != nil {
		return err
	}
	var b strings.Builder
	if live {
		b.WriteString(clearScreen)
	}
	for _, in := range incidents {
		if in.Resolved == nil {
			fmt.Fprintf(&b, "%s  %s\n", strings.ToUpper(string(in.Severity)), analyzer.EscapeTerminal(in.Summary))
		}
	}
	topTable(&b, series)
	_, err := io.WriteString(env.stdout, b.String())
	return err
}

// askJSON decodes what a server answers.
func askJSON(ctx context.Context, server, path string, v any) error {
	answer, err := ask(ctx, server, path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
		return exitWith(exitBackend, fmt.Errorf("read answer of server: wanted JSON: %w", err))
	}
	return nil
}

// topShown bounds the table to what fits a screen.
const topShown = 40

// topTable lists the services that refuse most, with the reasons.
func topTable(b *strings.Builder, series []analyzer.Series) {
	rows := make([]topRow, 0, len(series))
	for _, s := range series {
		r := topRow{service: s.Service, environment: s.Environment, reasons: map[analyzer.Reason]int64{}}
		for i := range s.Refused {
			r.accepted, r.refused, r.latest = r.accepted+s.Accepted[i], r.refused+s.Refused[i], s.Refused[i]
		}
		for reason, n := range s.Reasons {
			for _, k := range n {
				r.reasons[reason] += k
			}
		}
		if r.accepted+r.refused > 0 || len(r.reasons) > 0 {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(x, y topRow) int {
		return cmp.Or(cmp.Compare(y.refused, x.refused), cmp.Compare(y.accepted, x.accepted), strings.Compare(x.service, y.service), strings.Compare(x.environment, y.environment))
	})
	tw := tabwriter.NewWriter(b, 2, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SERVICE\tENVIRONMENT\tACCEPTED\tREFUSED\tSHARE\tNOW\tREASONS")
	for _, r := range rows[:min(len(rows), topShown)] {
		share := "-"
		if n := r.accepted + r.refused; n > 0 {
			share = fmt.Sprintf("%.1f %%", 100*float64(r.refused)/float64(n))
		}
		var reasons []string
		for _, reason := range slices.SortedFunc(maps.Keys(r.reasons), func(x, y analyzer.Reason) int {
			return cmp.Or(cmp.Compare(r.reasons[y], r.reasons[x]), cmp.Compare(x, y))
		}) {
			reasons = append(reasons, fmt.Sprintf("%s %d", reason, r.reasons[reason]))
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%s\t%d\t%s\n", analyzer.EscapeTerminal(r.service), analyzer.EscapeTerminal(r.environment), r.accepted, r.refused, share, r.latest, strings.Join(reasons, ", "))
	}
	_ = tw.Flush() // writes to memory
	if n := len(rows) - topShown; n > 0 {
		fmt.Fprintf(b, "and %d more\n", n)
	}
}
