package deploy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// kinds are the types of the objects that we ship.
var kinds = map[string]func() runtime.Object{
	"v1 ConfigMap":                       func() runtime.Object { return &corev1.ConfigMap{} },
	"v1 Namespace":                       func() runtime.Object { return &corev1.Namespace{} },
	"v1 Service":                         func() runtime.Object { return &corev1.Service{} },
	"v1 ServiceAccount":                  func() runtime.Object { return &corev1.ServiceAccount{} },
	"apps/v1 StatefulSet":                func() runtime.Object { return &appsv1.StatefulSet{} },
	"networking.k8s.io/v1 NetworkPolicy": func() runtime.Object { return &networkingv1.NetworkPolicy{} },
	"policy/v1 PodDisruptionBudget":      func() runtime.Object { return &policyv1.PodDisruptionBudget{} },
}

// strictly decodes YAML as Kubernetes does with strict validation: a field that
// is unknown, doubled or of the wrong case is an error.
func strictly(data []byte, v any) error {
	text, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return err
	}
	problems, err := json.UnmarshalStrict(text, v)
	return errors.Join(append(problems, err)...)
}

func mustDecode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := strictly(data, v); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
}

// decoded are the objects of a stream, by kind.
func decoded(t *testing.T, stream []byte) map[string]runtime.Object {
	t.Helper()
	out := map[string]runtime.Object{}
	documents := kyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	for {
		doc, err := documents.Read()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &meta); err != nil {
			t.Fatal(err)
		}
		kind := meta.APIVersion + " " + meta.Kind
		if kinds[kind] == nil || out[kind] != nil {
			t.Fatalf("%s: a second one, or nobody knows what it is", kind)
		}
		o := kinds[kind]()
		mustDecode(t, doc, o)
		out[kind] = o
	}
}

func rendered(t *testing.T, dir string) map[string]runtime.Object {
	t.Helper()
	return decoded(t, []byte(run(t, "kubernetes", program(t, "kubectl"), "kustomize", dir)))
}

func TestKustomizeRenders(t *testing.T) {
	for dir, want := range map[string]struct{ namespace, project, disk string }{
		"base":                {"why401", "acme-prod", "10Gi"},
		"overlays/production": {"why401", "acme-prod", "50Gi"},
		"overlays/staging":    {"why401-staging", "acme-staging", "10Gi"},
	} {
		t.Run(dir, func(t *testing.T) {
			all := rendered(t, dir)
			if d := cmp.Diff(slices.Sorted(maps.Keys(kinds)), slices.Sorted(maps.Keys(all))); d != "" {
				t.Fatalf("objects (-want +got):\n%s", d)
			}
			for kind, o := range all {
				meta := o.(metav1.Object)
				if n := meta.GetNamespace(); n != want.namespace && kind != "v1 Namespace" || meta.GetLabels()["app.kubernetes.io/name"] != "why401" {
					t.Errorf("%s lies in namespace %q with labels %v", kind, n, meta.GetLabels())
				}
			}
			config, set := all["v1 ConfigMap"].(*corev1.ConfigMap), all["apps/v1 StatefulSet"].(*appsv1.StatefulSet)
			if !strings.Contains(config.Data["why401.yaml"], "project: "+want.project+"\n") {
				t.Errorf("configuration of another project:\n%s", config.Data["why401.yaml"])
			}
			if a := all["v1 ServiceAccount"].(*corev1.ServiceAccount); a.Annotations["iam.gke.io/gcp-service-account"] != "why401@"+want.project+".iam.gserviceaccount.com" {
				t.Errorf("workload identity %v", a.Annotations)
			}
			if n := all["v1 Namespace"].(*corev1.Namespace).Name; n != want.namespace {
				t.Errorf("namespace %s", n)
			}
			if v := set.Spec.Template.Spec.Volumes[0].ConfigMap; v.Name != config.Name || !strings.HasPrefix(v.Name, "why401-") {
				t.Errorf("the pod mounts %q; want %q, whose name changes with the configuration", v.Name, config.Name)
			}
			if disk := set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage(); disk.String() != want.disk {
				t.Errorf("disk of %s; want %s", disk, want.disk)
			}
			checkPod(t, set)
			checkTies(t, all, set)
		})
	}
}

