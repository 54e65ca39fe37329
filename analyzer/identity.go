package analyzer

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

// identity is who emitted an entry, as slices of its raw bytes.
type identity struct {
	kind, project, location, namespace, name, revision, instance, environment []byte

	unsteady bool // the name was taken from what tells instances apart
}

// identify reads who emitted the entry in the envelope. The payload has a say
// only where it is Google's own (protoPayload.serviceName) and the resource
// names nobody: what an application logs about service names is about others
// as often as about itself.
func (d *Decoder) identify() identity {
	e, o := &d.envelope, &d.origins
	k := &e.known
	var id identity
	id.kind = o.kind
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
		id.name = firstOf(k.app, k.appName, id.name, k.controller)
		if len(id.name) == 0 {
			id.name, id.unsteady = workload(id.instance), true
		}
		id.revision = k.templateHash
	case "gce_instance":
		id.name = firstOf(k.app, k.appName, k.service)
		if len(id.name) == 0 {
			id.name, id.unsteady = firstOf(k.resourceName, id.instance), true
		}
	default:
		id.name = firstOf(id.name, e.serviceName, k.app, k.appName, k.service)
	}
	return id
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
