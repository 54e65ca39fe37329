package analyzer

import (
	"fmt"
	"slices"
	"strings"
)

// SecretRef is where the value of a secret lies, as [KeyDomain].Secret names
// it.
type SecretRef struct {
	Kind     SecretKind
	Project  string // id or number; empty for a short name
	Location string // of a regional secret, such as europe-west3; empty: a global one
	Name     string // of the secret, the variable or the file
	Version  string // a number, when one is pinned; empty: the newest
}

// SecretKind tells what keeps a secret.
type SecretKind string

// The kinds of place that a secret may lie in.
const (
	InSecretManager SecretKind = "secret_manager"
	InEnvironment   SecretKind = "env"
	InFile          SecretKind = "file"
)

// ParseSecretRef reads a short name, projects/P/secrets/S or
// projects/P/locations/L/secrets/S with or without /versions/N, env:NAME, or
// file:PATH.
func ParseSecretRef(text string) (SecretRef, error) {
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		return SecretRef{Kind: InEnvironment, Name: name}, wanted(text, name != "" && !strings.ContainsAny(name, "=\x00 "))
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		return SecretRef{Kind: InFile, Name: path}, wanted(text, path != "")
	}
	ref := SecretRef{Kind: InSecretManager, Name: text}
	if !strings.Contains(text, "/") {
		return ref, wanted(text, text != "")
	}
	parts := strings.Split(text, "/")
	if len(parts)%2 != 0 {
		return ref, wanted(text, false)
	}
	ref.Name = ""
	last := -1 // each collection once, and none before its owner
	for i := 0; i < len(parts); i += 2 {
		at := slices.Index([]string{"projects", "locations", "secrets", "versions"}, parts[i])
		if parts[i+1] == "" || at <= last {
			return ref, wanted(text, false)
		}
		last = at
		switch value := parts[i+1]; parts[i] {
		case "projects":
			ref.Project = value
		case "locations":
			ref.Location = value
		case "secrets":
			ref.Name = value
		case "versions":
			if ref.Version = value; value == "latest" {
				ref.Version = ""
			}
		}
	}
	return ref, wanted(text, ref.Project != "" && ref.Name != "")
}

func wanted(found string, ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("wanted a secret's short name, projects/P/secrets/S, env:NAME or file:PATH, found %q", Excerpt(found, 100))
}

// String is the secret without its version, as the API of its keeper names it.
func (r SecretRef) String() string {
	switch {
	case r.Kind != InSecretManager:
		return string(r.Kind) + ":" + r.Name
	case r.Project == "":
		return r.Name
	case r.Location != "":
		return "projects/" + r.Project + "/locations/" + r.Location + "/secrets/" + r.Name
	}
	return "projects/" + r.Project + "/secrets/" + r.Name
}

// Short is the name that audit entries and people use.
func (r SecretRef) Short() string { return r.Name[strings.LastIndexByte(r.Name, '/')+1:] }
