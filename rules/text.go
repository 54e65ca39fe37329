package rules

import (
	"regexp"
	"strings"

	"github.com/why401/why401/analyzer"
)

// part is one text of an entry that may tell the reason.
type part Text

// parts returns the texts of an entry, those that name causes first: an error
// field says more than the message beside it, which says more than the rest.
// What a client chose (user agent, URL, headers, bodies) is left out: it is
// not the service speaking.
func parts(e *analyzer.Entry) []part {
	var first, second, third []part
	if e.Message != "" {
		second = append(second, part{"message", plain(e.Message)})
	}
	for _, f := range e.Fields {
		p := part{f.Path, f.Value}
		if goZero(e, f) {
			p.Text, _, _ = strings.Cut(f.Value, "\n=> ")
		}
		switch useOf(e, f) {
		case usedAsCause:
			first = append(first, p)
		case usedAsMessage:
			second = append(second, p)
		case usedLast:
			third = append(third, p)
		}
	}
	return append(append(first, second...), third...)
}

// FieldUse says what a field of a payload is to the rules.
type FieldUse string

const (
	usedAsCause   FieldUse = "read first, it names a cause"
	usedAsMessage FieldUse = "read"
	usedLast      FieldUse = "read last"
	isMessage     FieldUse = "the message"
	notOurs       FieldUse = "not read, a caller's words or a place in the source"
	leftOut       FieldUse = "not read, too short or a number"
)

func useOf(e *analyzer.Entry, f analyzer.Field) FieldUse {
	key := lastKey(f.Path)
	switch {
	case f.Value == e.Message:
		return isMessage
	case goZero(e, f):
		return usedAsMessage
	case foreign(f.Path):
		return notOurs
	case causeKeys[key]:
		return usedAsCause
	case messageKeys[key]:
		return usedAsMessage
	case len(f.Value) >= 8 && !plainNumber(f.Value):
		return usedLast
	}
	return leftOut
}

// colour is a terminal's colour code, as development loggers leave it, with or
// without the escape byte that a log agent may have dropped.
var colour = regexp.MustCompile(`\x1b?\[[0-9;]{1,12}m`)

func plain(s string) string {
	for i := 0; ; i++ {
		k := strings.IndexByte(s[i:], '[')
		if k < 0 {
			return s
		}
		i += k
		end := i + 1
		for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == ';') {
			end++
		}
		if end > i+1 && end < len(s) && s[end] == 'm' {
			break
		}
	}
	return colour.ReplaceAllString(s, " ")
}

var causeKeys = set("error", "err", "exception", "exc_info", "exc_text", "cause", "reason", "error_description", "error_message",
	"errormessage", "error_code", "errorcode", "code", "detail", "details", "inner", "stack", "stack_trace", "stacktrace", "traceback", "thrown", "throwable",
	"root_cause", "causedby", "err_msg", "errmsg", "description", "response_code_details", "status_details", "failure", "failure_reason")

var messageKeys = set("message", "msg", "log", "text", "event", "summary", "title", "short_message", "name", "type", "error_name", "class", "kind", "status_text", "statusmessage")

// foreignKeys hold what a caller sent, or what names a place in the source.
var foreignKeys = set("user_agent", "useragent", "http_user_agent", "ua", "referer", "referrer", "url", "uri", "path", "request_url", "requesturl", "request_uri", "query",
	"query_string", "headers", "header", "cookies", "cookie", "body", "request_body", "requestbody", "response_body", "prompt", "completion", "content", "params", "form", "host",
	"remote_ip", "remote_addr", "caller", "file", "filename", "function", "func", "line", "lineno", "pathname", "module", "source_location", "sourcelocation", "email", "subject_line")

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// foreign reports whether any key on the path holds a caller's words.
func foreign(path string) bool {
	for path != "" {
		key, rest, _ := strings.Cut(path, ".")
		if foreignKeys[strings.ToLower(strings.ReplaceAll(key, "-", "_"))] {
			return true
		}
		path = rest
	}
	return false
}

// goZero reports whether a field is the message of go-zero's logger, which
// calls it content (github.com/zeromicro/go-zero core/logx, writer.go) where
// others so call what a caller sent. Its own fields stand beside it. Where
// rest/handler's authhandler.go refuses a request it dumps it below the words,
// after an arrow: that part is the caller's.
func goZero(e *analyzer.Entry, f analyzer.Field) bool {
	return f.Path == "content" && e.Message == "" && e.Field("@timestamp") != "" && e.Field("caller") != ""
}

func lastKey(path string) string {
	key := path
	for {
		i := strings.LastIndexByte(key, '.')
		last := key[i+1:]
		if !plainNumber(last) || i < 0 {
			return strings.ToLower(strings.ReplaceAll(last, "-", "_"))
		}
		key = key[:i]
	}
}

func plainNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] < '0' || s[i] > '9') && s[i] != '.' && s[i] != '-' {
			return false
		}
	}
	return s != ""
}
