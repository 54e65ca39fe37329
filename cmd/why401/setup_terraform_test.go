package main

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/why401/why401/sinks/logexport"
)

// What Terraform reads in the printed call is what was meant, whatever a
// filter holds.
func TestModuleCall(t *testing.T) {
	for name, filter := range map[string]string{
		"plain":     "severity>=ERROR\n",
		"quotes":    "textPayload:\"jwt\" AND logName:\"a%2Fb\"\n",
		"regex":     "textPayload=~\"(^|[^0-9A-Za-z.])40[13]($|[^\\\\d])\"\n",
		"templates": "textPayload:\"${x} %{if} $${y}\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := logexport.Spec{Project: "acme-prod", Filter: filter, Secrets: []string{"projects/p/secrets/a", "projects/p/secrets/b"}}
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			f, d := hclsyntax.ParseConfig([]byte(moduleCall(s)), "main.tf", hcl.InitialPos)
			if d.HasErrors() {
				t.Fatal(d)
			}
			attributes := f.Body.(*hclsyntax.Body).Blocks[0].Body.Attributes
			got, d := attributes["filter"].Expr.Value(nil)
			if d.HasErrors() || got.AsString() != filter {
				t.Errorf("filter %#v (%v); want %q", got, d, filter)
			}
			if secrets, d := attributes["secrets"].Expr.Value(nil); d.HasErrors() || secrets.LengthInt() != 2 {
				t.Errorf("secrets %#v (%v); want two", secrets, d)
			}
		})
	}
}
