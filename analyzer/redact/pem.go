package redact

import "strings"

const (
	maxPEM       = 64 << 10
	maxLabel     = 80
	pemDashes    = "-----"
	pemBeginMark = "-----BEGIN"
	pemEndMark   = "-----END"
)

// pem replaces a PEM block, whole or cut short, its line breaks escaped or not.
func (r *redactor) pem(i int) int {
	s := r.s
	label, body := pemLabel(s, i+len(pemBeginMark))
	if label == "" {
		return 0
	}
	if !r.pemRead || r.pemEnd < body {
		r.pemRead, r.pemEnd = true, len(s)
		if at := strings.Index(s[body:], pemEndMark); at >= 0 {
			r.pemEnd = body + at
		}
	}
	to := body
	if r.pemEnd < len(s) && r.pemEnd-body <= maxPEM {
		to = r.pemEnd + len(pemEndMark)
		if _, end := pemLabel(s, to); end > to {
			to = end
		}
	} else {
		to = pemBody(s, body)
	}
	r.replace(i, to, "[pem "+label+"]")
	return to
}

// pemLabel reads the label that follows BEGIN and END, its blanks as they are
// or percent-encoded, and returns the end of the dashes behind it.
func pemLabel(s string, i int) (label string, end int) {
	line := s[i:min(len(s), i+maxLabel)]
	at := strings.Index(line, pemDashes)
	if at <= 0 {
		return "", 0
	}
	label = line[:at]
	if strings.ContainsAny(label, "%+") {
		label = strings.NewReplacer("%2520", " ", "%20", " ", "+", " ").Replace(label)
	}
	if label[0] != ' ' || runEnd(label, 0, kindUpper|kindDigit|kindSpace, maxLabel) < len(label) || strings.ContainsAny(label, "\t\r\n") {
		return "", 0
	}
	return strings.TrimSpace(label), i + at + len(pemDashes)
}

// pemBody returns the end of a PEM body that has no end line: lines of base64,
// the last of them perhaps short.
func pemBody(s string, i int) int {
	for i < len(s) {
		j := skipBreak(s, i)
		for strings.HasPrefix(s[j:], "%0") { // %0D%0A
			j = min(len(s), j+3)
		}
		end := credentialEnd(s, j)
		if end-j < 16 && !(end > j && isLineEnd(s, end)) {
			return i
		}
		i = end
	}
	return i
}

// pemTail replaces the lines of a PEM block whose beginning was cut off, with
// its end line at i.
func (r *redactor) pemTail(i int) int {
	label, to := pemLabel(r.s, i+len(pemEndMark))
	if label == "" {
		return 0
	}
	from := i
	for from > r.last && i-from < maxPEM {
		line := lineBefore(r.s, from, r.last)
		if line < 0 || from-line < 12 && from != i {
			break
		}
		from = line
	}
	if from == i {
		return 0
	}
	r.replace(from, to, "[pem "+label+"]")
	return to
}

// lineBefore returns the start of the line of base64 that ends, with its line
// break, at i, or -1 when there is none. It does not go below floor.
func lineBefore(s string, i, floor int) int {
	end := i
	for end > floor && (s[end-1] == '\n' || s[end-1] == '\r') {
		end--
	}
	for end > floor+1 && (s[end-1] == 'n' || s[end-1] == 'r') && s[end-2] == '\\' {
		end = slashesBefore(s, end-1, max(floor, end-5))
	}
	if end == i {
		return -1
	}
	from := runStart(s, end, kindBase64, max(floor, end-2*maxLabel))
	if from < end && from > floor && s[from-1] == '\\' && (s[from] == 'n' || s[from] == 'r') {
		from++
	}
	if from == end || from > 0 && from > floor && s[from-1] != '\n' && s[from-1] != 'n' && s[from-1] != 'r' && kinds[s[from-1]]&kindQuote == 0 && s[from-1] != '.' {
		return -1
	}
	return from
}
