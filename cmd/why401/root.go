package main

import (
	"github.com/spf13/cobra"
)

// newRoot builds the command tree, one line a command.
func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "why401",
		Short:         "tells why services answer 401 and 403",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.PersistentFlags().StringVar(&env.rulesDir, "rules", env.getenv("WHY401_RULES_DIR"), "folder of rule packs that extend or replace ours")
	root.AddCommand(
		newAgentCmd(env),
		newAnalyzeCmd(env),
		newCheckCmd(env),
		newClassifyCmd(env),
		newConfigCmd(env),
		newDemoCmd(env),
		newDoctorCmd(env),
		newExplainCmd(env),
		newQuarantineCmd(env),
		newReportCmd(env),
		newRotateCmd(env),
		newRulesCmd(env),
		newServeCmd(env),
		newSetupCmd(env),
		newTapCmd(env),
		newTopCmd(env),
		newValidateCmd(env),
		newVersionCmd(env),
	)
	explainUsage(root)
	return root
}
