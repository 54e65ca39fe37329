package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/why401/why401/sinks/deploy"
)

// newSetupCmd prints what a deployment needs, one line a part.
func newSetupCmd(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "setup", Short: "print what a deployment needs", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(
		newSetupAlertsCmd(env),
		newSetupCloudRunCmd(env),
		newSetupConfigCmd(env),
		newSetupDashboardCmd(env),
		newSetupGCPCmd(env),
		newSetupKubernetesCmd(env),
		newSetupSchemaCmd(env),
		newSetupSystemdCmd(env),
	)
	return cmd
}

func newSetupAlertsCmd(env *environment) *cobra.Command {
	form := "prometheus"
	var links deploy.Links
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "alert rules for Prometheus, its operator, Google Cloud, and routes for Alertmanager",
		Long: `Prints the alerts in one of these forms:

  prometheus           a rule file for Prometheus 2.42 or later
  prometheus-operator  PrometheusRule and ServiceMonitor
  gmp                  Rules and PodMonitoring of Google's managed Prometheus
  cloud-monitoring     alert policies in PromQL, one JSON object a line
  alertmanager         routes and inhibitions for these alerts

There are two ways from an incident to people: these rules, or the sinks of
why401 itself. Where why401 sends to Alertmanager directly, the rules about
incidents keep quiet, so that nobody is paged twice; the others stay.`,
		Example: `  why401 setup alerts --grafana https://grafana.acme.test > why401.rules.yaml
  why401 setup alerts --format gmp | kubectl apply -f -
  why401 setup alerts --format cloud-monitoring | while read -r p; do gcloud monitoring policies create --policy="$p"; done`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			out, err := deploy.Alerts(form, links)
			if err != nil {
				return exitHint(exitUsage, err, "why401 setup alerts --format prometheus")
			}
			if links.Grafana == deploy.DefaultGrafana && form != "alertmanager" {
				fmt.Fprintln(env.stderr, "setup: the dashboard links lead to", links.Grafana+"; give yours with --grafana URL")
			}
			_, err = env.stdout.Write(out)
			return err
		},
	}
	cmd.Flags().StringVar(&form, "format", form, "prometheus, prometheus-operator, gmp, cloud-monitoring or alertmanager")
	cmd.Flags().StringVar(&links.Grafana, "grafana", deploy.DefaultGrafana, "base URL of the Grafana that has the dashboard")
	cmd.Flags().StringVar(&links.Runbooks, "runbooks", deploy.DefaultRunbooks, "base URL of the runbooks")
	return cmd
}

func newSetupDashboardCmd(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "dashboard", Short: "the Grafana dashboard as JSON, to be imported",
		Example: "  why401 setup dashboard > why401.json", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			out, err := deploy.Dashboard()
			if err != nil {
				return err
			}
			_, err = env.stdout.Write(out)
			return err
		},
	}
}
