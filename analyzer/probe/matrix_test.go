package probe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
)

// stand is what one service does: it signs with one of two versions, and
// accepts the older, the newer or both.
type stand struct {
	signs   int // 1 or 2
	accepts []int
}

func stands() []stand {
	var out []stand
	for _, signs := range []int{1, 2} {
		for _, accepts := range [][]int{{1}, {2}, {1, 2}} {
			out = append(out, stand{signs, accepts})
		}
	}
	return out
}

// observe looks at a service that stands so, with real canaries and a real
// token, and returns what Rows makes of the results.
func observe(t *testing.T, name string, s stand) Row {
	t.Helper()
	values := map[int]string{1: olderValue, 2: newestValue}
	var keys jwt.VerificationKeySet
	for _, v := range s.accepts {
		keys.Keys = append(keys.Keys, []byte(values[v]))
	}
	mux := http.NewServeMux()
	mux.Handle("/whoami", &verifier{keyfunc: func(*jwt.Token) (any, error) { return keys, nil }, options: []jwt.ParserOption{jwt.WithValidMethods([]string{"HS256"})}})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		token, err := sign("HS256", "", jwt.MapClaims{"sub": "nobody", "exp": time.Now().Add(time.Minute).Unix()}, []byte(values[s.signs]))
		if err != nil {
			w.WriteHeader(500)
			return
		}
		fmt.Fprint(w, token)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	f := &fleet{ref: versionsOf(newestValue, olderValue)}
	d, _ := f.start(t)
	domain := analyzer.KeyDomain{Name: "jwt-main", Environment: "staging", Services: []analyzer.Member{{Name: name, URL: server.URL, Health: "none", Canary: "/whoami", Mint: "/token", Signs: true}}}
	var results []analyzer.ProbeResult
	for _, kind := range []string{"canary", "mint"} {
		target := only(t, kind, domain, d)
		results = append(results, target.check(t.Context(), 30*time.Second)...)
	}
	rows := Rows(results, "jwt-main")
	if len(rows) != 1 {
		t.Fatalf("%d rows of %v; want one", len(rows), results)
	}
	return rows[0]
}

// All 1,296 states of four services with two versions are told apart by the
// reference; by the plain matrix of who takes whose tokens not a single one.
func TestMatrixLocatesEveryState(t *testing.T) {
	names := []string{"auth", "orders", "payments", "search"}
	all := stands()
	seen := make([][]Row, len(names)) // of each service, in each stand
	for i, n := range names {
		for _, s := range all {
			seen[i] = append(seen[i], observe(t, n, s))
		}
	}
	located, plain := 0, map[string]int{}
	var matrices []string
	for state := range 1296 {
		var rows []Row
		var truth []stand
		for i, k := range []int{state % 6, state / 6 % 6, state / 36 % 6, state / 216} {
			rows, truth = append(rows, seen[i][k]), append(truth, all[k])
		}
		if exact(names, truth, rows) && reflect.DeepEqual(Locate(rows, "2"), wanted(names, truth)) {
			located++
		}
		var b strings.Builder
		if err := WriteMatrix(&b, rows); err != nil {
			t.Fatal(err)
		}
		matrices = append(matrices, marks(b.String()))
		plain[matrices[state]]++
	}
	alone := 0
	for _, m := range matrices {
		if plain[m] == 1 {
			alone++
		}
	}
	t.Logf("with the reference %d of 1,296 states are located; the service-to-service matrix has %d forms, and tells %d states from all others", located, len(plain), alone)
	if located != 1296 || alone != 0 {
		t.Errorf("%d located, %d by the plain matrix; want 1296 and 0", located, alone)
	}
}

// exact compares what was seen with the truth.
func exact(names []string, truth []stand, rows []Row) bool {
	for i, s := range truth {
		var accepts, refuses []string
		for _, v := range []int{1, 2} {
			if slices.Contains(s.accepts, v) {
				accepts = append(accepts, fmt.Sprint(v))
			} else {
				refuses = append(refuses, fmt.Sprint(v))
			}
		}
		if !reflect.DeepEqual(rows[i], Row{names[i], fmt.Sprint(s.signs), accepts, refuses}) {
			return false
		}
	}
	return true
}

// wanted is what must be located in a state, reckoned from the truth.
func wanted(names []string, truth []stand) []Located {
	var out []Located
	for i, s := range truth {
		l := Located{Service: names[i], SignsOld: s.signs == 1, RefusesIt: !slices.Contains(s.accepts, 2)}
		for k, o := range truth {
			if !slices.Contains(s.accepts, o.signs) {
				l.Strangers = append(l.Strangers, names[k])
			}
		}
		if l.SignsOld || l.RefusesIt || l.Strangers != nil {
			out = append(out, l)
		}
	}
	return out
}

// marks is the plain part of a printed matrix.
func marks(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '✓' || r == '✗' {
			return r
		}
		return -1
	}, text)
}

func TestWriteMatrix(t *testing.T) {
	var b strings.Builder
	rows := []Row{{"auth", "3", []string{"3"}, []string{"2"}}, {"orders", "", []string{"3"}, nil}, {"payments", "2", []string{"2"}, []string{"3"}}}
	if err := WriteMatrix(&b, rows); err != nil {
		t.Fatal(err)
	}
	const want = `tokens of  at auth       at orders     at payments   signs  accepts    refuses
auth       ✓             ✓             ✗             3      3          2
orders     ?             ?             ?             –      3          –
payments   ✗             ?             ✓             2      2          3
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
