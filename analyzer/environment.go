package analyzer

import (
	"bytes"
	"strings"
)

// Environments maps project ids and Kubernetes namespaces to the names of the
// environments they belong to. A namespace wins over its project.
type Environments map[string]string

// of names the environment of an entry: as configured, else as a label of the
// entry says, else as the namespace, the project id or the service name let
// see, else the project id, else unknown.
func (env Environments) of(id identity) string {
	if name := env[string(id.namespace)]; len(id.namespace) > 0 && name != "" {
		return name
	}
	if name := env[string(id.project)]; len(id.project) > 0 && name != "" {
		return name
	}
	if len(id.environment) > 0 {
		label := strings.ToLower(cleanName(id.environment))
		if name := environmentWord(label); name != "" {
			return name
		}
		return label
	}
	for _, name := range [...][]byte{id.namespace, id.project} {
		if found := environmentIn(name, false); found != "" {
			return found
		}
	}
	if found := environmentIn(id.name, true); found != "" {
		return found
	}
	if len(id.project) > 0 {
		return cleanName(id.project)
	}
	return unknownName
}

// environmentIn looks for an environment among the words of a name. In a
// service's name only the first and the last word count, and at the front
// only those that are no subject of their own: load-test-runner and live-chat
// say nothing about where they run.
func environmentIn(name []byte, service bool) string {
	words := bytes.FieldsFunc(bytes.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	for i := len(words) - 1; i >= 0; i-- {
		if service && i != 0 && i != len(words)-1 {
			continue
		}
		word := strings.TrimRight(string(words[i]), "0123456789")
		if service && i == 0 && (word == "live" || word == "test" || word == "qa" || len(words) == 1) {
			continue
		}
		found := environmentWord(word)
		if found == "production" && i > 0 {
			switch string(words[i-1]) {
			case "non", "no", "not":
				return "non-production"
			case "pre":
				return "staging"
			}
		}
		if found != "" {
			return found
		}
	}
	return ""
}

func environmentWord(word string) string {
	switch word {
	case "prod", "production", "prd", "live":
		return "production"
	case "stg", "stage", "staging", "preprod", "preproduction":
		return "staging"
	case "dev", "develop", "development":
		return "development"
	case "test", "testing", "tst", "qa", "uat":
		return "test"
	case "sandbox", "sbx":
		return "sandbox"
	case "nonprod", "nonproduction":
		return "non-production"
	}
	return ""
}

// projectOf returns P of projects/P/logs/….
func projectOf(logName []byte) []byte {
	rest, ok := bytes.CutPrefix(logName, []byte("projects/"))
	if !ok {
		return nil
	}
	if at := bytes.IndexByte(rest, '/'); at >= 0 {
		rest = rest[:at]
	}
	return rest
}

// workload guesses a Kubernetes workload from the name of one of its pods:
// orders-696f467951-x7k2p belongs to orders, db-0 to db.
func workload(pod []byte) []byte {
	at := bytes.LastIndexByte(pod, '-')
	if at <= 0 {
		return pod
	}
	owner, suffix := pod[:at], pod[at+1:]
	if len(suffix) != 5 {
		if len(bytes.Trim(suffix, "0123456789")) == 0 {
			return owner
		}
		return pod
	}
	if at = bytes.LastIndexByte(owner, '-'); at > 0 && len(owner)-at > 6 && len(owner)-at <= 11 &&
		len(bytes.Trim(owner[at+1:], "0123456789abcdef")) == 0 {
		return owner[:at]
	}
	return owner
}

// EnvironmentIn returns the environment that the name of a project or a
// namespace lets see, or "".
func EnvironmentIn(name string) string { return environmentIn([]byte(name), false) }
