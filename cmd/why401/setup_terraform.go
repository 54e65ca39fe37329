package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/why401/why401/sinks/deploy"
	"github.com/why401/why401/sinks/logexport"
)

// moduleSource is where Terraform finds the module that deploy.Tree holds.
const moduleSource = "github.com/why401/why401//sinks/deploy/terraform"

// terraform prints a call of the module or, with --out, writes the module
// itself with its filter and variables beside it: terraform apply works there.
func (env *environment) terraform(o *gcpOptions) error {
	if err := o.spec.Check(); err != nil {
		return exitHint(exitUsage, err, "why401 setup gcp --project acme-prod --format terraform")
	}
	if o.out == "" {
		_, err := fmt.Fprint(env.stdout, moduleCall(o.spec))
		return err
	}
	files, err := deploy.Tree("terraform", deploy.Values{})
	if err != nil {
		return err
	}
	secrets := o.spec.Secrets
	if secrets == nil {
		secrets = []string{}
	}
	variables, err := json.MarshalIndent(map[string]any{
		"project": o.spec.Project, "scope": o.spec.Scope, "name": o.spec.Name, "secrets": secrets, "access": o.spec.Access,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("print variables: %w", err)
	}
	files["why401.auto.tfvars.json"] = append(variables, '\n')
	files["filter.txt"] = []byte(o.spec.Filter)
	return env.writeFiles(o.out, files, o.force)
}

// moduleCall is a module block in HCL. All but the filter is of a form, checked
// before, that needs no escaping.
func moduleCall(s logexport.Spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "module \"why401\" {\n  source = \"%s%s\"\n\n", moduleSource, moduleRef())
	fmt.Fprintf(&b, "  project = %q\n  scope   = %q\n  name    = %q\n", s.Project, s.Scope, s.Name)
	if len(s.Secrets) > 0 {
		fmt.Fprintf(&b, "  secrets = [\"%s\"]\n  access  = %t\n", strings.Join(s.Secrets, `", "`), s.Access)
	}
	fmt.Fprintf(&b, "\n  filter = <<EOT\n%sEOT\n}\n", strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s.Filter))
	return b.String()
}

// moduleRef pins the module to our own release.
func moduleRef() string {
	if v := versionOf(); strings.HasPrefix(v, "v") && !strings.ContainsAny(v, "-+") {
		return "?ref=" + v
	}
	return ""
}
