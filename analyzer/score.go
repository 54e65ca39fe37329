package analyzer

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// scorePart is one part of the configuration health.
type scorePart struct {
	name   string
	points int
	why    string // what nobody knows while no probe has looked
}

// The parts, 100 points together.
var scoreParts = []scorePart{
	{"availability", 40, "whether the secrets and keys can be had"},
	{"consistency", 30, "whether the services hold the same secret or key"},
	{"format", 20, "whether the secrets and keys are long, strong and well-formed, and tokens checked as they must be"},
	{"alignment", 10, "whether the settings are those of the environment"},
}

// noCheck stands in Lost.Check for the check that nobody made.
const noCheck = "none"

// anyEnvironment stands for the key domains that name no environment.
const anyEnvironment = "all"

// kindParts says which parts a kind of probe speaks for. Kinds that are not
// listed speak for the availability of what they look at.
var kindParts = map[string][]string{
	"secret_manager": {"availability"},
	"secret":         {"availability", "format"},
	"mint":           {"availability", "format", "alignment"},
	"jwks":           {"availability", "format"},
	"oidc":           {"availability", "alignment"},
	"fingerprint":    {"consistency"},
	"replicas":       {"consistency"},
	"canary":         {"consistency"},
	"clock":          {"consistency"},
	"negative":       {"format"},
	"precedence":     {"alignment"},
	"alignment":      {"alignment"},
}

// causeParts says which part a cause is about: by its id, or by the family
// before the dot.
var causeParts = map[string]string{
	"key.secret_missing": "availability", "key.secret_empty": "availability", "key.store_denied": "availability", "key.store_unreachable": "availability",
	"key.version_disabled": "availability", "startup": "availability", "jwks.unreachable": "availability", "idp": "availability", "rotation.overdue": "availability",
	"key.stale_cache": "consistency", "key.cross_service_drift": "consistency", "key.whitespace_mutation": "consistency", "key.encoding_mismatch": "consistency",
	"key.split_replicas": "consistency", "key.per_process_random": "consistency", "rotation": "consistency", "time": "consistency",
	"jwks": "format", "key": "format", "alg": "format", "verifier": "format",
	"key.wrong_environment": "alignment", "env": "alignment", "claim": "alignment",
}

func partOf(c Cause) string {
	family, _, _ := strings.Cut(string(c), ".")
	return cmp.Or(causeParts[string(c)], causeParts[family])
}

// Scores says how healthy the configuration of each environment is, from the
// latest probe results alone: the same results give the same scores.
//
// Every service of a key domain has an equal share in each part of its
// environment, and what is found of a domain as a whole is found of all its
// services; a domain that lists none counts as one. In a part, the worst that
// a check found decides: a failure costs the whole share, a warning a quarter.
// Of what is left, the checks that could not look cost their proportion, so
// that unknown never passes, and a share that nobody looked at is lost.
func Scores(domains []KeyDomain, results []ProbeResult) map[string]Score {
	units := map[string][]unit{}
	for i := range domains {
		d := &domains[i]
		env := cmp.Or(d.Environment, anyEnvironment)
		if len(d.Services) == 0 {
			units[env] = append(units[env], unit{domain: d.Name, of: concerning(results, d, "")})
		}
		for _, m := range d.Services {
			units[env] = append(units[env], unit{domain: d.Name, service: m.Name, of: concerning(results, d, m.Name)})
		}
	}
	out := map[string]Score{}
	for env, us := range units {
		s := Score{Lost: []Lost{}}
		for _, part := range scoreParts {
			got, lost := part.score(us)
			s.Lost = append(s.Lost, lost...)
			s.Total += got
			*s.part(part.name) = got
		}
		out[env] = s
	}
	return out
}

// OverallScore is the score of the worst environment, by name the first of
// equals; without key domains nothing is known, and nothing is won.
func OverallScore(scores map[string]Score) Score {
	var worst *Score
	for _, env := range slices.Sorted(maps.Keys(scores)) {
		if s := scores[env]; worst == nil || s.Total < worst.Total {
			worst = &s
		}
	}
	if worst != nil {
		return *worst
	}
	s := Score{Lost: []Lost{}}
	for _, part := range scoreParts {
		s.Lost = append(s.Lost, Lost{part.name, part.points, noCheck, "unknown: no key domain is configured and no probe has looked; logs alone cannot show " + part.why})
	}
	return s
}

func (s *Score) part(name string) *int {
	return map[string]*int{"availability": &s.Availability, "consistency": &s.Consistency, "format": &s.Format, "alignment": &s.Alignment}[name]
}

// unit is what has a share of its own: a service in a key domain.
type unit struct {
	domain, service string
	of              []*ProbeResult
}

func (u *unit) name() string { return cmp.Or(u.service, u.domain) }

