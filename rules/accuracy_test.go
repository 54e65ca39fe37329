package rules

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

// The accuracy that counts is on libraries that no pack names. It is measured
// by leaving one out: its packs' rules fall away, all else stays, and its
// labelled lines are read again. Two sources of labels serve: a corpus folder
// (WHY401_CORPUS: messages, authentic and negatives as JSON Lines, plain or
// gzipped), and the packs' own examples, each labelled by its rule.

// labelled is one line with what is known of it.
type labelled struct {
	library string
	entry   *analyzer.Entry
	text    string
	want    analyzer.Reason   // "" for a line that carries no finding
	also    []analyzer.Reason // what the text cannot be told from
}

// tally counts one library's lines under one way of reading them.
type tally struct{ lines, strict, fair, wrong, miss, negatives, false int }

func (t *tally) add(l labelled, got analyzer.Reason) {
	switch {
	case l.want == "":
		t.negatives++
		if got != "" && !slices.Contains(l.also, got) {
			t.false++
		}
		return
	case got == "":
		t.miss++
	case got == l.want:
		t.strict++
		t.fair++
	case slices.Contains(l.also, got):
		t.fair++
	default:
		t.wrong++
	}
	t.lines++
}

func (t *tally) plus(o tally) {
	t.lines, t.strict, t.fair, t.wrong, t.miss = t.lines+o.lines, t.strict+o.strict, t.fair+o.fair, t.wrong+o.wrong, t.miss+o.miss
	t.negatives, t.false = t.negatives+o.negatives, t.false+o.false
}

func share(n, of int) float64 { return float64(n) / float64(max(of, 1)) }

// scores is one tally per library.
type scores map[string]*tally

func (s scores) add(l labelled, got analyzer.Reason) {
	if s[l.library] == nil {
		s[l.library] = &tally{}
	}
	s[l.library].add(l, got)
}

// total sums the libraries that keep lets through. Macro is the mean of their
// fair shares, so that a library with many lines does not hide one with few.
func (s scores) total(keep func(string) bool) (sum tally, macro float64, n int) {
	for lib, t := range s {
		if t.lines == 0 && t.negatives == 0 || !keep(lib) {
			continue
		}
		sum.plus(*t)
		if t.lines > 0 {
			macro += share(t.fair, t.lines)
			n++
		}
	}
	return sum, macro / float64(max(n, 1)), n
}

// tuned parts the libraries in two halves by a hash of their names: the
// generic layer is worked on with the lines of the tuned half in view, and
// the other half only checks it.
func tuned(library string) bool {
	h := fnv.New32a()
	io.WriteString(h, library)
	return h.Sum32()%2 == 0
}

// classifyWithout classifies e as if the rules that drop names did not exist.
func (s *Set) classifyWithout(e *analyzer.Entry, drop func(*Rule) bool) analyzer.Classification {
	rd := newReading()
	s.read(e, rd)
	rd.matches = slices.DeleteFunc(rd.matches, func(m match) bool { return drop(m.rule) })
	c, _ := s.conclude(e, rd)
	return c
}

