package lab

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// check reports everything that keeps a scenario from being played.
func (sc Scenario) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("scenario %s: %w", sc.Name, fmt.Errorf(format, args...)))
	}
	if len(sc.Projects) == 0 {
		bad("projects: wanted at least one")
	}
	for i, p := range sc.Projects {
		if p.ID == "" || p.Number == "" || len(p.Region) < 2 || p.Environment == "" {
			bad("projects[%d]: id, number, region and environment are all needed", i)
		}
	}
	if sc.Duration <= 0 {
		bad("duration: wanted more than 0, found %s", sc.Duration)
	}
	if sc.Traffic.Rate < 0 || sc.Traffic.Rate > 1000 {
		bad("traffic.rate: wanted 0 to 1000 calls per second, found %g", sc.Traffic.Rate)
	}
	secrets := map[string]bool{}
	for _, s := range sc.Secrets {
		secrets[s.Name] = true
	}
	services := map[string]ServiceSpec{}
	for _, s := range sc.Services {
		if _, twice := services[s.Name]; twice {
			bad("service %s: the name is taken; every service needs its own", s.Name)
		}
		services[s.Name] = s
		checkEnv(s.Env, secrets, func(v EnvVar) {
			bad("service %s: %s refers to secret %q, which is not in secrets", s.Name, v.Name, v.Secret)
		})
	}
	wantService := func(name, where string) {
		if _, ok := services[name]; !ok {
			bad("%s: %q is not in services", where, name)
		}
	}
	for _, s := range sc.Services {
		if s.Calls != "" {
			wantService(s.Calls, "service "+s.Name+", calls")
		}
		if s.Mints && len(s.Chain) == 0 {
			bad("service %s: mints tokens and has no chain to take its secret from", s.Name)
		}
	}
	for i, c := range sc.Traffic.Calls {
		wantService(c.Service, fmt.Sprintf("traffic.calls[%d]", i))
		if !slices.Contains([]string{"GET", "POST", "WS"}, c.Method) {
			bad("traffic.calls[%d]: method %q, wanted GET, POST or WS", i, c.Method)
		}
	}
	if len(sc.Traffic.Calls) > 0 && !services[sc.Traffic.Issuer].Mints {
		bad("traffic.issuer: %q is no service that mints tokens", sc.Traffic.Issuer)
	}
	jobs := map[string]bool{}
	for _, j := range sc.Traffic.Jobs {
		jobs[j.Name] = true
		wantService(j.Service, "job "+j.Name)
		if j.Every <= 0 {
			bad("job %s: every: wanted more than 0", j.Name)
		}
	}
	for i, step := range sc.Timeline {
		where := fmt.Sprintf("timeline[%d]", i)
		switch step.Do {
		case AddVersion, EnableVersion, DisableVersion, DestroyVersion:
			if !secrets[step.Target] {
				bad("%s: %q is not in secrets", where, step.Target)
			}
		case Deploy, Restart, Scale:
			wantService(step.Target, where)
			checkEnv(step.Env, secrets, func(v EnvVar) { bad("%s: %s refers to secret %q, which is not in secrets", where, v.Name, v.Secret) })
		case LoseIdentity:
			if !jobs[step.Target] {
				bad("%s: %q is not in traffic.jobs", where, step.Target)
			}
		default:
			bad("%s: unknown verb %q", where, step.Do)
		}
		if step.At < 0 || step.At > sc.Duration || step.Count < 0 {
			bad("%s: at %s and count %d must lie within the scenario", where, step.At, step.Count)
		}
	}
	return errors.Join(errs...)
}

func checkEnv(env []EnvVar, secrets map[string]bool, missing func(EnvVar)) {
	for _, v := range env {
		if v.Secret != "" && !secrets[v.Secret] {
			missing(v)
		}
	}
}

// complete fills in the defaults, in a copy.
func (sc Scenario) complete() Scenario {
	sc.Services = slices.Clone(sc.Services)
	for i := range sc.Services {
		s := &sc.Services[i]
		s.Instances = max(s.Instances, 1)
		s.TokenTTL = cmp.Or(s.TokenTTL, 5*time.Minute)
		s.Logs = cmp.Or(s.Logs, LogText)
	}
	project := sc.Projects[0].ID
	sc.Traffic.Operator = cmp.Or(sc.Traffic.Operator, "kim@acme.example")
	sc.Traffic.Deployer = cmp.Or(sc.Traffic.Deployer, "deployer@"+project+".iam.gserviceaccount.com")
	return sc
}
