package lab

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Varied returns the scenario as the seed lets it be: with other names, other
// traffic, other distances between steps, decoy deploys, other libraries, and
// a log export that loses, repeats and delays some entries. Seed 1 leaves it
// as it is written.
func (sc Scenario) Varied(seed uint64) Scenario {
	if seed <= 1 || sc.Vary.Off {
		return sc
	}
	v := &varier{sc: clone(sc), luck: newChance(seed, 9)}
	v.traffic()
	v.services()
	v.timing()
	v.decoys()
	if !sc.Vary.Tight {
		v.logs()
	}
	v.names()
	return v.sc
}

// clone copies a scenario as deep as a variation changes it.
func clone(sc Scenario) Scenario {
	out := reflect.New(reflect.TypeOf(sc)).Elem()
	copyInto(out, reflect.ValueOf(sc))
	return out.Interface().(Scenario)
}

func copyInto(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.Slice:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			copyInto(to.Index(i), from.Index(i))
		}
	case reflect.Struct:
		for i := range from.NumField() {
			copyInto(to.Field(i), from.Field(i))
		}
	default:
		to.Set(from)
	}
}

type varier struct {
	sc   Scenario
	luck *chance
}

// factor draws from [lo, hi).
func (v *varier) factor(lo, hi float64) float64 {
	return lo + (hi-lo)*float64(v.luck.intN(1000))/1000
}

func (v *varier) traffic() {
	t := &v.sc.Traffic
	t.Rate *= v.factor(0.8, 1.7)
	t.Users = int(float64(t.Users) * v.factor(0.7, 1.8))
	t.Sleepy *= v.factor(0.4, 1.2)
	t.BadLogin *= v.factor(0, 2)
	t.Anonymous *= v.factor(0, 2)
}

// services get other libraries and styles of log, and sometimes an instance
// more.
func (v *varier) services() {
	libraries := sortedKeys(dialects)
	for i := range v.sc.Services {
		s := &v.sc.Services[i]
		if s.Library == "" && s.Missing == "" && !v.sc.Vary.Tight {
			s.Library = libraries[v.luck.intN(len(libraries))]
		}
		if v.luck.happens(0.3) {
			s.Logs = []LogStyle{LogText, LogJSON}[v.luck.intN(2)]
		}
		if s.Instances > 1 && v.luck.happens(0.5) && !v.sc.Vary.Tight {
			s.Instances++
		}
	}
}

// timing moves the first step and stretches the distances between steps, and
// with them everything that is timed.
func (v *varier) timing() {
	var at []time.Duration
	for _, s := range v.sc.Timeline {
		at = append(at, s.At)
	}
	slices.Sort(at)
	at = slices.Compact(at)
	shift := v.luck.between(0, 45*time.Second)
	to := make([]time.Duration, len(at))
	for i := range at {
		gap := at[i]
		if to[i] = gap + shift; i > 0 {
			f := 1.0
			if !v.sc.Vary.Tight {
				f = v.factor(1, 1.35)
			}
			to[i] = to[i-1] + time.Duration(f*float64(at[i]-at[i-1]))
		}
	}
	move := func(t *time.Duration) {
		if i := slices.Index(at, *t); i >= 0 {
			*t = to[i].Round(time.Millisecond)
		}
	}
	last := time.Duration(0)
	if len(at) > 0 {
		last = to[len(to)-1] - at[len(at)-1]
	}
	for i := range v.sc.Timeline {
		move(&v.sc.Timeline[i].At)
	}
	for i := range v.sc.Expect {
		move(&v.sc.Expect[i].From)
	}
	v.sc.Duration += max(last, 0)
}

// decoys deploys services that ask for no token, for no reason.
func (v *varier) decoys() {
	for i := range v.sc.Services {
		s := &v.sc.Services[i]
		if len(s.Chain) > 0 || s.Keys != "" || s.Publishes || len(s.Gateway) > 0 || len(s.Invokers) > 0 || v.sc.Duration < 3*time.Minute {
			continue
		}
		for range 1 + v.luck.intN(2) {
			v.sc.Timeline = append(v.sc.Timeline, Step{At: v.luck.between(time.Minute, v.sc.Duration-time.Minute), Do: Deploy, Target: s.Name, Decoy: true})
		}
	}
	slices.SortStableFunc(v.sc.Timeline, func(a, b Step) int { return int(a.At - b.At) })
}

func (v *varier) logs() {
	l := &v.sc.Logs
	l.Lose = max(l.Lose, v.factor(0, 0.01))
	l.Duplicate = max(l.Duplicate, v.factor(0, 0.03))
	l.Late = max(l.Late, v.factor(0, 0.02))
}

// otherNames are what teams call the same things.
var otherNames = map[string][]string{
	"auth": {"identity", "login", "accounts"}, "orders": {"baskets", "bookings", "checkout"}, "payments": {"billing", "ledger", "invoices"},
	"chat": {"messages", "support", "rooms"}, "catalog": {"products", "search", "media"}, "edge": {"gateway", "frontdoor", "ingress"},
	"jwt-main": {"jwt-signing", "session-jwt-secret", "api-token-key"}, "jwt-payments-legacy": {"jwt-old", "billing-jwt-2024", "token-secret-before"},
	"jwt-payments": {"jwt-billing", "ledger-token-key", "jwt-copy"}, "acme-staging": {"shop-stage-7f2c", "acme-nonlive-staging", "staging-eu-12"},
}

// names calls services, secrets and the project by other names.
func (v *varier) names() {
	with := map[string]string{}
	for _, from := range sortedKeys(otherNames) {
		with[from] = otherNames[from][v.luck.intN(len(otherNames[from]))]
	}
	rename(reflect.ValueOf(&v.sc).Elem(), with)
}

// rename replaces every text that is a name, or refers to one.
func rename(x reflect.Value, with map[string]string) {
	switch x.Kind() {
	case reflect.String:
		prefix, name := "", x.String()
		if i := strings.IndexByte(name, ':'); i > 0 {
			prefix, name = name[:i+1], name[i+1:]
		}
		if to, ok := with[name]; ok {
			x.SetString(prefix + to)
		} else if account, domain, ok := strings.Cut(name, "@acme-staging."); ok {
			x.SetString(account + "@" + with["acme-staging"] + "." + domain)
		}
	case reflect.Slice:
		for i := range x.Len() {
			rename(x.Index(i), with)
		}
	case reflect.Struct:
		for i := range x.NumField() {
			if x.Type().Field(i).Name != "Platform" {
				rename(x.Field(i), with)
			}
		}
	}
}
