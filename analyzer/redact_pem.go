package analyzer

import "strings"

const (
	maxPEM     = 64 << 10
	pemDashes  = "-----"
	pemEndMark = "-----END"
)

// pem replaces a PEM block, whole or cut short, its line breaks escaped or not.
func (r *redactor) pem(i int) int {
	s := r.s
	label := s[i+len("-----BEGIN "):]
	n := runEnd(label, 0, kindUpper|kindDigit|kindSpace, 40)
	label, rest := label[:n], label[n:]
	if n == 0 || !strings.HasPrefix(rest, pemDashes) || strings.ContainsAny(label, "\t\r\n") {
		return 0
	}
	body := len(s) - len(rest) + len(pemDashes)
	if !r.pemRead || r.pemEnd < body {
		r.pemRead, r.pemEnd = true, len(s)
		if at := strings.Index(s[body:], pemEndMark); at >= 0 {
			r.pemEnd = body + at
		}
	}
	to := body
	if r.pemEnd < len(s) && r.pemEnd-body <= maxPEM {
		to = r.pemEnd + len(pemEndMark)
		to = runEnd(s, to, kindUpper|kindDigit|kindSpace, 40)
		if strings.HasPrefix(s[to:], pemDashes) {
			to += len(pemDashes)
		}
	} else {
		to = pemBody(s, body)
	}
	r.replace(i, to, "[pem "+strings.TrimSpace(label)+"]")
	return to
}

// pemBody returns the end of a PEM body that has no end line: lines of base64,
// the last of them perhaps short.
func pemBody(s string, i int) int {
	for i < len(s) {
		j := skipBreak(s, i)
		end := runEnd(s, j, kindBase64, len(s))
		if end-j < 16 && !(end > j && isLineEnd(s, end)) {
			return i
		}
		i = end
	}
	return i
}
