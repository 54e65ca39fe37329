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
func (s *Set) classifyWithout(e *analyzer.Entry, w *wording, drop func(*Rule) bool) analyzer.Classification {
	rd := newReading()
	rd.wording = w
	s.read(e, rd)
	rd.matches = slices.DeleteFunc(rd.matches, func(m match) bool { return drop(m.rule) })
	c, _ := s.conclude(e, rd)
	return c
}

// packsOf names, for each library of the corpus whose packs do not simply
// carry its name, the words by which its packs are known.
var packsOf = map[string]string{
	"golang-jwt/jwt v5": "golang-jwt|go-errors|dgrijalva", "golang-jwt/jwt v4": "golang-jwt|go-errors|dgrijalva", "golang-jwt/jwt v5 (master)": "golang-jwt|go-errors|dgrijalva",
	"dgrijalva/golang-jwt v3": "golang-jwt|go-errors|dgrijalva", "dgrijalva/jwt-go": "golang-jwt|go-errors|dgrijalva",
	"golang-jwt/v5": "golang-jwt|go-errors|dgrijalva", "golang-jwt/v4": "golang-jwt|go-errors|dgrijalva", "golang-jwt/v3": "golang-jwt|go-errors|dgrijalva",
	"Microsoft.IdentityModel": "identitymodel|dotnet-idx|jwtbearer", "ASP.NET Core JwtBearer": "identitymodel|dotnet-idx|jwtbearer",
	"djangorestframework-simplejwt": "python-django", "google/jwt_verify_lib (Envoy/Istio/ESPv2)": "jwt-verify-lib|envoy|istio|espv2", "Envoy jwt_authn filter": "jwt-verify-lib|envoy|istio|espv2",
	"Google ESPv2": "jwt-verify-lib|envoy|istio|esp", "Google ESP v1 / Cloud Endpoints": "google-front-doors|envoy|esp",
	"jose (panva)": "=jose|node-jose|panva", "jose": "=jose|node-jose|panva", "Tyk Gateway": "tyk", "go-jose/go-jose v4": "go-jose", "go-jose/v4": "go-jose", "go-jose/v3": "go-jose",
	"jsonwebtoken": "=jsonwebtoken|node-jsonwebtoken", "jsonwebtoken (Keats)": "rust|keats", "firebase/php-jwt": "firebase-php|php-jwt", "Spring Security resource server": "spring",
	"smallrye-jwt (Quarkus)": "smallrye|quarkus", "Quarkus OIDC": "quarkus|smallrye", "coreos/go-oidc v3": "go-oidc", "go-oidc/v3": "go-oidc",
	"auth0/go-jwt-middleware v3": "go-jwt-middleware", "auth0/go-jwt-middleware": "go-jwt-middleware", "mod_auth_openidc": "mod-auth-openidc", "apache mod_auth_openidc": "mod-auth-openidc",
	"Supabase Auth (GoTrue)": "supabase|gotrue", "lcobucci/jwt": "lcobucci", "Vault jwt auth": "vault", "Keycloak TokenVerifier": "keycloak", "Kong (jwt plugin)": "kong",
	"jjwt 0.12+": "jjwt", "jjwt 0.9/0.11": "jjwt", "nimbus-jose-jwt (5.x snapshot)": "nimbus", "NATS server (JWT auth)": "brokers-and-databases", "ory/oathkeeper": "go-ory",
	"Kubernetes apiserver (OIDC)": "kubernetes", "Kubernetes ServiceAccount tokens": "kubernetes", "google-auth-library (node)": "node-cloud-auth|jvm-google-oauth", "@fastify/jwt": "node-fast-jwt|fastify",
	"labstack/echo-jwt v4": "go-web-jwt", "echo-jwt": "go-web-jwt", "chi-jwtauth": "go-web-jwt", "RabbitMQ oauth2 backend": "rabbitmq", "MinIO (old web handler)": "brokers-and-databases", "go-chi/jwtauth v5": "go-web-jwt", "Grafana JWT auth": "krakend-dex-argo",
	"gofiber/jwt v3": "go-web-jwt", "gofiber-jwt": "go-web-jwt", "Google Cloud Run (IAM front door)": "google-front-doors", "Google IAP": "google-front-doors",
	"Google Cloud APIs (ESF, UNAUTHENTICATED)": "google-front-doors", "Apache Pulsar token auth": "brokers-and-databases", "Flask-JWT-Extended": "flask-jwt", "flask-jwt-simple": "flask-jwt",
	"@nestjs/jwt": "nest|node-jsonwebtoken|=jsonwebtoken", "express-jwt+jwks-rsa": "express-jwt|jwks-rsa", "passport-jwt": "passport", "google-auth-library": "node-cloud-auth|jvm-google-oauth",
}

