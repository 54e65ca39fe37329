package sinks

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
)

// secret is a reference to what must not be seen: env:NAME or file:PATH. It
// is resolved for each attempt.
type secret struct {
	ref    string
	getenv func(string) string
}

// isReference reports whether text may stand in a configuration.
func isReference(text string) bool {
	word, rest, ok := strings.Cut(text, ":")
	return ok && (word == "env" || word == "file") && rest != "" && !strings.HasPrefix(rest, "//")
}

// maxSecret bounds the file of a secret, in bytes.
const maxSecret = 64 << 10

// read returns the value without white space around it. An error names the
// reference and never the value.
func (s secret) read() (string, error) {
	if s.ref == "" {
		return "", nil
	}
	word, name, _ := strings.Cut(s.ref, ":")
	value := ""
	if word == "env" {
		value = s.getenv(name)
	} else {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		defer f.Close() // only read
		data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		if len(data) > maxSecret {
			return "", fmt.Errorf("read secret: %s is larger than %d bytes", name, maxSecret)
		}
		value = string(data)
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", fmt.Errorf("read secret: %s holds nothing", s.ref)
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("read secret: wanted one line of text in %s, found more", s.ref)
	}
	return value, nil
}

// readURL returns the value as an http or https URL.
func (s secret) readURL() (string, error) {
	value, err := s.read()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("read secret: wanted an http or https URL in %s, found something else", s.ref) // the parser's error quotes it
	}
	return value, nil
}

// scrub takes secrets out of a text, in every form in which a server or a
// library may show them: as they are, escaped, as basic credentials, and the
// path, query and user of a URL by themselves.
func scrub(text string, secrets ...string) string {
	var forms []string
	add := func(s string) {
		if len(s) >= 4 {
			forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s), base64.StdEncoding.EncodeToString([]byte(s)), strings.Trim(fmt.Sprintf("%q", s), `"`))
		}
	}
	for _, s := range secrets {
		add(s)
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			add(u.RequestURI())
			add(u.EscapedPath())
			add(strings.TrimPrefix(u.Path, "/"))
			add(u.RawQuery)
			if u.User != nil {
				add(u.User.String())
				password, _ := u.User.Password()
				add(password)
			}
			for part := range strings.SplitSeq(u.Path, "/") {
				if len(part) >= 8 { // T000/B000 are names, the long one is the key
					add(part)
				}
			}
			for _, values := range u.Query() {
				for _, v := range values {
					add(v)
				}
			}
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	for _, f := range forms {
		text = strings.ReplaceAll(text, f, "[secret]")
	}
	return text
}

// plainError is err without what libraries wrap around it to quote a URL.
func plainError(err error) error {
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			return err
		}
		err = u.Err
	}
}
