package lab

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// do carries out a step. A step that the platform refuses, such as accessing
// a disabled version, is part of the story and goes to failed.
func (p *platform) do(step Step, people *crowd, failed func(error)) error {
	s := p.services[step.Target]
	operator, deployer := p.scenario.Traffic.Operator, p.scenario.Traffic.Deployer
	var err error
	switch step.Do {
	case AddVersion:
		var payload []byte
		if payload, err = p.value(step.Value, p.secretName(step.Target)); err == nil {
			_, err = p.store.AddVersion(operator, p.secretName(step.Target), payload)
		}
	case EnableVersion:
		_, err = p.store.SetState(operator, p.versionName(step), VersionEnabled)
	case DisableVersion:
		_, err = p.store.SetState(operator, p.versionName(step), VersionDisabled)
	case DestroyVersion:
		_, err = p.store.SetState(operator, p.versionName(step), VersionDestroyed)
	case Deploy:
		p.deploy(s, deployer, step, failed)
	case Restart:
		p.restart(s, failed)
	case Scale:
		err = p.scale(s, step.Count)
	case LoseIdentity:
		people.lost[step.Target] = true
	case StoreDown, StoreUp, StoreDeny, StoreAllow:
		p.access(step, operator)
	case AddKey, UseKey, RemoveKey, ReplaceKey:
		err = p.turnKey(s, step.Do)
	case Break, Mend:
		s.mu.Lock()
		s.broken = step.Mode
		s.mu.Unlock()
	case ClockAhead:
		s.mu.Lock()
		s.ahead = step.By
		s.mu.Unlock()
	case LogsStop, LogsResume, LogsHold:
		p.logs.mu.Lock()
		p.logs.way.mute[step.Target] = step.Do == LogsStop
		if step.Do == LogsHold {
			p.logs.way.held = p.clock.Now().Add(step.By)
		}
		p.logs.mu.Unlock()
	case Replay:
		p.replay(s, step.Count)
	default:
		return fmt.Errorf("carry out step %q at %s: unknown verb", step.Do, step.At)
	}
	if err != nil {
		failed(err)
	}
	return nil
}

// access opens or closes the Secret Manager, for all or for one account.
func (p *platform) access(step Step, operator string) {
	switch step.Do {
	case StoreDown:
		p.store.Refuse(func(string) error {
			return status.Error(codes.Unavailable, "The service is currently unavailable.")
		})
	case StoreDeny:
		s := p.services[step.Target]
		for _, v := range s.current().vars {
			if v.Secret != "" {
				p.auditPolicy(s, operator, "projects/"+s.project.ID+"/secrets/"+v.Secret)
				break
			}
		}
		p.store.Refuse(func(principal string) error {
			if principal != s.account() {
				return nil
			}
			return status.Error(codes.PermissionDenied, "Permission 'secretmanager.versions.access' denied for resource '{name}' (or it may not exist).")
		})
	default:
		p.store.Refuse(nil)
	}
}

// turnKey changes what an issuer publishes or signs with.
func (p *platform) turnKey(s *service, verb Verb) error {
	switch verb {
	case AddKey:
		return s.keys.add(p.nextKid(s), s.settings().Algorithm)
	case UseKey:
		s.keys.useNewest()
	case RemoveKey:
		s.keys.removeOldest()
	case ReplaceKey:
		return s.keys.replace(s.settings().Algorithm)
	}
	return nil
}

// nextKid names a key.
func (p *platform) nextKid(s *service) string {
	s.keys.made++
	return fmt.Sprintf("%s-%d-%s", s.spec.Name, s.keys.made, p.luck.hex(6))
}

// replay lets refusals of a week ago arrive now, as a backfill does.
func (p *platform) replay(s *service, n int) {
	then := p.clock.Now().AddDate(0, 0, -7)
	for i := range n {
		at := then.Add(time.Duration(i) * 200 * time.Millisecond)
		trace := "projects/" + s.project.ID + "/traces/" + p.luck.hex(32)
		e := s.entryOf("run.googleapis.com/stderr", s.current().name, "00"+p.luck.hex(160))
		e.TextPayload = at.UTC().Format("2006/01/02 15:04:05 ") + "jwt validation failed: token signature is invalid: signature is invalid"
		p.logs.write(at, p.clock.Now(), e)
		r := s.entryOf("run.googleapis.com/requests", s.current().name, e.Labels["instanceId"])
		r.HTTPRequest = &httpRequest{Latency: "0.004s", Protocol: "HTTP/1.1", RemoteIP: fmt.Sprintf("203.0.113.%d", 1+i%250), RequestMethod: http.MethodGet,
			RequestSize: "512", RequestURL: s.url() + "/v1/" + s.spec.Name, ResponseSize: "210", ServerIP: "216.239.36.53", Status: http.StatusUnauthorized, UserAgent: agents[i%len(agents)]}
		r.Severity, r.Trace = "WARNING", trace
		p.logs.write(at, p.clock.Now(), r)
	}
}

// secretProject is where a secret lies: where its spec says, else in the
// project of who asks for it.
func (p *platform) secretProject(name string, own Project) Project {
	for _, spec := range p.scenario.Secrets {
		if spec.Name == name && spec.Project != "" {
			return p.projectOf(spec.Project)
		}
	}
	return own
}

// secretName returns the full name of a scenario's secret.
func (p *platform) secretName(id string) string {
	return "projects/" + p.secretProject(id, p.scenario.Projects[0]).ID + "/secrets/" + id
}

func (p *platform) versionName(step Step) string {
	return p.secretName(step.Target) + "/versions/" + cmp.Or(step.Version, "latest")
}

// lacks reports whether a user has no role.
func (p *platform) lacks(subject string) bool { return p.lacking[subject] }

// paddingOf is the length of the claims that a user's tokens are padded with.
func (p *platform) paddingOf(subject string, n int) int {
	if p.long[subject] {
		return n
	}
	return 0
}

// sortedKeys gives a map an order.
func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
