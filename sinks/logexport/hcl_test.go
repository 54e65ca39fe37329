package logexport

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// evaluated is a Terraform module after its expressions were computed, as far
// as that can be done without a provider: what Google would choose is made up.
type evaluated struct {
	ctx            *hcl.EvalContext
	validations    []*hclsyntax.Block
	resources      map[string][]map[string]cty.Value // by kind
	commands       []string                          // of provisioners
	number, writer string
}

func (m *evaluated) kinds() []string                         { return slices.Sorted(maps.Keys(m.resources)) }
func (m *evaluated) of(kind string) []map[string]cty.Value   { return m.resources[kind] }
func str(v cty.Value) string                                 { return v.AsString() }
func timeOf(text string) (time.Duration, error)              { return time.ParseDuration(text) }
func (m *evaluated) set(name string, v map[string]cty.Value) { m.ctx.Variables[name] = object(v) }
func object(v map[string]cty.Value) cty.Value                { return cty.ObjectVal(v) }

func number(v cty.Value) int64 {
	n, _ := v.AsBigFloat().Int64()
	return n
}

// evaluateVariables reads the module in dir with the given variables, and the
// defaults of those that are not given.
func evaluateVariables(t *testing.T, dir string, given map[string]cty.Value) *evaluated {
	t.Helper()
	m := &evaluated{number: "4242", writer: "serviceAccount:p42-7@gcp-sa-logging.iam.gserviceaccount.com", resources: map[string][]map[string]cty.Value{}}
	m.ctx = &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: functions(dir)}
	m.set("path", map[string]cty.Value{"module": cty.StringVal(dir)})
	vars := map[string]cty.Value{}
	for _, b := range blocks(t, dir, "variable") {
		name := b.Labels[0]
		v, ok := given[name]
		if d := b.Body.Attributes["default"]; !ok && d != nil {
			v, ok = m.value(t, d.Expr), true
		}
		if !ok {
			t.Fatalf("variable %s has no default and is not given", name)
		}
		vars[name] = v
		m.validations = append(m.validations, b.Body.Blocks...)
	}
	for name := range given {
		if _, ok := vars[name]; !ok {
			t.Errorf("there is no variable %s", name)
		}
	}
	m.set("var", vars)
	return m
}

// refused are the messages of validations that do not hold.
func (m *evaluated) refused(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, b := range m.validations {
		if m.value(t, b.Body.Attributes["condition"].Expr).False() {
			out = append(out, str(m.value(t, b.Body.Attributes["error_message"].Expr)))
		}
	}
	return out
}

// evaluate computes locals and resources, each as soon as what it refers to
// is known.
func evaluate(t *testing.T, dir string, given map[string]cty.Value) *evaluated {
	t.Helper()
	m := evaluateVariables(t, dir, given)
	m.set("data", map[string]cty.Value{"google_project": object(map[string]cty.Value{"this": object(map[string]cty.Value{"number": cty.StringVal(m.number)})})})
	locals, known := map[string]cty.Value{}, map[string]map[string]cty.Value{}
	waiting := blocks(t, dir, "resource")
	var exprs []*hclsyntax.Attribute
	for _, b := range blocks(t, dir, "locals") {
		exprs = append(exprs, slices.Collect(maps.Values(b.Body.Attributes))...)
	}
	m.set("local", locals)
	for len(waiting)+len(exprs) > 0 {
		before := len(waiting) + len(exprs)
		exprs = slices.DeleteFunc(exprs, func(a *hclsyntax.Attribute) bool {
			if !m.ready(a.Expr.Variables()) {
				return false
			}
			locals[a.Name] = m.value(t, a.Expr)
			m.set("local", locals)
			return true
		})
		waiting = slices.DeleteFunc(waiting, func(b *hclsyntax.Block) bool {
			if !m.ready(references(b.Body)) {
				return false
			}
			if known[b.Labels[0]] == nil {
				known[b.Labels[0]] = map[string]cty.Value{}
			}
			known[b.Labels[0]][b.Labels[1]] = m.make(t, b)
			m.set(b.Labels[0], known[b.Labels[0]])
			return true
		})
		if len(waiting)+len(exprs) == before {
			t.Fatalf("%d resources and %d locals refer to what is not there", len(waiting), len(exprs))
		}
	}
	return m
}

// ready reports whether everything that is referred to is known; each, count
// and self are known where they stand.
func (m *evaluated) ready(refs []hcl.Traversal) bool {
	for _, r := range refs {
		switch r.RootName() {
		case "each", "self", "destroy": // when = destroy is a word
			continue
		}
		if _, d := r.TraverseAbs(m.ctx); d.HasErrors() {
			return false
		}
	}
	return true
}

// references are what the expressions of a block refer to.
func references(body *hclsyntax.Body) []hcl.Traversal {
	var out []hcl.Traversal
	for _, a := range body.Attributes {
		out = append(out, a.Expr.Variables()...)
	}
	for _, b := range body.Blocks {
		out = append(out, references(b.Body)...)
	}
	return out
}

