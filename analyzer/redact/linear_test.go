package redact

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// hostile holds what each rule would stumble over if it did not watch its
// step: beginnings without an end.
var hostile = []string{
	"eyJ", "eyJ ", "eyJ.", "eyJ..", "eyJ.eyJ.", "eyJ.\n", "eyJhbGciOiJIUzI1NiJ9 .\n", "ZXlK", "ZXlK ", "65794a", "QmVhcmVyI ",
	"-----BEGIN A-----", "-----BEGIN A-----\n", "-----BEGIN ", "-----END", "://", "a://b:", "://a@", "@", "a@", "a@b", "a@b.", "a:b@tcp(",
	"password=", "password:", `password="`, `password='`, `password=\"`, `"password":"`, `password: "x `, `token: "x `, `secret=[`, `secret=["`, `secret={`,
	"password=a,", "password=a)", "password=[[", "password=,,,,", "Cookie: a=b;", "Cookie: {", "cookie=", "Set-Cookie: a=b; Expires=Wed,",
	"Authorization:", "Authorization: Digest ", "Bearer ", "Bearer  ", "bearer:", "Basic YTpi", "basic ", "basic+", "bearer+", "Bearer \"", "token(", "Authorization: Basic+", "Authorization: Bearer \"x", "secret (", "::decode(", "::decode('", "->verify('x',",
	`":String`, `\":String`, `"x":String`, "subject. Expected ", "subject. Expected a, received ", " from key: ", "subject invalid. expected: ",
	"--token ", "--a", "ghp_", "sk-", "AIza", "AKIA", "xoxb-", "1//0", ".", "..", "-", "_", "%", "%25", "%2525", "%3D", "%40", `\`, `\\`, `\u003d`, `\u0040`, `\x`,
	"&quot;", "&#64;", "&", `"`, `'`, "`", `",`, `'cookie',`, "('Cookie', '", "=", ":", ">", "<password>", "<password>x", "sub=", "sub: ", "user:", "k:", `"k":"`, "kty", "A", "Z", "Q", "b", "B",
	"a.aB1", "aB1", "aB1-", "aB1.", "[jwt ", "[secret]", "[jwt alg=", "[", "{", `{"a":`, "{a=", `[{"password":`, "\x00", "\xff", "é", "\n", " ",
}

// fillers stand between and behind beginnings: what a rule may read over in
// search of an end.
var fillers = []string{
	"a", "aB1", "x, ", ";a=b", "}", "]", `\n`, "%20", "aGVsbG8gd29y\n", "MIIEvQIBADANBgkqhkiG9w0B\n",
	"eyJhbGciOiJIUzI1NiJ9.", strings.Repeat("a", 26) + "\n",
}

// TestRedactIsLinear holds that no repeated beginning and no mixture of them
// makes a rule read the same bytes again and again. 256 KB take some tens of
// milliseconds; read once for each of their bytes they would take a minute.
func TestRedactIsLinear(t *testing.T) {
	const (
		small = 64 << 10
		bound = 4 * time.Second // far above any noise of the machine
	)
	r := rand.New(rand.NewPCG(401, 403))
	pick := func() string {
		if r.IntN(3) == 0 {
			return fillers[r.IntN(len(fillers))]
		}
		return hostile[r.IntN(len(hostile))]
	}
	var shapes []func(n int) string
	for _, unit := range hostile {
		shapes = append(shapes, func(n int) string { return strings.Repeat(unit, n/len(unit)) })
	}
	for range 60 {
		a, b, c := pick(), pick(), pick()
		shapes = append(shapes, func(n int) string { // all beginnings, then all the rest
			return strings.Repeat(a, n/3/len(a)) + strings.Repeat(b, n/3/len(b)) + strings.Repeat(c, n/3/len(c))
		}, func(n int) string {
			unit := a + strings.Repeat(b, 300) + c
			return strings.Repeat(unit, n/len(unit)+1)
		}, func(n int) string {
			return strings.Repeat(a+b+c, n/len(a+b+c))
		})
	}
	shapes = append(shapes,
		func(n int) string { return "eyJ" + strings.Repeat("a", n) },
		func(n int) string { return strings.Repeat("aB1", n/3) + "=" },
		func(n int) string { return strings.Repeat(`{"a":`, n/10) + strings.Repeat("}", n/2) },
		func(n int) string { return strings.Repeat(`[{"secret":`, n/22) + strings.Repeat("}]", n/4) },
		func(n int) string { return `password="` + strings.Repeat(`\`, n) },
	)
	var slowest time.Duration
	for _, shape := range shapes {
		long := shape(4 * small)
		took := shortest(1, long)
		slowest = max(slowest, took)
		if out := Text(long); len(out) > 4*len(long) {
			t.Errorf("%d bytes of %.60q grow to %d", len(long), long, len(out))
		}
		if took > bound && shortest(3, long) > bound {
			t.Errorf("%d bytes of %.60q take more than %v", len(long), long, bound)
		}
	}
	t.Logf("slowest of %d: %v for %d KB", len(shapes), slowest, 4*small>>10)
}

// shortest returns the shortest time that Text(s) takes in so many tries.
func shortest(tries int, s string) time.Duration {
	best := time.Duration(1<<63 - 1)
	for range tries {
		start := time.Now()
		Text(s)
		best = min(best, time.Since(start))
	}
	return best
}
