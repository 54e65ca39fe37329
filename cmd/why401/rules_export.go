package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/why401/why401/rules"
)

func newRulesExportCmd(env *environment) *cobra.Command {
	format, out := "sigma", ""
	var filter ruleFilter
	cmd := &cobra.Command{
		Use: "export", Short: "the rules as Sigma rules, for a SIEM",
		Example: "  why401 rules export --library PyJWT --out sigma", Args: cobra.NoArgs,
		Long: "Prints every rule that tells of a failed authentication in the Sigma format, one YAML document each, or with\n" +
			"--out one file each. Sigma knows no precedence: where two rules fit one line, a SIEM reports both.",
		RunE: func(*cobra.Command, []string) error {
			if format != "sigma" {
				return exitHint(exitUsage, fmt.Errorf("unknown format %q", format), "--format sigma")
			}
			set, err := env.rules()
			if err != nil {
				return err
			}
			chosen, err := filter.choose(set)
			if err != nil {
				return err
			}
			return env.exportSigma(chosen, out)
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "sigma")
	cmd.Flags().StringVar(&out, "out", "", "folder to write one file a rule into, made when it is not there")
	filter.flags(cmd)
	return cmd
}

func (env *environment) exportSigma(chosen []*rules.Rule, dir string) error {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return exitWith(exitInput, fmt.Errorf("export rules: %w", err))
		}
	}
	var all bytes.Buffer
	n := 0
	for _, r := range chosen {
		if r.Reason == "" {
			continue // success lines, changes and benign texts are no detections
		}
		doc, err := r.Sigma()
		if err != nil {
			return exitWith(exitConfig, err)
		}
		n++
		if dir == "" {
			all.WriteString("---\n")
			all.Write(doc)
			continue
		}
		file := filepath.Join(dir, "why401_"+strings.NewReplacer("/", "_", "-", "_", ".", "_").Replace(r.Name())+".yml")
		if err := os.WriteFile(file, doc, 0o644); err != nil {
			return exitWith(exitInput, fmt.Errorf("export rules: %w", err))
		}
	}
	if n == 0 {
		return exitHint(exitUsage, errors.New("export rules: none of the chosen rules tells of a failed authentication"), "why401 rules list")
	}
	if dir != "" {
		fmt.Fprintf(env.stdout, "%d rules written to %s\n", n, dir)
		return nil
	}
	_, err := env.stdout.Write(all.Bytes())
	return err
}
