package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	runv1 "google.golang.org/api/run/v1"
)

// unitWith writes the unit with a program that is there, as systemd looks for it.
func unitWith(t *testing.T, change func(string) string) string {
	t.Helper()
	files, err := Tree("systemd", Values{})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "why401.service")
	text := strings.ReplaceAll(change(string(files["why401.service"])), "/usr/local/bin/why401", self)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// maxExposure is what systemd-analyze security may say of the unit; 10 is a
// service that may do everything.
const maxExposure = 1.5

func TestSystemdUnit(t *testing.T) {
	analyze, unit := program(t, "systemd-analyze"), unitWith(t, func(s string) string { return s })
	if out := run(t, "", analyze, "verify", unit); out != "" {
		t.Errorf("systemd-analyze verify says:\n%s", out)
	}
	if e := exposure(t, analyze, unit); e > maxExposure {
		t.Errorf("exposure %.1f; want at most %.1f", e, maxExposure)
	} else {
		t.Logf("exposure %.1f", e)
	}
	// A unit that says nothing of it must be seen to be worse.
	open := unitWith(t, func(s string) string {
		head, _, _ := strings.Cut(s, "# Beyond files")
		return head + "\n[Install]\nWantedBy=multi-user.target\n"
	})
	if e := exposure(t, analyze, open); e <= maxExposure {
		t.Errorf("exposure %.1f without any hardening", e)
	}
}

func exposure(t *testing.T, analyze, unit string) float64 {
	t.Helper()
	out := run(t, "", analyze, "security", "--offline=true", "--no-pager", unit)
	m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no exposure in:\n%s", out)
	}
	e, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCloudRun(t *testing.T) {
	files, err := Tree("cloudrun", Values{})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			var template *runv1.RevisionTemplate
			var one bool
			if name == "worker-pool.yaml" {
				var p runv1.WorkerPool
				mustDecode(t, data, &p)
				template = p.Spec.Template
				one = p.Kind == "WorkerPool" && p.Metadata.Annotations["run.googleapis.com/manualInstanceCount"] == "1" && p.Metadata.Annotations["run.googleapis.com/scalingMode"] == "manual"
			} else {
				var s runv1.Service
				mustDecode(t, data, &s)
				template = s.Spec.Template
				a := template.Metadata.Annotations
				one = s.Kind == "Service" && a["autoscaling.knative.dev/minScale"] == "1" && a["autoscaling.knative.dev/maxScale"] == "1"
				if a["run.googleapis.com/cpu-throttling"] != "false" {
					t.Error("between requests it would get no CPU")
				}
				c := template.Spec.Containers[0]
				if p := c.StartupProbe; p == nil || p.HttpGet.Path != "/-/healthy" || p.HttpGet.Port != c.Ports[0].ContainerPort {
					t.Errorf("startup probe %+v", p)
				}
				listens := map[string]string{"service.yaml": "WHY401_WEB_LISTEN", "push.yaml": "WHY401_SOURCE_PUSH_LISTEN"}[name]
				if want := "0.0.0.0:" + strconv.FormatInt(c.Ports[0].ContainerPort, 10); envOf(c)[listens] != want {
					t.Errorf("%s is %q; want %q, where Cloud Run sends requests", listens, envOf(c)[listens], want)
				}
			}
			c := template.Spec.Containers[0]
			if !one {
				t.Error("wanted exactly one instance at any time")
			}
			if c.Image != SampleImage || template.Spec.ServiceAccountName != sampleAccount || envOf(c)["WHY401_STORE_KIND"] != "memory" {
				t.Errorf("image %s, account %s, variables %v", c.Image, template.Spec.ServiceAccountName, envOf(c))
			}
			v := template.Spec.Volumes[0]
			if at := c.VolumeMounts[0].MountPath + "/" + v.Secret.Items[0].Path; c.VolumeMounts[0].Name != v.Name || at != c.Args[len(c.Args)-1] {
				t.Errorf("the configuration lies at %s, arguments are %v", at, c.Args)
			}
		})
	}
	if len(files) != 3 {
		t.Errorf("%d manifests; want service, worker pool and push", len(files))
	}
}

func envOf(c *runv1.Container) map[string]string {
	out := map[string]string{}
	for _, e := range c.Env {
		out[e.Name] = e.Value
	}
	return out
}
