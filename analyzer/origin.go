package analyzer

import (
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/why401/why401/analyzer/redact"
)

// maxOrigins bounds what a Decoder remembers of origins. Past it the memory
// is dropped as a whole: a platform that starts an instance per request costs
// time, never memory.
const maxOrigins = 16 << 10

// maxNameBytes bounds a name taken from an entry.
const maxNameBytes = 256

const unknownName = "unknown"

// origins interns the Origins of services. A stream may have a new instance in
// every entry, so what tells instances apart is left out.
type origins struct {
	env      Environments
	byHash   map[uint64]*Origin
	services map[Service]Service

	// What the resource of the entry at hand says.
	kind   []byte
	labels [32]resourceLabel
	used   int
	holes  [4]span // values that tell instances apart
	parted int     // how many of them there are
}

type resourceLabel struct{ key, value []byte }

func newOrigins(env Environments) origins {
	return origins{env: env, byHash: make(map[uint64]*Origin), services: make(map[Service]Service)}
}

// resource reads the monitored resource at v.
func (d *Decoder) resource(v int) int {
	e, o := &d.envelope, &d.origins
	e.resource, o.kind, o.used, o.parted = span{}, nil, 0, 0
	if v >= len(d.b) || d.b[v] != '{' {
		return d.skip(v, 2)
	}
	i, done := d.begin(v, '}')
	for more := true; more && !done; {
		key, at := d.member(i)
		if at < 0 {
			return -1
		}
		switch {
		case string(key) == "type":
			o.kind, i = d.value(at, 3)
		case string(key) == "labels" && at < len(d.b) && d.b[at] == '{':
			i = d.resourceLabels(at)
		default:
			i = d.skip(at, 3)
		}
		if i < 0 {
			return -1
		}
		if i, more = d.more(i, '}'); i < 0 {
			return -1
		}
	}
	e.resource = span{v, i}
	return i
}

func (d *Decoder) resourceLabels(v int) int {
	o := &d.origins
	o.used, o.parted = 0, 0
	i, done := d.begin(v, '}')
	for more := true; more && !done; {
		key, at := d.member(i)
		if at < 0 {
			return -1
		}
		var value []byte
		if value, i = d.value(at, 4); i < 0 {
			return -1
		}
		if o.used < len(o.labels) {
			o.labels[o.used] = resourceLabel{key, value}
			o.used++
		}
		if isInstanceLabel(key) && o.parted < len(o.holes) {
			o.holes[o.parted] = span{at, i}
			o.parted++
		}
		if i, more = d.more(i, '}'); i < 0 {
			return -1
		}
	}
	return i
}

// isInstanceLabel reports whether a resource label differs between the
// instances or the revisions of one service.
func isInstanceLabel(key []byte) bool {
	switch string(key) {
	case "pod_name", "instance_id", "task_id", "node_id", "revision_name", "version_id":
		return true
	}
	return false
}

// origin returns the interned Origin of the service behind the entry in the
// envelope.
func (d *Decoder) origin() *Origin {
	o := &d.origins
	h := d.steadyHash()
	if found, ok := o.byHash[h]; ok {
		return found
	}
	id := d.identify()
	if id.unsteady {
		h = mix(h, id.name)
		if found, ok := o.byHash[h]; ok {
			return found
		}
	}
	made := &Origin{
		Service:      o.service(id),
		Project:      cleanName(id.project),
		ResourceType: cleanName(id.kind),
		Location:     cleanName(id.location),
	}
	if len(o.byHash) >= maxOrigins {
		clear(o.byHash)
	}
	o.byHash[h] = made
	return made
}

// instance returns the Origin of the entry in the envelope in full, given that
// of its service.
func (d *Decoder) instance(of *Origin) *Origin {
	id := d.identify()
	full := *of
	full.Revision, full.Instance = cleanName(id.revision), cleanName(id.instance)
	return &full
}

// instanceName returns the Instance that instance would give, and the Revision
// of Cloud Run, Kubernetes and App Engine.
func (d *Decoder) instanceName() (instance, revision string) {
	k := &d.envelope.known
	revision = cleanName(firstOf(k.templateHash, d.origins.label("revision_name"), d.origins.label("version_id")))
	if len(k.instance) > 0 {
		return cleanName(k.instance), revision
	}
	return cleanName(d.identify().instance), revision
}

// steadyHash hashes all that identify reads, less what tells instances apart.
func (d *Decoder) steadyHash() uint64 {
	e, o := &d.envelope, &d.origins
	h, from := uint64(0), e.resource.from
	if e.resource.to > 0 {
		for _, hole := range o.holes[:o.parted] {
			h = mix(h, d.b[from:hole.from])
			from = hole.to
		}
		h = mix(h, d.b[from:e.resource.to])
	}
	k := &e.known
	h = mix(h, projectOf(e.logName))
	h = mix(h, k.app)
	h = mix(h, k.environment)
	h = mix(h, k.service)
	h = mix(h, e.serviceName)
	if len(k.app) == 0 { // it outweighs these
		h = mix(mix(h, k.appName), k.controller)
	}
	return h
}

// mix folds one more part into a hash, its place included.
func mix(h uint64, part []byte) uint64 {
	h = bits.RotateLeft64(h, 23) * 0x9e3779b97f4a7c15
	if len(part) == 0 {
		return h + 1
	}
	return h ^ xxh3.Hash(part)
}

func (o *origins) service(id identity) Service {
	s := Service{Name: cleanName(id.name), Environment: o.env.of(id)}
	if s.Name == "" {
		s.Name = unknownName
	}
	if known, ok := o.services[s]; ok {
		return known
	}
	if len(o.services) >= maxOrigins {
		clear(o.services)
	}
	o.services[s] = s
	return s
}

// isPlainName reports whether a name can hold no token, address or secret
// assignment: short, and of lower-case letters, digits, '-' and '_' alone.
func isPlainName(raw []byte) bool {
	if len(raw) > maxNameBytes {
		return false
	}
	for _, ch := range raw {
		if (ch < 'a' || ch > 'z') && (ch < '0' || ch > '9') && ch != '-' && ch != '_' {
			return false
		}
	}
	return true
}

// cleanName turns a name into a string that may be kept.
func cleanName(raw []byte) string {
	if len(raw) > maxNameBytes {
		raw = raw[:maxNameBytes]
	}
	if isPlainName(raw) {
		return string(raw)
	}
	return redact.Text(validText(string(raw)))
}
