package analyzer

import (
	"math/bits"
	"strings"

	"github.com/zeebo/xxh3"
)

// maxOrigins bounds what a Decoder remembers of origins. Past it the memory
// is dropped as a whole: a platform that starts an instance per request costs
// time, never memory.
const maxOrigins = 16 << 10

// maxNameBytes bounds a name taken from an entry.
const maxNameBytes = 256

const unknownName = "unknown"

// knownLabels are the values of those LogEntry.labels that identity needs.
type knownLabels struct {
	instance     []byte // Cloud Run instanceId
	app          []byte // Kubernetes app label
	appName      []byte // Kubernetes recommended app name label
	templateHash []byte
	controller   []byte // GKE's name of the owning workload
	environment  []byte
	resourceName []byte // Compute Engine instance name
	service      []byte // what a library or an agent calls the service
}

// entryLabels reads LogEntry.labels.
func (d *Decoder) entryLabels(v int) int {
	e := &d.envelope
	e.known, e.selfLabel = knownLabels{}, false
	end := v
	if v >= len(d.b) || d.b[v] != '{' {
		e.labels = span{}
		return d.skip(v, 2)
	}
	end, done := d.begin(v, '}')
	for more := true; more && !done; {
		key, at := d.member(end)
		if at < 0 {
			return -1
		}
		var value []byte
		if value, end = d.value(at, 3); end < 0 {
			return -1
		}
		if to := e.known.slot(key); to != nil {
			*to = value
		} else if string(key) == selfLabelName {
			e.selfLabel = string(value) == "true"
		}
		if end, more = d.more(end, '}'); end < 0 {
			return -1
		}
	}
	e.labels = span{v, end}
	return end
}

// slot returns where the label key belongs, nil if nowhere.
func (k *knownLabels) slot(key []byte) *[]byte {
	switch string(key) {
	case "instanceId", "instance_id":
		return &k.instance
	case "k8s-pod/app":
		return &k.app
	case "k8s-pod/app_kubernetes_io/name", "k8s-pod/app.kubernetes.io/name", "app.kubernetes.io/name":
		return &k.appName
	case "k8s-pod/pod-template-hash":
		return &k.templateHash
	case "logging.gke.io/top_level_controller_name":
		return &k.controller
	case "environment", "env", "k8s-pod/environment", "k8s-pod/env":
		return &k.environment
	case "compute.googleapis.com/resource_name":
		return &k.resourceName
	case "service", "service_name", "service.name", "app", "application":
		return &k.service
	}
	return nil
}

// shape says in which resource labels a monitored resource type keeps its
// identity; of several the first that is not empty counts.
type shape struct{ name, revision, instance []string }

var shapes = map[string]shape{
	"cloud_run_revision":                {[]string{"service_name", "configuration_name"}, []string{"revision_name"}, nil},
	"cloud_run_job":                     {[]string{"job_name"}, nil, nil},
	"cloud_run_worker_pool":             {[]string{"worker_pool_name"}, []string{"revision_name"}, nil},
	"cloud_function":                    {[]string{"function_name"}, nil, nil},
	"k8s_container":                     {[]string{"container_name"}, nil, []string{"pod_name"}},
	"k8s_pod":                           {nil, nil, []string{"pod_name"}},
	"k8s_node":                          {[]string{"node_name"}, nil, nil},
	"k8s_cluster":                       {[]string{"cluster_name"}, nil, nil},
	"gce_instance":                      {nil, nil, []string{"instance_id"}},
	"gae_app":                           {[]string{"module_id"}, []string{"version_id"}, nil},
	"http_load_balancer":                {[]string{"backend_service_name", "forwarding_rule_name", "url_map_name"}, nil, nil},
	"internal_http_lb_rule":             {[]string{"backend_service_name", "forwarding_rule_name", "url_map_name"}, nil, nil},
	"gce_backend_service":               {[]string{"backend_service_name", "backend_service_id"}, nil, nil},
	"api":                               {[]string{"service"}, nil, nil},
	"produced_api":                      {[]string{"service"}, nil, nil},
	"consumed_api":                      {[]string{"service"}, nil, nil},
	"apigateway.googleapis.com/Gateway": {[]string{"gateway_id"}, nil, nil},
	"audited_resource":                  {[]string{"service"}, nil, nil},
	"generic_task":                      {[]string{"job"}, nil, []string{"task_id"}},
	"generic_node":                      {nil, nil, []string{"node_id"}},
}

// anyShape serves the types that shapes does not list.
var anyShape = shape{
	name: []string{"service_name", "service", "job_name", "job", "module_id", "function_name", "container_name",
		"worker_pool_name", "backend_service_name", "gateway_id", "app", "name"},
	revision: []string{"revision_name", "version_id"},
	instance: []string{"instance_id", "pod_name", "task_id"},
}

// identity is an origin as slices of the raw entry.
type identity struct {
	kind, project, location, namespace, name, revision, instance, environment []byte
}

// base is what all instances of a service share.
type base struct {
	origin   Origin
	revision string // the last one seen, raw
	redacted string
}

// origins interns Origins. Services are shared by a memory of their own, so
// that an endless row of instances does not copy their names.
type origins struct {
	env      Environments
	byHash   map[uint64]*Origin
	bases    map[uint64]*base
	services map[Service]Service
	slab     []Origin
	names    strings.Builder
	labels   [32]resourceLabel
	used     int
}

type resourceLabel struct{ key, value []byte }

func newOrigins(env Environments) origins {
	return origins{env: env, byHash: make(map[uint64]*Origin), bases: make(map[uint64]*base), services: make(map[Service]Service)}
}

