package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/why401/why401/sinks/deploy"
)

// manifestFlags are what the commands share that print manifests.
func manifestFlags(cmd *cobra.Command, v *deploy.Values) {
	image := deploy.SampleImage
	if ref := moduleRef(); ref != "" {
		image = image[:strings.LastIndexByte(image, ':')+1] + strings.TrimPrefix(ref, "?ref=")
	}
	cmd.Flags().StringVar(&v.Project, "project", "", "project of the subscription (default: the sample's)")
	cmd.Flags().StringVar(&v.Subscription, "subscription", "", "subscription, as setup gcp names it (default why401)")
	cmd.Flags().StringVar(&v.Account, "account", "", "service account that why401 runs as (default: the one that setup gcp makes)")
	cmd.Flags().StringVar(&v.Image, "image", image, "image, with a tag or a digest")
}

func newSetupKubernetesCmd(env *environment) *cobra.Command {
	var v deploy.Values
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "kubernetes",
		Short: "manifests for Kubernetes: one pod with a disk, and who may talk to it",
		Long: `Prints a StatefulSet of one pod with its disk, its service account, configuration,
service, network policy and disruption budget. With --out it writes them as a
kustomize base with an overlay for each environment, to be changed and kept.`,
		Example: `  why401 setup kubernetes --project acme-prod | kubectl apply -n why401 -f -
  why401 setup kubernetes --project acme-prod --out deploy && kubectl apply -k deploy/overlays/production`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if out != "" {
				files, err := deploy.Tree("kubernetes", v)
				if err != nil {
					return exitWith(exitUsage, err)
				}
				return env.writeFiles(out, files, force)
			}
			objects, err := deploy.Objects(v)
			if err != nil {
				return exitWith(exitUsage, err)
			}
			_, err = env.stdout.Write(objects)
			return err
		},
	}
	manifestFlags(cmd, &v)
	cmd.Flags().StringVar(&out, "out", "", "write a kustomize base and overlays into this folder")
	cmd.Flags().BoolVar(&force, "force", false, "with --out: overwrite what is there and differs")
	return cmd
}

func newSetupCloudRunCmd(env *environment) *cobra.Command {
	var v deploy.Values
	cmd := &cobra.Command{
		Use:   "cloudrun [service|worker-pool|push]",
		Short: "manifest for Cloud Run: a service or a worker pool that pulls, or a service that is pushed to",
		Example: `  why401 setup cloudrun --project acme-prod > service.yaml
  why401 setup cloudrun push --project acme-prod > push.yaml`,
		Args: cobra.MaximumNArgs(1), ValidArgs: []string{"service", "worker-pool", "push"},
		RunE: func(_ *cobra.Command, args []string) error {
			kind := "service"
			if len(args) > 0 {
				kind = args[0]
			}
			return env.printOf("cloudrun", kind+".yaml", v)
		},
	}
	manifestFlags(cmd, &v)
	return cmd
}

func newSetupSystemdCmd(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "systemd", Short: "a hardened unit for systemd",
		Example: `  why401 setup systemd > /etc/systemd/system/why401.service && systemctl daemon-reload`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return env.printOf("systemd", "why401.service", deploy.Values{}) },
	}
}

// printOf prints one file of a tree.
func (env *environment) printOf(tree, name string, v deploy.Values) error {
	files, err := deploy.Tree(tree, v)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	data, ok := files[name]
	if !ok {
		return exitHint(exitUsage, fmt.Errorf("wanted service, worker-pool or push, found %q", strings.TrimSuffix(name, ".yaml")), "why401 setup cloudrun service")
	}
	_, err = env.stdout.Write(data)
	return err
}