// families names, for each library of the corpus whose packs do not simply
// carry its name, the words by which its packs are known.
var families = map[string]string{
	"golang-jwt/jwt v5": "golang-jwt|go-errors|dgrijalva", "golang-jwt/jwt v4": "golang-jwt|go-errors|dgrijalva", "golang-jwt/jwt v5 (master)": "golang-jwt|go-errors|dgrijalva",
	"dgrijalva/golang-jwt v3": "golang-jwt|go-errors|dgrijalva", "dgrijalva/jwt-go": "golang-jwt|go-errors|dgrijalva",
	"golang-jwt/v5": "golang-jwt|go-errors|dgrijalva", "golang-jwt/v4": "golang-jwt|go-errors|dgrijalva", "golang-jwt/v3": "golang-jwt|go-errors|dgrijalva",
	"Microsoft.IdentityModel": "identitymodel|dotnet-idx|jwtbearer", "ASP.NET Core JwtBearer": "identitymodel|dotnet-idx|jwtbearer",
	"djangorestframework-simplejwt": "simplejwt", "google/jwt_verify_lib (Envoy/Istio/ESPv2)": "jwt-verify-lib|envoy|istio|espv2", "Envoy jwt_authn filter": "jwt-verify-lib|envoy|istio|espv2",
	"Google ESPv2": "jwt-verify-lib|envoy|istio|esp", "Google ESP v1 / Cloud Endpoints": "google-esp|espv2",
	"jose (panva)": "=jose|node-jose|panva", "jose": "=jose|node-jose|panva", "Tyk Gateway": "tyk", "go-jose/go-jose v4": "go-jose", "go-jose/v4": "go-jose", "go-jose/v3": "go-jose",
	"jsonwebtoken": "=jsonwebtoken|node-jsonwebtoken", "jsonwebtoken (Keats)": "rust|keats", "firebase/php-jwt": "firebase-php|php-jwt", "Spring Security resource server": "spring",
	"smallrye-jwt (Quarkus)": "smallrye|quarkus", "Quarkus OIDC": "quarkus|smallrye", "coreos/go-oidc v3": "go-oidc", "go-oidc/v3": "go-oidc",
	"auth0/go-jwt-middleware v3": "go-jwt-middleware", "auth0/go-jwt-middleware": "go-jwt-middleware", "mod_auth_openidc": "mod-auth-openidc", "apache mod_auth_openidc": "mod-auth-openidc",
	"Supabase Auth (GoTrue)": "supabase|gotrue", "lcobucci/jwt": "lcobucci", "Vault jwt auth": "vault", "Keycloak TokenVerifier": "keycloak", "Kong (jwt plugin)": "kong",
	"jjwt 0.12+": "jjwt", "jjwt 0.9/0.11": "jjwt", "nimbus-jose-jwt (5.x snapshot)": "nimbus", "NATS server (JWT auth)": "nats", "ory/oathkeeper": "oathkeeper",
	"Kubernetes apiserver (OIDC)": "kubernetes", "Kubernetes ServiceAccount tokens": "kubernetes", "google-auth-library (node)": "google-auth-library", "@fastify/jwt": "fastify",
	"labstack/echo-jwt v4": "echo-jwt", "RabbitMQ oauth2 backend": "rabbitmq", "MinIO (old web handler)": "minio", "go-chi/jwtauth v5": "chi-jwtauth", "Grafana JWT auth": "grafana",
	"gofiber/jwt v3": "gofiber", "gofiber-jwt": "gofiber", "Google Cloud Run (IAM front door)": "google-cloud-run", "Google IAP": "google-iap",
	"Google Cloud APIs (ESF, UNAUTHENTICATED)": "google-cloud-apis", "Apache Pulsar token auth": "pulsar", "Flask-JWT-Extended": "flask-jwt", "flask-jwt-simple": "flask-jwt",
	"@nestjs/jwt": "nest|node-jsonwebtoken|=jsonwebtoken", "express-jwt+jwks-rsa": "express-jwt|jwks-rsa", "passport-jwt": "passport",
}

// ownPacks returns which packs know a library of the corpus.
func ownPacks(s *Set, library string) map[*Pack]bool {
	words := families[library]
	if words == "" {
		words = strings.ToLower(library)
	}
	own := map[*Pack]bool{}
	for _, p := range s.Packs() {
		name := strings.ToLower(p.Pack + " " + p.Library)
		for w := range strings.SplitSeq(words, "|") {
			exact, isExact := strings.CutPrefix(w, "=")
			if isExact && p.Pack == exact || !isExact && strings.Contains(name, w) {
				own[p] = true
			}
		}
	}
	return own
}

// basic packs tell what any log tells whatever the library: statuses, changes.
func basic(p *Pack) bool { return p.Pack == "gcp-changes" }

// measured holds the three readings of one set of labelled lines.
type measured struct{ full, without, generic scores }

