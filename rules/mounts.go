package rules

import (
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// A deploy's audit entry lists the secrets that the revision takes, and under
// which variable or volume: Cloud Run's v1 API (and Kubernetes) as
// env[].valueFrom.secretKeyRef{name,key} and volumes[].secret{secretName},
// its v2 API as env[].valueSource.secretKeyRef{secret,version} and
// volumes[].secret{secret}, Kubernetes also as envFrom[].secretRef{name} and
// volumes[].csi with a SecretProviderClass.

// maxMounts bounds what is kept of one deploy.
const maxMounts = 32

// noMounts stands for a revision that refers to no secret, which is not the
// same as one whose references are not told.
const noMounts = "-"

// ref is one reference under way.
type ref struct{ name, secret, version string }

// mounts returns the secret references of a deploy as NAME=SECRET@VERSION,
// separated by blanks; [noMounts] when it lists none, and nothing when it does
// not list its containers at all. Where an entry carries request and
// response, the response is what the platform made of it.
func mounts(e *analyzer.Entry) string {
	refs := map[string]*ref{}
	var order []string
	containers, answered := false, false
	for _, f := range e.Fields {
		answered = answered || strings.HasPrefix(f.Path, "response.") && strings.Contains(f.Path, ".containers.")
	}
	for _, f := range e.Fields {
		if answered && strings.HasPrefix(f.Path, "request.") {
			continue
		}
		containers = containers || strings.Contains(f.Path, ".containers.")
		item, set := reference(f)
		if set == nil {
			continue
		}
		if refs[item] == nil {
			refs[item] = &ref{}
			order = append(order, item)
		}
		set(refs[item])
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
	if len(out) == 0 && containers {
		return noMounts
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

// reference tells to which item of a list a field belongs and what it says of
// it; set is nil for other fields.
func reference(f analyzer.Field) (item string, set func(*ref)) {
	for _, list := range []string{".env.", ".envFrom.", ".volumes."} {
		if !strings.Contains(f.Path, list) {
			continue
		}
		item, leaf := splitItem(f.Path, list)
		switch leaf {
		case "name":
			name := f.Value
			if list == ".volumes." {
				name = analyzer.VolumePrefix + name
			}
			return item, func(r *ref) { r.name = name }
		case "valueFrom.secretKeyRef.name", "valueSource.secretKeyRef.secret", "secret.secretName", "secret.secret", "csi.volumeAttributes.secretProviderClass":
			return item, func(r *ref) { r.secret = f.Value }
		case "secretRef.name":
			return item, func(r *ref) { r.name, r.secret = "envFrom/"+f.Value, f.Value }
		case "valueFrom.secretKeyRef.key", "valueSource.secretKeyRef.version", "secret.items.0.key", "secret.items.0.version":
			return item, func(r *ref) { r.version = f.Value }
		}
	}
	return "", nil
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