// concerning are the results about a service of d, those about the whole of d
// included.
func concerning(results []ProbeResult, d *KeyDomain, service string) []*ProbeResult {
	var out []*ProbeResult
	for i := range results {
		r := &results[i]
		if r.Domain == d.Name && (r.Service.Name == "" || service == "" || r.Service.Name == service) &&
			(r.Service.Environment == "" || d.Environment == "" || r.Service.Environment == d.Environment) {
			out = append(out, r)
		}
	}
	return out
}

// loss is a share, or a part of one, that a check cost.
type loss struct {
	share float64
	check string
	why   string
}

// score counts the points of a part and names what cost the others.
func (p scorePart) score(units []unit) (points int, lost []Lost) {
	var losses []loss
	left := 1.0
	blind := blindSpot{}
	for i := range units {
		for _, l := range p.losses(&units[i]) {
			l.share /= float64(len(units))
			left -= l.share
			if l.check == "" {
				blind.share, blind.names = blind.share+l.share, append(blind.names, units[i].name())
				continue
			}
			losses = append(losses, l)
		}
	}
	if len(blind.names) > 0 {
		losses = append(losses, loss{blind.share, noCheck, blind.why(p)})
	}
	losses = merged(losses)
	points = max(0, int(math.Floor(float64(p.points)*left+1e-9)))
	return points, p.named(losses, p.points-points)
}

// blindSpot is the units that no check of a part looked at.
type blindSpot struct {
	share float64
	names []string
}

func (u blindSpot) why(p scorePart) string {
	names := strings.Join(u.names[:min(len(u.names), 4)], ", ")
	if n := len(u.names) - 4; n > 0 {
		names += fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("unknown: no probe looked at %s, so it is not known %s", names, p.why)
}

// losses says what a unit's share lost to which check; one without a name
// means that there was none.
func (p scorePart) losses(u *unit) []loss {
	var worst *ProbeResult
	var unknown []*ProbeResult
	value, known := 1.0, 0
	for _, r := range u.of {
		v, speaks := p.value(r)
		switch {
		case !speaks:
		case r.Status == StatusUnknown:
			unknown = append(unknown, r)
		default:
			known++
			if worst == nil || v < value {
				worst, value = r, v
			}
		}
	}
	if known+len(unknown) == 0 {
		return []loss{{share: 1}}
	}
	if known == 0 {
		value = 1
	}
	var out []loss
	if value < 1 {
		out = append(out, loss{1 - value, worst.Probe + " " + worst.Target, worst.Detail})
	}
	for _, r := range unknown {
		out = append(out, loss{value / float64(known+len(unknown)), r.Probe + " " + r.Target, "unknown: " + r.Detail})
	}
	return out
}

// value is what a result says about the part: 1 is all well.
func (p scorePart) value(r *ProbeResult) (v float64, speaks bool) {
	of, ok := kindParts[r.Probe]
	if !ok {
		of = []string{"availability"}
	}
	mine, about := slices.Contains(of, p.name), ""
	if r.tells() {
		about = partOf(r.Cause)
	}
	v = map[Status]float64{StatusOK: 1, StatusWarn: 0.75}[r.Status]
	switch {
	case about == "" || about == p.name:
		return v, mine || about == p.name
	case slices.Contains(of, about) && about != "availability":
		return 1, mine // it looked at this part too, and found the fault in another one
	}
	return v, mine
}

// merged puts together what one check cost several services.
func merged(all []loss) []loss {
	var out []loss
	for _, l := range all {
		if i := slices.IndexFunc(out, func(o loss) bool { return o.check == l.check && o.why == l.why }); i >= 0 {
			out[i].share += l.share
			continue
		}
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b loss) int {
		return cmp.Or(cmp.Compare(b.share, a.share), strings.Compare(a.check, b.check), strings.Compare(a.why, b.why))
	})
	return out
}

// named gives the lost points to the checks that cost them, in proportion and
// as whole numbers: the largest remainders first.
func (p scorePart) named(losses []loss, points int) []Lost {
	total := 0.0
	for _, l := range losses {
		total += l.share
	}
	out := make([]Lost, len(losses))
	rest := make([]float64, len(losses))
	given := 0
	for i, l := range losses {
		exact := float64(points) * l.share / total
		whole := int(math.Floor(exact + 1e-9))
		out[i], rest[i] = Lost{p.name, whole, l.check, l.why}, exact-float64(whole)
		given += whole
	}
	for ; given < points; given++ {
		i := 0
		for j := range rest {
			if rest[j] > rest[i]+1e-9 {
				i = j
			}
		}
		out[i].Points++
		rest[i]--
	}
	return slices.DeleteFunc(out, func(l Lost) bool { return l.Points == 0 })
}
