package probe

import (
	"slices"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

func TestPrecedence(t *testing.T) {
	declared := []string{"JWT_SECRET_STAGING", "JWT_SECRET_KEY", "JWT_SECRET"}
	for _, tt := range []struct {
		name   string
		set    map[string]string
		order  []string // of the service; nil: as declared
		status analyzer.Status
		cause  analyzer.Cause
		says   string
	}{
		{"the strongest alone", map[string]string{"JWT_SECRET_STAGING": newestValue}, nil, analyzer.StatusOK, "", "from JWT_SECRET_STAGING, the first of"},
		{"the weakest alone", map[string]string{"JWT_SECRET": newestValue}, nil, analyzer.StatusOK, "", "from JWT_SECRET, the first of"},
		{"two with one value", map[string]string{"JWT_SECRET_KEY": newestValue, "JWT_SECRET": newestValue}, nil, analyzer.StatusOK, "", "from JWT_SECRET_KEY"},
		{"two values, the right one wins", map[string]string{"JWT_SECRET_STAGING": newestValue, "JWT_SECRET": olderValue}, nil, analyzer.StatusWarn, "", "JWT_SECRET is set to another value and covered"},
		{"two values, the wrong one wins", map[string]string{"JWT_SECRET_STAGING": olderValue, "JWT_SECRET": newestValue}, nil, analyzer.StatusFail, "env.precedence_conflict", "from JWT_SECRET_STAGING, which holds version 1 of jwt-main (staging), and covers JWT_SECRET"},
		{"another order", map[string]string{"JWT_SECRET_STAGING": newestValue, "JWT_SECRET": olderValue}, []string{"JWT_SECRET", "JWT_SECRET_STAGING"}, analyzer.StatusFail, "env.precedence_conflict", "it should be JWT_SECRET_STAGING"},
		{"another order, one value", map[string]string{"JWT_SECRET_STAGING": newestValue, "JWT_SECRET": newestValue}, []string{"JWT_SECRET", "JWT_SECRET_STAGING"}, analyzer.StatusWarn, "", "the same value"},
		{"none is set", nil, nil, analyzer.StatusFail, "key.secret_missing", "none of JWT_SECRET_STAGING > JWT_SECRET_KEY > JWT_SECRET is set"},
		{"one is empty", map[string]string{"JWT_SECRET_KEY": ""}, nil, analyzer.StatusFail, "key.secret_empty", "is empty"},
		{"it looks for another name", map[string]string{"JWT_SECRET": newestValue}, []string{"AUTH_JWT_KEY"}, analyzer.StatusFail, "startup.env_not_loaded", "looks for AUTH_JWT_KEY"},
		{"it finds another name", map[string]string{"AUTH_JWT_KEY": newestValue}, []string{"JWT_SECRET", "AUTH_JWT_KEY"}, analyzer.StatusWarn, "startup.env_not_loaded", "from AUTH_JWT_KEY, which is not declared"},
		{"it tells of no chain", nil, []string{}, analyzer.StatusUnknown, "", "does not say which variables"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			order := tt.order
			if order == nil {
				order = declared
			}
			held := healthjwt.FromEnv(func(n string) (string, bool) { v, ok := tt.set[n]; return v, ok }, order...)
			f := &fleet{services: map[string]healthjwt.Config{"orders": serving1(held)}, ref: environmentVersions(), env: map[string][]string{"orders": declared}}
			r := f.check(t, "precedence")["orders"]
			conform(t, []analyzer.ProbeResult{r}, newestValue)
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
			if slices.Contains(r.Refutes, "env.precedence_conflict") != (tt.status == analyzer.StatusOK) {
				t.Errorf("it rules out %v", r.Refutes)
			}
		})
	}
}