func measure(s *Set, lines []labelled, own func(labelled) map[*Pack]bool, each func(l labelled, c analyzer.Classification)) measured {
	m := measured{scores{}, scores{}, scores{}}
	for _, l := range lines {
		full := s.Classify(l.entry)
		m.full.add(l, full.Primary())
		packs := own(l)
		c := s.classifyWithout(l.entry, func(r *Rule) bool { return packs[r.pack] })
		m.without.add(l, c.Primary())
		each(l, c)
		alone := s.classifyWithout(l.entry, func(r *Rule) bool { return !basic(r.pack) })
		m.generic.add(l, alone.Primary())
	}
	return m
}

// exampleLines are the packs' own examples: the reason is the rule's, and
// success lines, benign ones and near misses of no reason are left out.
func exampleLines(s *Set) (lines []labelled, pack map[string]*Pack) {
	pack = map[string]*Pack{}
	for _, r := range s.Rules() {
		if r.Reason == "" || len(r.Where) > 0 {
			continue
		}
		pack[r.pack.Pack] = r.pack
		for _, x := range r.Examples {
			lines = append(lines, labelled{library: r.pack.Pack, entry: TextEntry(x), text: x, want: r.Reason})
		}
	}
	return lines, pack
}

// corpusLines reads one file of a corpus folder.
func corpusLines(t testing.TB, folder, name string) (lines []labelled) {
	dec := analyzer.NewDecoder(nil)
	readJSONL(t, filepath.Join(folder, name), func(data []byte) {
		var row struct {
			Library, Text string
			Gray          bool
			Reason        analyzer.Reason
			Also          []analyzer.Reason
			Entry         json.RawMessage
			Label         struct {
				Library string
				Reason  analyzer.Reason
				Accept  []analyzer.Reason
			}
		}
		if err := json.Unmarshal(data, &row); err != nil {
			t.Fatal(err)
		}
		switch {
		case row.Gray:
		case row.Entry == nil:
			text := strings.NewReplacer(`\n`, " ", "\n", " ", "\r", " ").Replace(row.Text)
			lines = append(lines, labelled{row.Library, TextEntry(text), text, row.Reason, row.Also})
		default:
			m := analyzer.Message{Data: row.Entry}
			var h analyzer.Header
			err := dec.Scan(&m, &h)
			if err == nil && h.Self {
				return
			}
			e, err := dec.Entry(&m)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, p := range parts(e) {
				fmt.Fprintf(&text, "%s: %s / ", p.Path, strings.ReplaceAll(p.Text, "\n", "⏎"))
			}
			lines = append(lines, labelled{row.Label.Library, e, text.String(), row.Label.Reason, row.Label.Accept})
		}
	})
	return lines
}

