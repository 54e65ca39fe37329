package conf

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of one document. A rule pack of thousands of rules stays far below.
const (
	maxBytes = 4 << 20
	maxDepth = 100
)

// Document is one parsed YAML file that remembers where everything was
// written. It is safe for concurrent use.
type Document struct {
	file     string
	root     *node    // nil when the file holds no value
	problems Problems // what is wrong with the document whatever it is decoded into
}

// Parse reads data as one YAML document. The name file only serves messages.
// The error is a [Problems] when the text is no YAML; what is YAML but not
// accepted (repeated keys, further documents, merge keys, tags) is told by
// Decode, together with everything else.
func Parse(file string, data []byte) (*Document, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	d := &Document{file: file}
	if p := unreadable(data); p != nil {
		p.File = file
		return nil, Problems{*p}
	}
	tokens := lexer.Tokenize(string(data))
	if tk := tooDeep(tokens); tk != nil {
		return nil, Problems{{File: file, Line: tk.Position.Line, Col: tk.Position.Column,
			Msg: fmt.Sprintf("wanted at most %d levels of nesting, found more", maxDepth)}}
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Problems{syntaxProblem(file, err)}
	}
	b := builder{doc: d, anchors: map[string]*node{}}
	b.documents(tree)
	return d, nil
}

// unreadable finds bytes that no configuration holds on purpose.
func unreadable(data []byte) *Problem {
	if len(data) > maxBytes {
		return &Problem{Line: 1, Col: 1, Msg: fmt.Sprintf("wanted at most %s, found %d bytes", Size(maxBytes), len(data))}
	}
	line, col := 1, 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return &Problem{Line: line, Col: col, Msg: fmt.Sprintf("wanted UTF-8, found the byte 0x%02x", data[i]), Hint: "save the file as UTF-8"}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			return &Problem{Line: line, Col: col, Msg: fmt.Sprintf("wanted text, found the control character %U", r), Hint: "is this a binary file?"}
		case r == '\n':
			line, col = line+1, 0
		}
		i, col = i+n, col+1
	}
	return nil
}

// tooDeep returns the token that goes below maxDepth. It looks at tokens
// because the parser recurses and a deep enough document would end the
// process.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, inline, line := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			inline, line = 0, tk.Position.Line
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType, token.MappingValueType:
			if brackets == 0 {
				inline++
			}
		}
		if brackets+inline > maxDepth || tk.Position.IndentNum > 4*maxDepth && inline > 0 {
			return tk
		}
	}
	return nil
}

// syntaxHints translates the parser's commonest complaints.
var syntaxHints = []struct{ has, hint string }{
	{"tab", "indent with spaces"},
	{`character '\t'`, "indent with spaces"},
	{"mapping value is not allowed", `quote a value that holds ": ", and check the indentation`},
	{"end character of double-quoted", "close the quotes"},
	{"end character of single-quoted", "close the quotes"},
	{"reserved character", "quote the value"},
	{"escape character", "use single quotes for patterns and Windows paths"},
	{"']' not found", "close the list"},
	{"mapping end token", "close the braces"},
	{"non-map value", `write "key: value"`},
	{"unexpected key name", `write "key: value"`},
	{"undefined alias", "quote the value"},
	{"block sequence entries", "start the list on a line of its own"},
}

// syntaxProblem says where and what the parser stopped at. The source line is
// left out: it may hold a secret.
func syntaxProblem(file string, err error) Problem {
	p := Problem{File: file, Line: 1, Col: 1, Msg: "not YAML"}
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return p
	}
	if tk := ye.GetToken(); tk != nil && tk.Position != nil {
		p.Line, p.Col = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
	}
	msg := strings.ReplaceAll(ye.GetMessage(), "\t", `\t`)
	p.Msg = "not YAML: " + msg
	for _, s := range syntaxHints {
		if strings.Contains(msg, s.has) {
			p.Hint = s.hint
			break
		}
	}
	return p
}

// At returns where the value at path, such as rules[3].match[0], is written:
// a scalar itself, a section or list by its key. When the document does not
// hold path it is the nearest section around it, 1:1 for the document.
func (d *Document) At(path string) (line, col int) {
	line, col = 1, 1
	n := d.root
	for _, step := range steps(path) {
		var at mark
		n, at = n.child(step)
		if n == nil {
			break
		}
		line, col = at.line, at.col
	}
	return line, col
}