// mix folds one more part into a hash, its place included.
func mix(h uint64, part []byte) uint64 {
	h = bits.RotateLeft64(h, 23) * 0x9e3779b97f4a7c15
	if len(part) == 0 {
		return h + 1
	}
	return h ^ xxh3.Hash(part)
}

// origin returns the interned Origin of the entry in the envelope.
func (d *Decoder) origin() *Origin {
	e, o := &d.envelope, &d.origins
	k := &e.known
	h := mix(0, d.b[e.resource.from:e.resource.to])
	h = mix(h, projectOf(e.logName))
	h = mix(h, k.instance)
	h = mix(h, k.app)
	h = mix(h, k.templateHash)
	h = mix(h, k.environment)
	h = mix(h, k.service)
	h = mix(h, e.serviceName)
	if len(k.app) == 0 { // it outweighs these, of which resourceName changes with every node
		h = mix(mix(mix(h, k.appName), k.controller), k.resourceName)
	}
	if found, ok := o.byHash[h]; ok {
		return found
	}
	made := o.make(d.identify())
	if len(o.byHash) >= maxOrigins {
		clear(o.byHash)
	}
	o.byHash[h] = made
	return made
}

// identify reads who emitted the entry in the envelope. The payload has a say
// only where it is Google's own (protoPayload.serviceName) and the resource
// names nobody: what an application logs about service names is about others
// as often as about itself.
func (d *Decoder) identify() identity {
	e, o := &d.envelope, &d.origins
	k := &e.known
	var id identity
	id.kind = d.resourceLabels()
	s, listed := shapes[string(id.kind)]
	if !listed {
		s = anyShape
	}
	id.project = firstOf(o.label("project_id"), projectOf(e.logName))
	id.location = firstOf(o.label("location"), o.label("zone"), o.label("region"))
	id.namespace = firstOf(o.label("namespace_name"), o.label("namespace_id"), o.label("namespace"))
	id.environment = firstOf(k.environment, o.label("environment"), o.label("env"))
	id.name = o.firstLabel(s.name)
	id.revision = o.firstLabel(s.revision)
	id.instance = firstOf(k.instance, o.firstLabel(s.instance))
	switch string(id.kind) {
	case "k8s_container", "k8s_pod":
		id.name = firstOf(k.app, k.appName, id.name, k.controller, workload(id.instance))
		id.revision = k.templateHash
	case "gce_instance":
		id.name = firstOf(k.app, k.appName, k.service, k.resourceName, id.instance)
	default:
		id.name = firstOf(id.name, e.serviceName, k.app, k.appName, k.service)
	}
	return id
}

// resourceLabels fills o.labels from the resource, whose structure is known
// to be right, and returns its type.
func (d *Decoder) resourceLabels() (kind []byte) {
	e, o := &d.envelope, &d.origins
	o.used = 0
	if e.resource.to == 0 {
		return nil
	}
	i, done := d.begin(e.resource.from, '}')
	for more := true; more && !done; {
		key, at := d.member(i)
		switch {
		case string(key) == "type":
			kind, i = d.value(at, 3)
		case string(key) == "labels" && d.b[at] == '{':
			i = d.eachLabel(at)
		default:
			i = d.skip(at, 3)
		}
		i, more = d.more(i, '}')
	}
	return kind
}

func (d *Decoder) eachLabel(v int) int {
	o := &d.origins
	o.used = 0
	i, done := d.begin(v, '}')
	for more := true; more && !done; {
		key, at := d.member(i)
		var value []byte
		value, i = d.value(at, 4)
		if o.used < len(o.labels) {
			o.labels[o.used] = resourceLabel{key, value}
			o.used++
		}
		i, more = d.more(i, '}')
	}
	return i
}

// label returns the value of a resource label, the last one if it is there
// more than once.
func (o *origins) label(key string) []byte {
	for i := o.used - 1; i >= 0; i-- {
		if string(o.labels[i].key) == key {
			return o.labels[i].value
		}
	}
	return nil
}

func (o *origins) firstLabel(keys []string) []byte {
	for _, key := range keys {
		if v := o.label(key); len(v) > 0 && string(v) != "INVALID_BACKEND" {
			return v
		}
	}
	return nil
}

func firstOf(values ...[]byte) []byte {
	for _, v := range values {
		if len(v) > 0 {
			return v
		}
	}
	return nil
}

// make builds the Origin of id.
func (o *origins) make(id identity) *Origin {
	h := uint64(0)
	for _, part := range [...][]byte{id.kind, id.project, id.location, id.namespace, id.name, id.environment} {
		h = mix(h, part)
	}
	b, ok := o.bases[h]
	if !ok {
		b = &base{origin: Origin{
			Service:      o.service(id),
			Project:      cleanName(id.project),
			ResourceType: cleanName(id.kind),
			Location:     cleanName(id.location),
		}}
		if len(o.bases) >= maxOrigins {
			clear(o.bases)
		}
		o.bases[h] = b
	}
	if b.revision != string(id.revision) {
		b.revision, b.redacted = string(id.revision), o.keep(id.revision)
	}
	if len(o.slab) == 0 {
		o.slab = make([]Origin, 64)
	}
	made := &o.slab[0]
	o.slab = o.slab[1:]
	*made = b.origin
	made.Revision = b.redacted
	made.Instance = o.keep(id.instance)
	return made
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

// keep copies a name into a block shared by many, which saves an allocation
// for each instance of a stream that has a new one in every entry.
func (o *origins) keep(raw []byte) string {
	if !isPlainName(raw) {
		return cleanName(raw)
	}
	if o.names.Cap()-o.names.Len() < len(raw) {
		o.names = strings.Builder{}
		o.names.Grow(8 << 10)
	}
	from := o.names.Len()
	o.names.Write(raw)
	return o.names.String()[from:]
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
	return Redact(validText(string(raw)))
}
