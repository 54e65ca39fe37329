package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer/conf"
)

func newCheckCmd(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "check", Short: "validate without running, all problems at once", RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var file string
	config := &cobra.Command{
		Use: "config", Short: "check a configuration file and the variables that override it",
		Example: "  why401 check config -c why401.yaml", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, _, err := env.load(file, nil)
			if err != nil {
				return err
			}
			if problems := env.strayVariables(&cfg, file); len(problems) > 0 {
				return exitWith(exitConfig, problems)
			}
			fmt.Fprintln(env.stdout, "configuration ok")
			return nil
		},
	}
	config.Flags().StringVarP(&file, "config", "c", "", "configuration file")
	cmd.AddCommand(config, &cobra.Command{
		Use: "rules [FILE|DIR…]", Short: "check rule packs, ours or the given ones, against their own examples",
		Example: "  why401 check rules\n  why401 check rules mine/",
		RunE:    func(_ *cobra.Command, args []string) error { return env.testRules(args) },
	})
	return cmd
}

func newConfigCmd(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "look at the configuration", RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var file string
	var origin bool
	show := &cobra.Command{
		Use: "print", Short: "print every option with the value that holds, secrets masked", Args: cobra.NoArgs,
		Long: "Prints the configuration that serve would run with: defaults, the file over them, variables over that\n" +
			"(WHY401_SOURCE_PUBSUB_PROJECT sets source.pubsub.project). The output is a configuration itself, secrets excepted.",
		Example: "  why401 config print -c why401.yaml --origin",
		RunE: func(*cobra.Command, []string) error {
			cfg, origins, err := env.load(file, nil)
			if err != nil {
				return err
			}
			for _, p := range env.strayVariables(&cfg, file) {
				fmt.Fprintln(env.stderr, p)
			}
			if !origin {
				origins = nil
			}
			return conf.Print(env.stdout, cfg, origins)
		},
	}
	show.Flags().StringVarP(&file, "config", "c", "", "configuration file")
	show.Flags().BoolVar(&origin, "origin", false, "say beside each option where its value came from")
	cmd.AddCommand(show)
	return cmd
}

// readVariable finds a variable that the configuration has a secret in.
var readVariable = regexp.MustCompile(`\benv:(WHY401_\w+)`)

// strayVariables are the variables of ours that set no option of cfg and that
// the file does not read either, but are named almost as an option: a misspelt
// one would be lost in silence.
func (env *environment) strayVariables(cfg *Config, file string) conf.Problems {
	var read []string
	if data, err := os.ReadFile(file); err == nil { // what cannot be read names nothing
		for _, m := range readVariable.FindAllSubmatch(data, -1) {
			read = append(read, string(m[1]))
		}
	}
	return slices.DeleteFunc(conf.UnknownEnv(cfg, env.environ, read...), func(p conf.Problem) bool { return p.Hint == "" })
}