// checkPod wants the pod to be what the restricted pod security standard
// admits, with one container that has what it needs.
func checkPod(t *testing.T, set *appsv1.StatefulSet) {
	t.Helper()
	pod := set.Spec.Template.Spec
	if *set.Spec.Replicas != 1 || len(pod.Containers) != 1 || *pod.AutomountServiceAccountToken || pod.ServiceAccountName != "why401" {
		t.Errorf("replicas %d, containers %d, token %v, account %s", *set.Spec.Replicas, len(pod.Containers), *pod.AutomountServiceAccountToken, pod.ServiceAccountName)
	}
	if s := pod.SecurityContext; !*s.RunAsNonRoot || *s.RunAsUser < 1000 || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault || *s.FSGroup != *s.RunAsGroup {
		t.Errorf("security context of the pod %+v", s)
	}
	c := pod.Containers[0]
	if s := c.SecurityContext; !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
		t.Errorf("security context of the container %+v", s)
	}
	for path, p := range map[string]*corev1.Probe{"/-/healthy": c.LivenessProbe, "/-/ready": c.ReadinessProbe} {
		if p == nil || p.HTTPGet.Path != path || p.HTTPGet.Port != intstr.FromString("http") {
			t.Errorf("probe %+v; want GET %s of http", p, path)
		}
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() || !c.Resources.Limits.Cpu().IsZero() {
		t.Errorf("resources %+v; want requests, and a limit of memory alone", c.Resources)
	}
	mounted := map[string]string{}
	for _, m := range c.VolumeMounts {
		mounted[m.Name] = m.MountPath
	}
	if d := cmp.Diff(map[string]string{"config": "/etc/why401", "data": "/var/lib/why401", "tmp": "/tmp"}, mounted); d != "" {
		t.Errorf("mounts (-want +got):\n%s", d)
	}
	if c.Image != SampleImage {
		t.Errorf("image %s; want %s, which --image replaces", c.Image, SampleImage)
	}
}

// checkTies wants the objects to mean one another.
func checkTies(t *testing.T, all map[string]runtime.Object, set *appsv1.StatefulSet) {
	t.Helper()
	service, policy, budget := all["v1 Service"].(*corev1.Service), all["networking.k8s.io/v1 NetworkPolicy"].(*networkingv1.NetworkPolicy), all["policy/v1 PodDisruptionBudget"].(*policyv1.PodDisruptionBudget)
	for name, selector := range map[string]map[string]string{
		"set": set.Spec.Selector.MatchLabels, "service": service.Spec.Selector, "network policy": policy.Spec.PodSelector.MatchLabels, "disruption budget": budget.Spec.Selector.MatchLabels,
	} {
		for k, v := range selector {
			if set.Spec.Template.Labels[k] != v {
				t.Errorf("the %s selects %s=%s, the pod has %v", name, k, v, set.Spec.Template.Labels)
			}
		}
		if len(selector) == 0 {
			t.Errorf("the %s selects everything", name)
		}
	}
	port := set.Spec.Template.Spec.Containers[0].Ports[0]
	if in := policy.Spec.Ingress; len(in) != 1 || in[0].Ports[0].Port.IntVal != port.ContainerPort || len(in[0].From) == 0 || len(policy.Spec.PolicyTypes) != 2 {
		t.Errorf("the policy lets in %+v; want port %d for some alone", in, port.ContainerPort)
	}
	if port.Name != "http" || service.Spec.Ports[0].Name != "http" || service.Spec.Ports[0].TargetPort.StrVal != "http" || set.Spec.ServiceName != service.Name {
		t.Errorf("ports %+v and %+v; want http, which the monitors of setup alerts look for", port, service.Spec.Ports)
	}
	if budget.Spec.MaxUnavailable.IntVal != 1 || budget.Spec.MinAvailable != nil {
		t.Error("the only pod must not hold up the drain of a node")
	}
}

// The printed objects are those of the base, but for what kustomize adds:
// namespace, common labels and the ending of the configuration's name.
func TestObjectsAreTheBase(t *testing.T) {
	printed, err := Objects(Values{})
	if err != nil {
		t.Fatal(err)
	}
	got, want := decoded(t, printed), rendered(t, "base")
	for kind, o := range want {
		meta := o.(metav1.Object)
		meta.SetNamespace("")
		for _, m := range []metav1.Object{meta, got[kind].(metav1.Object)} {
			if kind != "v1 Namespace" {
				m.SetLabels(nil)
			} else {
				delete(m.GetLabels(), "app.kubernetes.io/name")
			}
		}
		switch o := o.(type) {
		case *corev1.ConfigMap:
			o.Name = "why401"
		case *appsv1.StatefulSet:
			o.Spec.Template.Spec.Volumes[0].ConfigMap.Name = "why401"
			o.Spec.VolumeClaimTemplates[0].Labels = nil
		}
		if d := cmp.Diff(o, got[kind]); d != "" {
			t.Errorf("%s: the base has (-), printed is (+):\n%s", kind, d)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d objects; want %d", len(got), len(want))
	}
}

// A strict decoder must find what a lenient one would let pass.
func TestDecodingIsStrict(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("kubernetes", "base", "statefulset.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"readOnlyRootFilesystem": "readonlyRootFilesystem",
		"serviceAccountName":     "serviceAccount_name",
		"replicas: 1":            "replicas: one",
		"serviceName: why401":    "serviceName: why401\n  serviceName: why401",
	} {
		broken := bytes.Replace(data, []byte(from), []byte(to), 1)
		if bytes.Equal(broken, data) || strictly(broken, &appsv1.StatefulSet{}) == nil {
			t.Errorf("%s instead of %s went unnoticed", to, from)
		}
	}
	if err := strictly(data, &appsv1.StatefulSet{}); err != nil {
		t.Error(err)
	}
}
