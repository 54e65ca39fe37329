package rules

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// valuesAt returns what stands at a path of a decoded entry; of a repeated
// field, all of it.
func valuesAt(v any, path []string) []any {
	if list, ok := v.([]any); ok {
		var out []any
		for _, x := range list {
			out = append(out, valuesAt(x, path)...)
		}
		return out
	}
	if len(path) == 0 {
		if v == nil {
			return nil
		}
		return []any{v}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	if x, ok := m[path[0]]; ok {
		return valuesAt(x, path[1:])
	}
	for name, x := range m { // the names of fields ignore case, too
		if strings.EqualFold(name, path[0]) {
			return valuesAt(x, path[1:])
		}
	}
	return nil
}

// contains reports whether a text stands in a value, or in any value below it.
func contains(v any, text string) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			if contains(x, text) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(v, func(x any) bool { return contains(x, text) })
	case nil:
		return false
	}
	return strings.Contains(strings.ToLower(textOf(v)), strings.ToLower(text))
}

func equals(v any, text string) bool {
	s := textOf(v)
	if strings.EqualFold(s, text) {
		return true
	}
	a, errA := strconv.ParseFloat(s, 64)
	b, errB := strconv.ParseFloat(text, 64)
	return errA == nil && errB == nil && a == b
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// severityNames are in the order of the LogSeverity enum.
var severityNames = []string{"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}

// ordered compares severities by rank, numbers by value, and all else, such as
// times of one form, by text.
func ordered(path []string, have, op, want string) bool {
	c := strings.Compare(have, want)
	a, errA := strconv.ParseFloat(have, 64)
	b, errB := strconv.ParseFloat(want, 64)
	switch {
	case len(path) == 1 && path[0] == "severity":
		c = slices.Index(severityNames, strings.ToUpper(have)) - slices.Index(severityNames, strings.ToUpper(want))
	case errA == nil && errB == nil && a < b:
		c = -1
	case errA == nil && errB == nil && a > b:
		c = 1
	case errA == nil && errB == nil:
		c = 0
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}
