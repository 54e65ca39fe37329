package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/why401/why401/analyzer/conf"
)

// explainUsage lets every command below root answer a mistyped line with what
// it wanted, the nearest name that there is, and its own help.
func explainUsage(root *cobra.Command) {
	root.SetFlagErrorFunc(wrongFlag)
	for _, c := range root.Commands() {
		explainUsage(c)
	}
	if root.HasSubCommands() {
		root.Args = subcommandOnly
		return
	}
	if wanted := root.Args; wanted != nil {
		root.Args = func(cmd *cobra.Command, args []string) error {
			err := wanted(cmd, args)
			var known *exitError
			if err == nil || errors.As(err, &known) {
				return err
			}
			return exitHint(exitUsage, fmt.Errorf("wanted %s, found %s", cmd.UseLine(), counted(args)), cmd.CommandPath()+" --help")
		}
	}
}

func counted(args []string) string {
	switch len(args) {
	case 0:
		return "no argument"
	case 1:
		return fmt.Sprintf("the argument %q", args[0])
	}
	return fmt.Sprintf("%d arguments", len(args))
}

// subcommandOnly refuses what is no command.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	hint := cmd.CommandPath() + " --help"
	if near := conf.Nearest(args[0], names); near != "" {
		hint = cmd.CommandPath() + " " + near
	}
	return exitHint(exitUsage, fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), hint)
}

// wrongFlag says which flag was meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help"
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := conf.Nearest(strings.TrimLeft(missing.GetSpecifiedName(), "-"), names); near != "" {
			hint = "--" + near + ", or " + hint
		}
	}
	return exitHint(exitUsage, err, hint)
}
