package analyzer_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// script is the log of a story. A line is a time or a span of it (10m or
// 10m..30m after the beginning), a verb and what the verb takes; words that
// stand together are quoted, options are NAME=VALUE.
//
//	serve SERVICES [rate=20] [fail=8] [say=TEXT] [clients=20] [client=IP] [strangers=N] [instances=a,b] [on=a] [status=401] [decay=90s] [add=N] [lines=no] [requests=no] [rev=R] [env=E]
//	line SERVICE TEXT            a line of the service
//	start SERVICE [instance]     an instance starts
//	deploy SERVICE [VAR=SECRET@VERSION …] [by=kim] [files=yes]
//	version add|disable|destroy|enable|access SECRET N [by=kim] [denied=yes]
//	policy RESOURCE [by=kim]     an IAM policy changes
//	probe KIND SERVICE STATUS [CAUSE|-] [refutes=a,b] [detail=TEXT]
//	domain NAME [secret=S] [services=a,b] [signs=a] [overlap=1h] [ttl=5m] [chain=A,B]
type script struct {
	steps   []*step
	probes  []analyzer.ProbeResult
	domains []analyzer.KeyDomain
}

// step is one line of a script, with the entries that it made.
type step struct {
	n    int
	made []timed
}

type timed struct {
	at      time.Duration
	service string
	entry   string
}

func (sc *script) add(at time.Duration, entries ...string) {
	st := &step{}
	for _, e := range entries {
		st.made = append(st.made, timed{at, "", e})
	}
	sc.steps = append(sc.steps, st)
}

// entries returns what the steps made, in order of time, less what drop takes
// out.
func (sc *script) entries(drop func(timed) bool) []string {
	var all []timed
	for _, s := range sc.steps {
		all = append(all, s.made...)
	}
	if drop != nil {
		all = slices.DeleteFunc(all, drop)
	}
	slices.SortStableFunc(all, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
	out := make([]string, len(all))
	for i := range all {
		out[i] = all[i].entry
	}
	return out
}

func (sc *script) read(text string) error {
	for i, line := range strings.Split(text, "\n") {
		words, err := split(line)
		if err != nil || len(words) == 0 || strings.HasPrefix(words[0], "#") {
			if err != nil {
				return fmt.Errorf("line %d: %w", i+1, err)
			}
			continue
		}
		if len(words) < 3 {
			return fmt.Errorf("line %d: wanted a time, a verb and what it takes, found %q", i+1, line)
		}
		c := call{sc: sc, step: &step{n: i}, opts: map[string]string{}}
		from, to, _ := strings.Cut(words[0], "..")
		if c.from, err = time.ParseDuration(from); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		c.to = c.from
		if to != "" {
			if c.to, err = time.ParseDuration(to); err != nil {
				return fmt.Errorf("line %d: %w", i+1, err)
			}
		}
		for _, w := range words[2:] {
			if k, v, ok := strings.Cut(w, "="); ok && slices.Contains(optionNames, k) {
				c.opts[k] = v
			} else {
				c.args = append(c.args, w)
			}
		}
		verb := verbs[words[1]]
		if verb == nil {
			return fmt.Errorf("line %d: unknown verb %q", i+1, words[1])
		}
		if len(c.args) == 0 {
			return fmt.Errorf("line %d: %s takes a name", i+1, words[1])
		}
		verb(&c)
		sc.steps = append(sc.steps, c.step)
	}
	return nil
}

var optionNames = []string{"rate", "fail", "say", "clients", "client", "strangers", "instances", "on", "status", "decay", "add", "lines", "requests", "rev", "env", "by", "files", "denied",
	"refutes", "detail", "secret", "services", "signs", "overlap", "ttl", "chain", "traces"}

var verbs = map[string]func(*call){
	"serve": (*call).serve, "line": (*call).line, "start": (*call).start, "deploy": (*call).deploy,
	"version": (*call).version, "policy": (*call).policy, "probe": (*call).probe, "domain": (*call).domain,
}

// split cuts a line into words; "…" holds blanks, and may stand after NAME=.
func split(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		end := strings.IndexAny(line, " \"")
		switch {
		case end < 0:
			return append(words, line), nil
		case line[end] == ' ':
			words, line = append(words, line[:end]), line[end:]
		default:
			closing := strings.IndexByte(line[end+1:], '"')
			if closing < 0 {
				return nil, fmt.Errorf("wanted a closing quote in %q", line)
			}
			words, line = append(words, line[:end]+line[end+1:end+1+closing]), line[end+closing+2:]
		}
	}
	return words, nil
}

