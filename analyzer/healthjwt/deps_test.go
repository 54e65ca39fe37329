package healthjwt

import (
	"os/exec"
	"strings"
	"testing"
)

// Services import this package: it brings them golang-jwt and nothing else.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, dep := range strings.Fields(string(out)) {
		if dep != "github.com/golang-jwt/jwt/v5" && dep != "github.com/why401/why401/analyzer/healthjwt" {
			t.Errorf("depends on %s; want the standard library and golang-jwt only", dep)
		}
	}
}