// ownPacks returns which packs know a library of the corpus.
func ownPacks(s *Set, library string) map[*Pack]bool {
	words := packsOf[library]
	if words == "" {
		words = strings.ToLower(library)
	}
	own := map[*Pack]bool{}
	if library == "" {
		return own
	}
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

func measure(s *Set, lines []labelled, taught *school, own func(labelled) map[*Pack]bool, each func(l labelled, c analyzer.Classification)) measured {
	m := measured{scores{}, scores{}, scores{}}
	for _, l := range lines {
		full := s.Classify(l.entry)
		m.full.add(l, full.Primary())
		packs := own(l)
		words := taught.without(l.library)
		c := s.classifyWithout(l.entry, words, func(r *Rule) bool { return packs[r.pack] })
		m.without.add(l, c.Primary())
		each(l, c)
		alone := s.classifyWithout(l.entry, words, func(r *Rule) bool { return !basic(r.pack) })
		m.generic.add(l, alone.Primary())
	}
	return m
}

// school learns the wording anew without the packs of the library that is
// read. Libraries go by groups, so that it learns a dozen times and not 150:
// what it leaves out is more than the library's own.
type school struct {
	set     *Set
	lessons []lesson
	groups  [12]struct {
		out   map[*Pack]bool
		words *wording
	}
}

func newSchool(s *Set, libraries map[string]map[*Pack]bool) *school {
	sc := &school{set: s, lessons: lessons(s)}
	for lib, packs := range libraries {
		g := &sc.groups[group(lib)]
		if g.out == nil {
			g.out = map[*Pack]bool{}
		}
		maps.Copy(g.out, packs)
	}
	return sc
}

func group(library string) uint32 {
	h := fnv.New32a()
	io.WriteString(h, library+"!")
	return h.Sum32() % uint32(len(school{}.groups))
}

func (sc *school) without(library string) *wording {
	g := &sc.groups[group(library)]
	if g.words == nil {
		g.words = learn(sc.lessons, g.out)
	}
	return g.words
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
	examples, packs := exampleLines(s)
	kinds := []string{"examples", "ordinary"}
	lines := map[string][]labelled{"examples": examples}
	for i, text := range ordinary() {
		p := trades[i%len(trades)]
		packs[p.Pack] = p
		lines["ordinary"] = append(lines["ordinary"], labelled{library: p.Pack, entry: TextEntry(text), text: text})
	}
	if folder := os.Getenv("WHY401_CORPUS"); folder != "" {
		kinds = append(kinds, "messages", "authentic", "negatives")
		for _, kind := range kinds[2:] {
			lines[kind] = corpusLines(t, folder, kind+".jsonl")
		}
	}
	libraries := map[string]map[*Pack]bool{}
	for _, kind := range kinds {
		for _, l := range lines[kind] {
			if libraries[l.library] == nil {
				libraries[l.library] = ownPacks(s, l.library)
				if p := packs[l.library]; p != nil {
					libraries[l.library][p] = true
				}
				if l.want != "" && len(libraries[l.library]) == 0 {
					t.Errorf("no pack is known by the name of %s", l.library)
				}
			}
		}
	}
	taught := newSchool(s, libraries)
	var out, tables strings.Builder
	out.WriteString(accuracyHead)
	out.WriteString(summaryHead)
	for _, kind := range kinds {
		m := measure(s, lines[kind], taught, func(l labelled) map[*Pack]bool { return libraries[l.library] }, each(kind))
		m.rows(&out, kind)
		if kind != "negatives" && kind != "ordinary" {
			fmt.Fprintf(&tables, "\n## Libraries: %s\n\n", kind)
			m.table(&tables)
		}
	}
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
over libraries. "Left out" reads a library's lines with its own packs removed, as if nobody had written them, and with a wording learned without
them; "generic layer alone" removes every pack. Ordinary lines are look-alikes from other trades, likewise read with a wording that has not met them. The generic layer is worked on with the lines of the tuned half of the libraries in view; the held-out half only checks it. Examples are the packs' own.

`