// call is one line under way.
type call struct {
	sc       *script
	step     *step
	from, to time.Duration
	args     []string
	opts     map[string]string
	luck     *rand.Rand
}

func (c *call) num(name string, otherwise int) int {
	if n, err := strconv.Atoi(c.opts[name]); err == nil {
		return n
	}
	return otherwise
}

func (c *call) emit(at time.Duration, service, log, trace, instance, payload string) {
	env := cmp.Or(c.opts["env"], "staging")
	if trace != "" {
		trace = `"trace":"projects/p/traces/` + trace + `",`
	}
	if instance != "" {
		instance = fmt.Sprintf(`"labels":{"instanceId":%q},`, instance)
	}
	id := fmt.Sprintf("s%d-%d", c.step.n, len(c.step.made))
	c.step.made = append(c.step.made, timed{at, service, fmt.Sprintf(`{"insertId":%q,"logName":"projects/acme-%s/logs/%s","timestamp":%q,%s%s"resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-%s","service_name":%q,"revision_name":%q}},%s}`,
		id, env, log, began.Add(at).Format(time.RFC3339Nano), trace, instance, env, service, service+"-"+cmp.Or(c.opts["rev"], "1"), payload)})
}

// serve lets services serve: fail of ten requests are refused, for the reason
// that say gives.
func (c *call) serve() {
	for _, service := range strings.Split(c.args[0], ",") {
		c.luck = rand.New(rand.NewPCG(uint64(c.step.n), uint64(len(service))))
		rate, fail := c.num("rate", 20), c.num("fail", 0)
		for at, i := c.from, 0; at < c.to; at, i = at+time.Minute/time.Duration(rate), i+1 {
			instance := c.instance(i)
			bad := i%10 < fail
			if on := c.opts["on"]; on != "" {
				bad = fail > 0 && slices.Contains(strings.Split(on, ","), instance)
			}
			if decay, err := time.ParseDuration(c.opts["decay"]); err == nil && bad {
				bad = float64(at-c.from)/float64(decay) < 4*c.luck.Float64()*c.luck.Float64()
			}
			c.request(at, service, instance, i, bad)
		}
		for at, i := c.from, 0; c.num("add", 0) > 0 && at < c.to; at, i = at+time.Minute/time.Duration(c.num("add", 0)), i+1 {
			c.request(at+7*time.Millisecond, service, c.instance(i), i, true) // beside the ordinary traffic
		}
	}
}

func (c *call) instance(i int) string {
	names := strings.Split(c.opts["instances"], ",")
	return names[i%len(names)]
}

func (c *call) request(at time.Duration, service, instance string, i int, bad bool) {
	trace, status := fmt.Sprintf("t%d-%d", c.step.n, len(c.step.made)), 200
	ip := fmt.Sprintf("198.51.100.%d", c.luck.IntN(c.num("clients", 20)))
	if bad {
		status = c.num("status", 401)
		ip = cmp.Or(c.opts["client"], ip)
		if n := c.num("strangers", 0); n > 0 {
			k := c.luck.IntN(n)
			ip = fmt.Sprintf("203.0.%d.%d", k/250, k%250)
		}
		if c.opts["lines"] != "no" && c.opts["say"] != "" {
			say := strings.NewReplacer("{n}", strconv.Itoa(i), "{kid}", fmt.Sprintf("%08x", c.luck.Uint32()), "{small}", strconv.Itoa(1+c.luck.IntN(25)),
				"{wide}", strconv.Itoa(1+c.luck.IntN(80000)), "{since}", strconv.Itoa(int((at-c.from)/time.Second)+1)).Replace(c.opts["say"])
			lineTrace := trace
			if c.opts["traces"] == "no" {
				lineTrace = ""
			}
			c.emit(at+time.Millisecond, service, "run.googleapis.com%2Fstderr", lineTrace, instance, fmt.Sprintf(`"textPayload":%q`, say))
		}
	}
	if c.opts["requests"] != "no" {
		c.emit(at, service, "run.googleapis.com%2Frequests", trace, instance, fmt.Sprintf(`"httpRequest":{"requestMethod":"GET","requestUrl":"https://x/v1","status":%d,"remoteIp":%q}`, status, ip))
	}
}

func (c *call) line() {
	for at := c.from; at <= c.to; at += 30 * time.Second {
		c.emit(at, c.args[0], "run.googleapis.com%2Fstderr", "", c.opts["on"], fmt.Sprintf(`"textPayload":%q`, strings.Join(c.args[1:], " ")))
	}
}

