package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/why401/why401/analyzer"
)

// Many services log their requests themselves, as text or as JSON, beside or
// instead of the platform's request log. Only the status of such a line is
// used, and only where the line is an access line beyond doubt.

// accessLines are the text forms: common/combined log format (nginx, Apache,
// Envoy), HAProxy's httplog, the Gin and Fiber loggers, Morgan's dev format,
// the access loggers of Tornado and Sanic.
var accessLines = regexp.MustCompile(
	`"[A-Z]{3,7} [^"]+ HTTP/[0-9.]+" ([1-5][0-9][0-9])\b` +
		`|\s[0-9/+-]+/[0-9+-]+ ([1-5][0-9][0-9]) [0-9+]+ .{2,40} ".*"|/[0-9-]+ ([1-5][0-9][0-9]) [0-9]+ [A-Z-]{4} ` +
		`|\| +([1-5][0-9][0-9]) +\| +[0-9.]+[nµm]?s +\|` +
		`|\] ([1-5][0-9][0-9]) (?:GET|POST|PUT|PATCH|DELETE|HEAD) /` +
		`|^(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /\S* ([1-5][0-9][0-9]) [0-9.]+ ?ms` +
		`|tornado\.access\S* ([1-5][0-9][0-9]) [A-Z]{3,7} /` +
		`|\(sanic\.access\).*: [A-Z]{3,7} https?://\S+ +([1-5][0-9][0-9]) `)

// accessMarks are cheap to look for: every access line carries one of them.
var accessMarks = []string{"HTTP/", " | ", "<NOSRV>", "] 40", "] 20", " ms", "tornado.access", "(sanic.access)"}

// longestAccessLine bounds what is looked at.
const longestAccessLine = 4 << 10

// statusFields and the fields that must stand beside one of them.
var (
	statusFields = []string{"status", "statusCode", "status_code", "res.statusCode", "response.status", "response.status_code", "http.status_code",
		"http.response.status_code", "responseStatus", "response_code", "httpRequest.status"}
	requestFields = []string{"method", "uri", "path", "url", "req.url", "req.method", "request.method", "http.method", "http.request.method", "request_method", "requestMethod",
		"httpRequest.requestMethod", "http.target", "route", "responseTime", "reqId"}
)

// loggedStatus returns the HTTP status that an application's own access line
// tells, or 0.
func loggedStatus(e *analyzer.Entry) int {
	if len(e.Fields) == 0 {
		return lineStatus(e.Message)
	}
	for _, f := range statusFields {
		v := e.Field(f)
		if v == "" {
			continue
		}
		for _, r := range requestFields {
			if e.Field(r) != "" {
				n, err := strconv.Atoi(v)
				if err != nil || n < 100 || n > 599 {
					return 0
				}
				return n
			}
		}
	}
	return lineStatus(e.Message)
}

func lineStatus(line string) int {
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if idle(line) || len(line) > longestAccessLine || !slices.ContainsFunc(accessMarks, func(mark string) bool { return strings.Contains(line, mark) }) {
		return 0
	}
	m := accessLines.FindStringSubmatch(line)
	for _, s := range m {
		if n, err := strconv.Atoi(s); err == nil {
			return n
		}
	}
	return 0
}
