package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker where a release is built (see the Makefile).
var release string

func newVersionCmd(env *environment) *cobra.Command {
	format, bill := "text", false
	cmd := &cobra.Command{
		Use: "version", Short: "print version, Go version and platform",
		Example: "  why401 version\n  why401 version --sbom > why401.spdx.json", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if bill {
				return env.writeSBOM(env.stdout)
			}
			v := map[string]string{"version": versionOf(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			if format == "json" {
				return json.NewEncoder(env.stdout).Encode(v)
			}
			_, err := fmt.Fprintf(env.stdout, "why401 %s %s %s\n", v["version"], v["go"], v["platform"])
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "text or json")
	cmd.Flags().BoolVar(&bill, "sbom", false, "print the modules that the binary is made of as SPDX 2.3 JSON")
	return cmd
}

// versionOf is the release that the build names, or "unknown".
func versionOf() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