func (c *call) start() {
	instance := "i0"
	if len(c.args) > 1 {
		instance = c.args[1]
	}
	c.emit(c.from, c.args[0], "run.googleapis.com%2Fvarlog%2Fsystem", "", instance, `"textPayload":"Starting new instance. Reason: AUTOSCALING - Instance started due to traffic increase or no existing capacity for current traffic."`)
}

func (c *call) audit(service, method, resource, more string) {
	who := "deployer@acme-staging.iam.gserviceaccount.com"
	if by := c.opts["by"]; by != "" {
		who = by + "@acme.example"
	}
	log := "cloudaudit.googleapis.com%2Factivity"
	if strings.HasSuffix(method, "AccessSecretVersion") {
		log = "cloudaudit.googleapis.com%2Fdata_access"
	}
	c.emit(c.from, service, log, "", "", fmt.Sprintf(`"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","authenticationInfo":{"principalEmail":%q},"methodName":%q,"resourceName":%q%s}`, who, method, resource, more))
}

func (c *call) deploy() {
	var env, volumes []string
	for _, a := range c.args[1:] {
		name, ref, _ := strings.Cut(a, "=")
		secret, version, _ := strings.Cut(ref, "@")
		if strings.HasPrefix(name, "/") {
			volumes = append(volumes, fmt.Sprintf(`{"name":%q,"secret":{"secretName":%q,"items":[{"key":%q,"path":"key"}]}}`, name[1:], secret, cmp.Or(version, "latest")))
			continue
		}
		env = append(env, fmt.Sprintf(`{"name":%q,"valueFrom":{"secretKeyRef":{"name":%q,"key":%q}}}`, name, secret, cmp.Or(version, "latest")))
	}
	project := "acme-" + cmp.Or(c.opts["env"], "staging")
	c.audit(c.args[0], "google.cloud.run.v1.Services.ReplaceService", "namespaces/"+project+"/services/"+c.args[0],
		fmt.Sprintf(`,"request":{"service":{"spec":{"template":{"spec":{"containers":[{"image":"x/%s","env":[%s]}],"volumes":[%s]}}}}}`, c.args[0], strings.Join(env, ","), strings.Join(volumes, ",")))
}

func (c *call) version() {
	method := map[string]string{"add": "Add", "disable": "Disable", "destroy": "Destroy", "enable": "Enable", "access": "Access"}[c.args[0]]
	more := ""
	if c.opts["denied"] != "" {
		more = `,"status":{"code":7,"message":"Permission 'secretmanager.versions.access' denied"}`
	}
	c.audit("", "google.cloud.secretmanager.v1.SecretManagerService."+method+"SecretVersion", "projects/acme-staging/secrets/"+c.args[1]+"/versions/"+c.args[2], more)
}

func (c *call) policy() {
	c.audit("", "SetIamPolicy", c.args[0], `,"serviceName":"cloudresourcemanager.googleapis.com"`)
}

func (c *call) probe() {
	r := analyzer.ProbeResult{Probe: c.args[0], Target: c.args[1], Status: analyzer.Status(c.args[2]), Detail: cmp.Or(c.opts["detail"], "seen"), At: began.Add(c.from),
		Service: analyzer.Service{Name: c.args[1], Environment: cmp.Or(c.opts["env"], "staging")}}
	if len(c.args) > 3 && c.args[3] != "-" {
		r.Cause = analyzer.Cause(c.args[3])
	}
	for _, x := range strings.Split(c.opts["refutes"], ",") {
		if x != "" {
			r.Refutes = append(r.Refutes, analyzer.Cause(x))
		}
	}
	c.sc.probes = append(c.sc.probes, r)
}

func (c *call) domain() {
	d := analyzer.KeyDomain{Name: c.args[0], Secret: c.opts["secret"]}
	d.Overlap, _ = time.ParseDuration(c.opts["overlap"])
	d.TokenTTL, _ = time.ParseDuration(c.opts["ttl"])
	for _, name := range strings.Split(c.opts["services"], ",") {
		m := analyzer.Member{Name: name, Signs: slices.Contains(strings.Split(c.opts["signs"], ","), name)}
		if chain := c.opts["chain"]; chain != "" {
			m.Env = strings.Split(chain, ",")
		}
		d.Services = append(d.Services, m)
	}
	c.sc.domains = append(c.sc.domains, d)
}