// make computes every instance of a resource, and returns what others see of it.
func (m *evaluated) make(t *testing.T, b *hclsyntax.Block) cty.Value {
	t.Helper()
	count, each := b.Body.Attributes["count"], b.Body.Attributes["for_each"]
	switch {
	case count != nil:
		all := []cty.Value{}
		for range number(m.value(t, count.Expr)) {
			all = append(all, m.instance(t, b, m.ctx))
		}
		return cty.TupleVal(all)
	case each != nil:
		all := map[string]cty.Value{}
		for it := m.value(t, each.Expr).ElementIterator(); it.Next(); {
			_, v := it.Element()
			ctx := m.ctx.NewChild()
			ctx.Variables = map[string]cty.Value{"each": object(map[string]cty.Value{"key": v, "value": v})}
			all[str(v)] = m.instance(t, b, ctx)
		}
		return object(all)
	}
	return m.instance(t, b, m.ctx)
}

func (m *evaluated) instance(t *testing.T, b *hclsyntax.Block, ctx *hcl.EvalContext) cty.Value {
	t.Helper()
	attributes := func(body *hclsyntax.Body, ctx *hcl.EvalContext) map[string]cty.Value {
		out := map[string]cty.Value{}
		for name, a := range body.Attributes {
			if !slices.Contains([]string{"count", "for_each", "depends_on", "when"}, name) {
				out[name] = valueIn(t, a.Expr, ctx)
			}
		}
		return out
	}
	r := attributes(b.Body, ctx)
	self := ctx.NewChild()
	self.Variables = map[string]cty.Value{"self": object(r)}
	for _, nested := range b.Body.Blocks {
		if nested.Type == "provisioner" {
			m.commands = append(m.commands, str(attributes(nested.Body, self)["command"]))
			continue
		}
		r[nested.Type] = object(attributes(nested.Body, ctx))
	}
	m.resources[b.Labels[0]] = append(m.resources[b.Labels[0]], r)
	seen := maps.Clone(r)
	switch b.Labels[0] {
	case "google_pubsub_topic":
		seen["id"] = cty.StringVal("projects/" + str(r["project"]) + "/topics/" + str(r["name"]))
	case "google_service_account":
		seen["email"] = cty.StringVal(str(r["account_id"]) + "@" + str(r["project"]) + ".iam.gserviceaccount.com")
	case "google_logging_project_sink", "google_logging_folder_sink", "google_logging_organization_sink":
		seen["writer_identity"] = cty.StringVal(m.writer)
	}
	return object(seen)
}

func (m *evaluated) value(t *testing.T, e hcl.Expression) cty.Value {
	t.Helper()
	return valueIn(t, e, m.ctx)
}

func valueIn(t *testing.T, e hcl.Expression, ctx *hcl.EvalContext) cty.Value {
	t.Helper()
	v, d := e.Value(ctx)
	if d.HasErrors() {
		t.Fatal(d)
	}
	return v
}

// blocks are the blocks of one type in all files of dir.
func blocks(t *testing.T, dir, kind string) []*hclsyntax.Block {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no module in %s (%v)", dir, err)
	}
	var out []*hclsyntax.Block
	for _, name := range files {
		f, d := hclparse.NewParser().ParseHCLFile(name)
		if d.HasErrors() {
			t.Fatal(d)
		}
		for _, b := range f.Body.(*hclsyntax.Body).Blocks {
			if b.Type == kind {
				out = append(out, b)
			}
		}
	}
	return out
}

// functions are those of Terraform that the module calls.
func functions(dir string) map[string]function.Function {
	of := func(result function.TypeFunc, f function.ImplFunc) function.Function {
		return function.New(&function.Spec{Params: []function.Parameter{{Type: cty.DynamicPseudoType, AllowDynamicType: true}}, Type: result, Impl: f})
	}
	return map[string]function.Function{
		"can": tryfunc.CanFunc, "concat": stdlib.ConcatFunc, "regex": stdlib.RegexFunc, "split": stdlib.SplitFunc,
		"toset": stdlib.MakeToFunc(cty.Set(cty.String)),
		"length": of(function.StaticReturnType(cty.Number), func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].Type() == cty.String {
				return stdlib.Strlen(args[0])
			}
			return stdlib.Length(args[0])
		}),
		"alltrue": of(function.StaticReturnType(cty.Bool), func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(!slices.ContainsFunc(args[0].AsValueSlice(), cty.Value.False)), nil
		}),
		"one": of(func(args []cty.Value) (cty.Type, error) {
			if n := args[0].LengthInt(); n != 1 {
				return cty.NilType, function.NewArgErrorf(0, "%d elements", n)
			}
			return cty.String, nil
		}, func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0].AsValueSlice()[0], nil }),
		"file": of(function.StaticReturnType(cty.String), func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			data, err := os.ReadFile(str(args[0]))
			return cty.StringVal(string(data)), err
		}),
	}
}
