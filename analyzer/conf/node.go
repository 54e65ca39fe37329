package conf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

type kind uint8

const (
	nullKind kind = iota
	textKind
	numberKind
	boolKind
	listKind
	mapKind
)

type mark struct{ line, col int }

// node is a YAML value reduced to what configuration needs. Aliases share
// the node of their anchor, so the graph has no cycle but may have joins.
type node struct {
	kind  kind
	text  string // scalars, as written but unquoted
	loose bool   // from a flag or a variable: text stands for any scalar
	at    mark
	items []*node
	pairs []pair
}

type pair struct {
	key   string
	at    mark // of the key
	value *node
}

// child returns the value at one step of a path and where it is written.
func (n *node) child(step string) (*node, mark) {
	if n == nil {
		return nil, mark{}
	}
	if n.kind == listKind {
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i], n.items[i].at
		}
		return nil, mark{}
	}
	for _, p := range n.pairs {
		if p.key == step {
			if p.value.kind == listKind || p.value.kind == mapKind || p.value.kind == nullKind {
				return p.value, p.at
			}
			return p.value, p.value.at
		}
	}
	return nil, mark{}
}

// join appends a key to a path. Keys that would not read well are quoted in
// brackets: environments["acme/staging"].
func join(path, key string) string {
	for _, r := range key {
		if !(r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return path + "[" + strconv.Quote(key) + "]"
		}
	}
	switch {
	case key == "":
		return path + `[""]`
	case path == "":
		return key
	}
	return path + "." + key
}

// steps takes a path apart again.
func steps(path string) []string {
	var out []string
	for path != "" {
		switch {
		case path[0] == '.':
			path = path[1:]
		case strings.HasPrefix(path, `["`):
			quoted, err := strconv.QuotedPrefix(path[1:])
			if err != nil {
				return append(out, path)
			}
			key, _ := strconv.Unquote(quoted)
			out = append(out, key)
			path = strings.TrimPrefix(path[1+len(quoted):], "]")
		case path[0] == '[':
			index, rest, _ := strings.Cut(path[1:], "]")
			out, path = append(out, index), rest
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			out, path = append(out, path[:end]), path[end:]
		}
	}
	return out
}

// builder turns the parser's tree into nodes and collects what is not
// accepted in any document.
type builder struct {
	doc     *Document
	anchors map[string]*node
}

func (b *builder) problem(at mark, path, msg, hint string) {
	b.doc.problems = append(b.doc.problems, Problem{File: b.doc.file, Line: at.line, Col: at.col, Path: path, Msg: msg, Hint: hint})
}

func (b *builder) documents(file *ast.File) {
	found := false
	for _, doc := range file.Docs {
		body := doc.Body
		if body == nil || body.Type() == ast.DirectiveType {
			continue
		}
		if found {
			b.problem(start(body), "", "wanted one document, found another one", `remove the line "---" and what follows, or make it a file of its own`)
			return
		}
		found = true
		b.doc.root = b.value(body, "")
	}
}

// start returns where n begins: of a mapping that is its first key, not the
// colon that the parser keeps.
func start(n ast.Node) mark {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return start(n.Values[0])
		}
	case *ast.MappingValueNode:
		return start(n.Key)
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return mark{1, 1}
	}
	pos := n.GetToken().Position
	return mark{max(pos.Line, 1), max(pos.Column, 1)}
}

func (b *builder) value(n ast.Node, path string) *node {
	out := &node{at: start(n)}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind = mapKind
		b.pairs(out, n.Values, path)
	case *ast.MappingValueNode:
		out.kind = mapKind
		b.pairs(out, []*ast.MappingValueNode{n}, path)
	case *ast.SequenceNode:
		out.kind = listKind
		for i, item := range n.Values {
			child := b.value(item, fmt.Sprintf("%s[%d]", path, i))
			if i < len(n.Entries) && child.kind == textKind && n.Entries[i].Start != nil {
				// A scalar over several lines carries the position of its
				// last line.
				if p := n.Entries[i].Start.Position; p.Line < child.at.line {
					child.at = mark{p.Line, p.Column + 2}
				}
			}
			out.items = append(out.items, child)
		}
	case *ast.AnchorNode:
		out = b.value(n.Value, path)
		b.anchors[n.Name.GetToken().Value] = out
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		target, ok := b.anchors[name]
		if !ok {
			b.problem(out.at, path, fmt.Sprintf("unknown alias %q", name), "define the anchor before its alias, or quote the value")
			return out
		}
		return target
	case *ast.TagNode:
		b.problem(out.at, path, fmt.Sprintf("unknown tag %q", n.Start.Value), "remove the tag")
		return b.value(n.Value, path)
	default:
		b.scalar(out, n)
	}
	return out
}

func (b *builder) scalar(out *node, n ast.Node) {
	switch n := n.(type) {
	case *ast.StringNode:
		out.kind, out.text = textKind, n.Value
		if n.Token.Type == token.StringType && isNumber(n.Value) {
			out.kind = numberKind // 1e3 and what exceeds 64 bits
		}
	case *ast.LiteralNode:
		out.kind, out.text = textKind, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = numberKind, n.GetToken().Value
	case *ast.BoolNode:
		out.kind, out.text = boolKind, strconv.FormatBool(n.Value)
	}
}

func isNumber(s string) bool {
	if s == "" || strings.Trim(s, "+-.0123456789eE") != "" {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

func (b *builder) pairs(out *node, values []*ast.MappingValueNode, path string) {
	first := map[string]mark{}
	for _, v := range values {
		at := start(v.Key)
		if v.Key.IsMergeKey() {
			b.problem(at, path, `merge keys ("<<") are not read`, "write the keys out")
			continue
		}
		key, ok := b.key(v.Key)
		if !ok {
			b.problem(at, path, "wanted a name as key, found a list or a mapping", "")
			continue
		}
		if before, twice := first[key]; twice {
			b.problem(at, join(path, key), fmt.Sprintf("set twice, first at %d:%d", before.line, before.col), "remove one of them")
			continue
		}
		first[key] = at
		out.pairs = append(out.pairs, pair{key: key, at: at, value: b.value(v.Value, join(path, key))})
	}
}

// key returns a mapping's key as text.
func (b *builder) key(n ast.Node) (string, bool) {
	if mk, ok := n.(*ast.MappingKeyNode); ok {
		n = mk.Value
	}
	k := &node{}
	b.scalar(k, n)
	return k.text, k.kind != nullKind || n.Type() == ast.NullType
}
