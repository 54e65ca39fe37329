package main

import (
	_ "embed"

	"github.com/spf13/cobra"
)

// configSchema is made from the structs of the configuration and their
// comments: UPDATE=1 go test ./cmd/why401 -run TestSchemaIsOfTheStructs.
//
//go:embed config.schema.json
var configSchema []byte

// schemaURL is where editors fetch it from.
const schemaURL = "https://raw.githubusercontent.com/why401/why401/main/cmd/why401/config.schema.json"

func newSetupSchemaCmd(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "the JSON Schema of the configuration, for editors and CI",
		Long: `Prints the JSON Schema of the configuration. Editors with the YAML language server
complete and check a file that begins with

  # yaml-language-server: $schema=` + schemaURL + `

or, offline, with the path of a copy. What a schema cannot say, why401 check config
does.`,
		Example: "  why401 setup schema > why401.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := env.stdout.Write(configSchema)
			return err
		},
	}
}
