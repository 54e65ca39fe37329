package analyzer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scatter adds n random counts of one service within span minutes of base.
func scatter(w *Window, rng *rand.Rand, s Service, base int64, span, n int) {
	kinds := []Kind{KindSeen, KindAccepted, KindSuccess, KindRequest, KindFinding, KindJoined, KindNotice, KindStack, KindStackEnd}
	reasons := []Reason{BadSignature, ExpiredToken, WeakSecret}
	for range n {
		c := Cell{Minute: base + rng.Int64N(int64(span)), Service: s, Kind: kinds[rng.IntN(len(kinds))]}
		switch c.Kind {
		case KindFinding, KindJoined, KindNotice, KindStackEnd:
			c.Reason = reasons[rng.IntN(len(reasons))]
		}
		w.Add(c, 1+rng.Int64N(5))
	}
}

func TestSeriesAddUpToTheReport(t *testing.T) {
	const base = 29_000_017
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 401))
		span := []int{7, 130, 60 * 30, 60 * 24 * 20}[seed%4]
		l, s := NewLedger(LedgerConfig{}), Service{"orders", "staging"}
		for round := range 3 { // later rounds change hours that were summed before
			scatter(l.window, rng, s, base, span, 400)
			sr := l.window.services[s]
			want := l.window.Service(s, sr.first, sr.last+1)
			got := l.Series(time.Unix(sr.first*60, 0), time.Unix(sr.last*60+60, 0))
			if len(got) != 1 || len(got[0].Accepted) > MaxPoints {
				t.Fatalf("seed %d: %d series of %d points", seed, len(got), len(got[0].Accepted))
			}
			have := Rates{Reasons: map[Reason]int64{}, Seen: want.Seen, Requests: want.Requests}
			for i := range got[0].Accepted {
				have.Accepted += got[0].Accepted[i]
				have.Refused += got[0].Refused[i]
				for r, ns := range got[0].Reasons {
					have.Reasons[r] += ns[i]
				}
			}
			if d := cmp.Diff(want, have); d != "" {
				t.Fatalf("seed %d, round %d, %d minutes (want report, got series):\n%s", seed, round, span, d)
			}
		}
	}
}

// Hours that are kept must say what their minutes say.
func TestHoursAreAsTheirMinutes(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	s := Service{"orders", "staging"}
	w := NewWindow()
	for round := range 50 {
		scatter(w, rng, s, 29_000_017, 600, 30)
		if round%7 == 6 {
			w.Forget(time.Unix((29_000_017+int64(round)*3)*60, 0))
		}
		for range 5 {
			from := 29_000_017 + rng.Int64N(500)
			to := from + rng.Int64N(300)
			got := w.Service(s, from, to)
			for _, sr := range w.services {
				sr.hours = nil
			}
			if d := cmp.Diff(w.Service(s, from, to), got); d != "" {
				t.Fatalf("round %d, minutes [%d, %d) (want anew, got kept):\n%s", round, from, to, d)
			}
		}
	}
}

func BenchmarkSeries500Services30Days(b *testing.B) {
	l := NewLedger(LedgerConfig{})
	const base, span = 29_000_000, 30 * 24 * 60
	for i := range 500 {
		s := Service{fmt.Sprintf("service-%03d", i), "production"}
		for m := int64(0); m < span; m += 5 {
			l.window.Add(Cell{base + m, s, KindAccepted, ""}, 10)
		}
	}
	from, to := time.Unix(base*60, 0), time.Unix((base+span)*60, 0)
	l.Series(from, to)
	for b.Loop() {
		for i := range 500 { // the hour under way is new each time
			l.window.Add(Cell{base + span - 1, Service{fmt.Sprintf("service-%03d", i), "production"}, KindAccepted, ""}, 1)
		}
		if got := len(l.Series(from, to)); got != 500 {
			b.Fatal(got)
		}
	}
}