func readJSONL(t testing.TB, path string, each func([]byte)) {
	t.Helper()
	var in io.Reader
	data, err := os.ReadFile(path)
	in = bytes.NewReader(data)
	if err != nil {
		if data, err = os.ReadFile(path + ".gz"); err != nil {
			t.Fatal(err)
		}
		if in, err = gzip.NewReader(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		if len(bytes.TrimSpace(sc.Bytes())) > 0 {
			each(sc.Bytes())
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
}

const summaryHead = "| lines | reading | libraries | strict | fair | macro | wrong | miss | false |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n"

func (s scores) row(w io.Writer, lines, reading string, keep func(string) bool) {
	sum, macro, n := s.total(keep)
	fmt.Fprintf(w, "| %s | %s | %d | %.3f | %.3f | %.3f | %.3f | %.3f | %.4f |\n", lines, reading, n, share(sum.strict, sum.lines),
		share(sum.fair, sum.lines), macro, share(sum.wrong, sum.lines), share(sum.miss, sum.lines), share(sum.false, sum.negatives))
}

func (m measured) rows(w io.Writer, lines string) {
	all := func(string) bool { return true }
	m.full.row(w, lines, "all packs", all)
	m.without.row(w, lines, "its packs left out", all)
	m.without.row(w, lines, "left out, tuned half", tuned)
	m.without.row(w, lines, "left out, held-out half", func(l string) bool { return !tuned(l) })
	m.generic.row(w, lines, "generic layer alone", all)
}

// table prints one line per library, the worst without its packs first.
func (m measured) table(w io.Writer) {
	fmt.Fprintf(w, "| library | lines | fair | fair without | wrong without | miss without | fair generic | wrong generic |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	libs := slices.SortedFunc(maps.Keys(m.without), func(a, b string) int {
		x, y := m.without[a], m.without[b]
		return cmp.Or(cmp.Compare(share(x.fair, x.lines), share(y.fair, y.lines)), cmp.Compare(a, b))
	})
	for _, lib := range libs {
		f, o, g := m.full[lib], m.without[lib], m.generic[lib]
		if f.lines == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s | %d | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", strings.ReplaceAll(lib, "|", `\|`), f.lines, share(f.fair, f.lines),
			share(o.fair, o.lines), share(o.wrong, o.lines), share(o.miss, o.lines), share(g.fair, g.lines), share(g.wrong, g.lines))
	}
}

// TestAccuracy measures and, with UPDATE=1, writes ACCURACY.md. SHOW=N prints
// up to N lines of the tuned half that went wrong with their packs left out.
func TestAccuracy(t *testing.T) {
	s := load(t)
	show := 0
	fmt.Sscan(os.Getenv("SHOW"), &show)
	each := func(kind string) func(labelled, analyzer.Classification) {
		return func(l labelled, c analyzer.Classification) {
			got := c.Primary()
			if show > 0 && (l.want == "" || tuned(l.library)) && got != l.want && !slices.Contains(l.also, got) {
				show--
				t.Logf("%s %s | want %s %v | got %s by %s | %.300s", kind, l.library, l.want, l.also, got, c.Rule, l.text)
			}
		}
	}
	var out strings.Builder
	out.WriteString(accuracyHead)
	out.WriteString(summaryHead)
	examples, packs := exampleLines(s)
	ex := measure(s, examples, func(l labelled) map[*Pack]bool {
		own := ownPacks(s, l.library)
		own[packs[l.library]] = true
		return own
	}, each("example"))
	ex.rows(&out, "examples")
	var tables strings.Builder
	if folder := os.Getenv("WHY401_CORPUS"); folder != "" {
		var messages measured
		for _, name := range []string{"messages.jsonl", "authentic.jsonl", "negatives.jsonl"} {
			kind := strings.TrimSuffix(name, ".jsonl")
			m := measure(s, corpusLines(t, folder, name), func(l labelled) map[*Pack]bool { return ownPacks(s, l.library) }, each(kind))
			m.rows(&out, kind)
			if kind != "negatives" {
				fmt.Fprintf(&tables, "\n## Libraries: %s\n\n", kind)
				m.table(&tables)
			}
			if kind == "messages" {
				messages = m
			}
		}
		for lib := range messages.full {
			if len(ownPacks(s, lib)) == 0 {
				t.Logf("no pack is known by the name of %s", lib)
			}
		}
	}
	fmt.Fprint(&tables, "\n## Packs: their own examples\n\n")
	ex.table(&tables)
	out.WriteString(tables.String())
	t.Log("\n" + out.String()[:strings.Index(out.String(), "\n## ")])
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("ACCURACY.md", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const accuracyHead = `# Accuracy

Written by ` + "`make accuracy`" + `. Strict: the primary reason is the label. Fair: it is the label or a reason that the text alone cannot be told
from. Wrong: a reason was given and it is neither. Miss: none was given. False: a finding on a line that carries none. Macro: the mean of fair
over libraries. "Left out" reads a library's lines with its own packs removed, as if nobody had written them; "generic layer alone" removes every
pack. The generic layer is worked on with the lines of the tuned half of the libraries in view; the held-out half only checks it. Examples are the packs' own.

`
