package rules

import (
	"regexp"
	"strings"

	"github.com/why401/why401/analyzer"
)

// A traceback tells its cause on one line and its way there on fifty. Peeling
// takes the frames away, so that source lines quoted in them (`raise
// ExpiredSignatureError("Signature has expired")`) count for nothing, and puts
// the innermost cause first.

// causeMarks stand before the inner exception of a chain: the JVM prints
// "Caused by:" (Throwable.printStackTrace), .NET " ---> "
// (Exception.ToString), Node "[cause]:" (util.inspect).
var causeMarks = []string{"Caused by: ", " ---> ", "[cause]: ", "Caused by : "}

// peel strips frames from every part and splits chains of exceptions, the
// innermost before the outer ones. What it took away comes back beside them:
// frames tell no reason, but whose code was at work.
func peel(in []part) (out []part, frames string) {
	out = in[:0:0]
	for _, p := range in {
		text := p.Text
		if strings.IndexByte(text, '\n') >= 0 {
			var taken string
			text, taken = withoutFrames(text)
			frames += taken
		} else if continuation(text) || idle(text) {
			continue
		}
		chain := splitCauses(text)
		for i := len(chain) - 1; i >= 0; i-- {
			if strings.TrimSpace(chain[i]) != "" {
				out = append(out, part{p.Path, chain[i]})
			}
		}
	}
	return out, frames
}

// splitCauses cuts a text before each cause mark.
func splitCauses(text string) []string {
	var chain []string
	for {
		at, skip := -1, 0
		for _, m := range causeMarks {
			if i := strings.Index(text, m); i >= 0 && (at < 0 || i < at) {
				at, skip = i, len(m)
			}
		}
		if at < 0 {
			return append(chain, text)
		}
		chain = append(chain, text[:at])
		text = text[at+skip:]
	}
}

// withoutFrames parts the lines of a text that only tell where it happened
// from the others.
func withoutFrames(text string) (rest, taken string) {
	var b, gone strings.Builder
	b.Grow(len(text))
	quoted := false // the next line is source code that a Python frame quotes
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, "\r\n")
		if quoted && strings.HasPrefix(bare, "    ") {
			quoted = strings.Contains(bare, "^^^") || !strings.HasPrefix(strings.TrimSpace(bare), "File ")
			continue
		}
		quoted = pythonLine(bare)
		switch {
		case quoted || frame(bare):
			gone.WriteString(line)
		case !idle(bare):
			b.WriteString(line)
		}
	}
	return b.String(), gone.String()
}

var frames = regexp.MustCompile(`^\s*(?:` +
	`at [^\s].*[(:]\d+.*$|at [\w$.<>/\[\]` + "`" + ` ]+\(.*\)?.*$|at (?:async |new |Object\.|process\.|Module\.|/|node:|file:).*$` + // JVM, Node, .NET
	`|\.\.\. \d+ (?:more|common frames omitted).*` +
	`|in [\w./<>]+ \(.*\)$` +
	`|(?:from )?\S+\.rb:\d+:in ['` + "`" + `][^'` + "`" + `\n]*'` + // Ruby, whose uncaught exception begins with one and a colon
	`|#\d+ .*` + // PHP
	`|(?:panic|[\w*()-]*[./][\w./*()-]*)\(.*\)(?: in goroutine \d+)?$|\t?/?[\w./@-]+\.go:\d+.*|goroutine \d+ \[.*` + // Go
	`|Traceback \(most recent call last\):|During handling of the above exception.*|The above exception was the direct cause.*` + // Python
	`|--- End of .*stack trace.*` + // .NET
	`|[~^\s]+` +
	`)$`)

// frame reports whether a line is a stack frame or a seam between two.
func frame(line string) bool {
	bare := strings.TrimLeft(line, " \t")
	return placed(bare) || mayBeFrame(bare) && frames.MatchString(line)
}

// placed reports whether a line says "at" and, further on, a line number
// behind a colon or a parenthesis: nearly all frames of the JVM and of Node.
func placed(line string) bool {
	if !strings.HasPrefix(line, "at ") || len(line) < len("at x:1") || line[3] == ' ' || line[3] == '\t' {
		return false
	}
	for i := len("at x"); i+1 < len(line); i++ {
		if (line[i] == ':' || line[i] == '(') && line[i+1] >= '0' && line[i+1] <= '9' {
			return true
		}
	}
	return false
}

// frameHeads are how the lines of frames begin that have a word of their own.
var frameHeads = []string{"at ", "...", "in ", "from ", "#", "Traceback", "During", "The above", "---", "goroutine", "~", "^"}

// mayBeFrame keeps the expression away from the lines that it cannot match:
// nearly all of them.
func mayBeFrame(line string) bool {
	for _, h := range frameHeads {
		if strings.HasPrefix(line, h) {
			return true
		}
	}
	if open := strings.IndexByte(line, '('); open > 0 && strings.IndexByte(line[:open], ' ') < 0 {
		return true
	}
	return strings.Contains(line, ".go:") || strings.Contains(line, ".rb:")
}

// pythonLine reports whether a line is `File "main.py", line 7`.
func pythonLine(line string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), `File "`)
	if !ok {
		return false
	}
	_, number, ok := strings.Cut(rest, `"`)
	number, numbered := strings.CutPrefix(number, ", line ")
	return ok && numbered && number != "" && number[0] >= '0' && number[0] <= '9'
}

// code is a source line as a Python frame quotes it, or an inspected object's
// member as Node prints it after a stack.
var code = regexp.MustCompile(`^(?: {2,}|\t)(?:(?:raise|return|try:|if|for|with|await|def|except|else:|elif|yield|assert|throw|catch|const|let|var|self\.|[\w.\[\]', ]+ ?[-+]?= )` +
	`|[\w.\[\]]+\(.*$|\w+: .*,?$|[)\]}]+[,;]?$|'.*',?$|"[\w ]+": .*,?$|[\w\[\], .*()]+$|\.\.\..*$|\[?\w+\]?: .*$)`)

// tracebackHead begins a Python traceback; as an entry of its own it says that
// the lines after it belong together.
const tracebackHead = "Traceback (most recent call last)"

// exceptionLine is the bare line that ends a Python traceback.
var exceptionLine = regexp.MustCompile(`^[A-Za-z_][\w.]*(?:Error|Exception|Expired|Invalid|Failure|Timeout)\w*(?::|$)`)

// stackPart tells which part of a cut traceback an entry is.
func stackPart(e *analyzer.Entry) analyzer.StackPart {
	if len(e.Fields) > 0 || e.HTTP != nil {
		return analyzer.StackNone
	}
	line := strings.TrimRight(e.Message, "\r\n")
	switch {
	case strings.Contains(line, "\n"):
		return analyzer.StackNone
	case strings.HasPrefix(line, tracebackHead):
		return analyzer.StackStart
	case exceptionLine.MatchString(line):
		return analyzer.StackEnd
	}
	return analyzer.StackNone
}

// continuation reports whether a whole text is one line of a traceback that
// was cut into many entries.
func continuation(text string) bool {
	line := strings.TrimRight(text, "\r\n ")
	if line == "" {
		return false
	}
	if pythonLine(line) || frame(line) {
		return true
	}
	if strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t") {
		return code.MatchString(line)
	}
	return line == "}" || line == "}," || line == "]" || line == ")"
}
