package analyzer

import "bytes"

// selfLabelName marks the entries that why401 itself writes.
const selfLabelName = "why401.self"

// payload reads the payload at v: checks its structure and collects its text.
func (d *Decoder) payload(v, kind int) (end int) {
	e := &d.envelope
	if v < len(d.b) && d.b[v] == 'n' {
		e.payloads[kind] = span{}
		e.payloadCount += 2 // what was collected before may belong to this field
		return d.skip(v, 2)
	}
	e.payloadCount++
	if end = d.collectPayload(v, kind); end > 0 {
		e.payloads[kind] = span{v, end}
	}
	return end
}

// recollect gathers the text again from the payloads that count, for the odd
// entry that has more than one payload or one of them twice.
func (d *Decoder) recollect() {
	e := &d.envelope
	e.text, d.text = nil, d.text[:0]
	e.selfPayload, e.serviceName = false, nil
	var all []byte
	for kind, at := range e.payloads {
		if at.to == 0 {
			continue
		}
		d.text = d.text[:0]
		e.text = nil
		d.collectPayload(at.from, kind)
		if len(all) > 0 && len(e.text) > 0 {
			all = append(all, '\n')
		}
		all = append(all, e.text...)
	}
	e.text = all
}

// collectPayload collects the text of one payload. A textPayload without
// escapes is not copied.
func (d *Decoder) collectPayload(v, kind int) (end int) {
	e := &d.envelope
	switch {
	case kind == payloadText:
		if v >= len(d.b) || d.b[v] != '"' {
			return d.skip(v, 2)
		}
		closing, escaped := d.str(v + 1)
		if closing < 0 {
			return -1
		}
		e.text = d.b[v+1 : closing]
		if escaped {
			d.text = appendUnescaped(d.text, e.text)
			e.text = d.text
		}
		return closing + 1
	case v < len(d.b) && d.b[v] == '{':
		end = d.payloadObject(v, kind)
	default:
		d.text, end = d.collect(d.text, v, 2, true)
	}
	e.text = d.text
	return end
}

// payloadObject reads the object of a jsonPayload or protoPayload and the few
// fields of its first level that matter for themselves.
func (d *Decoder) payloadObject(v, kind int) int {
	e := &d.envelope
	i, done := d.begin(v, '}')
	for more := true; more && !done; {
		key, at := d.member(i)
		if at < 0 {
			return -1
		}
		if d.text, i = d.collect(d.text, at, 3, true); i < 0 {
			return -1
		}
		switch string(key) {
		case selfLabelName:
			e.selfPayload = isTrue(d.b[at:i])
		case "labels", "logging.googleapis.com/labels":
			if bytes.Contains(d.b[at:i], []byte(selfLabelName)) && d.labelsSaySelf(at) {
				e.selfPayload = true
			}
		case "serviceName", "service_name":
			if kind == payloadProto {
				e.serviceName, _ = d.value(at, 3)
			}
		}
		if i, more = d.more(i, '}'); i < 0 {
			return -1
		}
	}
	return i
}

// labelsSaySelf reads the labels of a payload, whose structure is known to be
// right.
func (d *Decoder) labelsSaySelf(v int) (self bool) {
	if d.b[v] != '{' {
		return false
	}
	i, done := d.begin(v, '}')
	for more := true; more && !done; {
		key, at := d.member(i)
		i = d.skip(at, 4)
		if string(key) == selfLabelName {
			self = isTrue(d.b[at:i])
		}
		i, more = d.more(i, '}')
	}
	return self
}

// isTrue reports whether a raw JSON value is true or "true".
func isTrue(raw []byte) bool {
	return string(raw) == `"true"` || string(raw) == "true"
}

// collect reads the value at i and appends its strings to dst, each on a line
// of its own. Inner says whether to look into strings that are JSON objects.
func (c *cursor) collect(dst []byte, i, depth int, inner bool) ([]byte, int) {
	if i >= len(c.b) {
		return dst, c.fail(i, "a value")
	}
	switch c.b[i] {
	case '"':
		end, escaped := c.str(i + 1)
		if end < 0 {
			return dst, -1
		}
		return appendLeaf(dst, c.b[i+1:end], escaped, inner), end + 1
	case '{':
		if depth > maxEntryDepth {
			return dst, c.tooDeep(i)
		}
		i, done := c.begin(i, '}')
		for more := true; more && !done; {
			_, v := c.member(i)
			if v < 0 {
				return dst, -1
			}
			if dst, i = c.collect(dst, v, depth+1, inner); i < 0 {
				return dst, -1
			}
			if i, more = c.more(i, '}'); i < 0 {
				return dst, -1
			}
		}
		return dst, i
	case '[':
		if depth > maxEntryDepth {
			return dst, c.tooDeep(i)
		}
		i, done := c.begin(i, ']')
		for more := true; more && !done; {
			if dst, i = c.collect(dst, c.space(i), depth+1, inner); i < 0 {
				return dst, -1
			}
			if i, more = c.more(i, ']'); i < 0 {
				return dst, -1
			}
		}
		return dst, i
	}
	return dst, c.scalar(i)
}

// appendLeaf appends one string. If it is a JSON object in which escapes
// remain, its own strings follow, because a rule's text may hold the very
// characters that are escaped.
func appendLeaf(dst, raw []byte, escaped, inner bool) []byte {
	if len(raw) == 0 {
		return dst
	}
	if len(dst) > 0 {
		dst = append(dst, '\n')
	}
	from := len(dst)
	if !escaped {
		return append(dst, raw...)
	}
	dst = appendUnescaped(dst, raw)
	if s := dst[from:]; inner && bytes.IndexByte(s, '\\') >= 0 {
		if within, ok := innerObject(s); ok {
			dst, _ = within.collect(dst, 0, 1, false)
		}
	}
	return dst
}

// innerObject reports whether s is a JSON object, white space around it
// aside, and returns a cursor over it.
func innerObject(s []byte) (within cursor, ok bool) {
	s = bytes.TrimSpace(s)
	if len(s) < len(`{"":0}`) || s[0] != '{' || s[len(s)-1] != '}' {
		return within, false
	}
	within.b = s
	return within, within.skip(0, 1) == len(s)
}

// logID returns the part of a log name after projects/P/logs/.
func logID(name []byte) []byte {
	if at := bytes.Index(name, []byte("/logs/")); at >= 0 {
		return name[at+len("/logs/"):]
	}
	return name
}

// isAudit reports whether entries of a log tell of changes: Cloud Audit Logs,
// Cloud Run's system log, and event logs such as those of Kubernetes.
func isAudit(id []byte) bool {
	if bytes.HasPrefix(id, []byte("cloudaudit.googleapis.com")) {
		return true
	}
	service, log := id, []byte(nil)
	if at := bytes.IndexByte(id, '%'); at >= 0 && at+3 <= len(id) && id[at+1] == '2' && id[at+2]|0x20 == 'f' {
		service, log = id[:at], id[at+3:]
	} else if at := bytes.IndexByte(id, '/'); at >= 0 {
		service, log = id[:at], id[at+1:]
	}
	switch string(log) {
	case "":
		return string(service) == "events"
	case "varlog%2Fsystem", "varlog%2fsystem", "varlog/system":
		return string(service) == "run.googleapis.com"
	case "events":
		return bytes.HasSuffix(service, []byte(".googleapis.com"))
	}
	return false
}

// isLibraryLog reports whether a log is one that the Cloud Logging client
// library writes about itself.
func isLibraryLog(id []byte) bool {
	return string(id) == "diagnostic-log" || string(id) == "ping"
}
