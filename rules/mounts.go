package rules

import (
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// A deploy's audit entry lists the secrets that the revision takes, and under
// which variable or path: Cloud Run's v1 API (and Kubernetes) as
// env[].valueFrom.secretKeyRef{name,key} and volumes[].secret{secretName},
// its v2 API as env[].valueSource.secretKeyRef{secret,version} and
// volumes[].secret{secret}.

// maxMounts bounds what is kept of one deploy.
const maxMounts = 32

// mounts returns the secret references of a deploy as
// NAME=SECRET@VERSION, separated by blanks; empty when it lists none.
func mounts(e *analyzer.Entry) string {
	type ref struct{ name, secret, version string }
	refs := map[string]*ref{}
	var order []string
	at := func(key string) *ref {
		if refs[key] == nil {
			refs[key] = &ref{}
			order = append(order, key)
		}
		return refs[key]
	}
	for _, f := range e.Fields {
		switch {
		case strings.Contains(f.Path, ".env."):
			item, leaf := splitItem(f.Path, ".env.")
			switch leaf {
			case "name":
				at(item).name = f.Value
			case "valueFrom.secretKeyRef.name", "valueSource.secretKeyRef.secret":
				at(item).secret = f.Value
			case "valueFrom.secretKeyRef.key", "valueSource.secretKeyRef.version":
				at(item).version = f.Value
			}
		case strings.Contains(f.Path, ".volumes."):
			item, leaf := splitItem(f.Path, ".volumes.")
			switch leaf {
			case "name":
				at(item).name = f.Value
			case "secret.secretName", "secret.secret":
				at(item).secret = f.Value
			case "secret.items.0.key", "secret.items.0.version":
				at(item).version = f.Value
			}
		}
	}
	var out []string
	for _, key := range order {
		if r := refs[key]; r.name != "" && r.secret != "" && len(out) < maxMounts && !strings.ContainsAny(r.name+r.secret+r.version, " =@") {
			if r.version == "" {
				r.version = "latest"
			}
			out = append(out, r.name+"="+r.secret+"@"+r.version)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

// splitItem cuts a path after the index that follows list.
func splitItem(path, list string) (item, leaf string) {
	i := strings.Index(path, list) + len(list)
	dot := strings.IndexByte(path[i:], '.')
	if dot < 0 {
		return path, ""
	}
	return path[:i+dot], path[i+dot+1:]
}
