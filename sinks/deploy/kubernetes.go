package deploy

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// scrapeEvery is how often our manifests let metrics be read and rules be
// evaluated.
const scrapeEvery = "30s"

const serviceMonitor = `---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: why401
  labels:
    app.kubernetes.io/name: why401
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: why401
  endpoints:
    - port: http
      path: /metrics
      interval: 30s
`

const podMonitoring = `---
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata:
  name: why401
  labels:
    app.kubernetes.io/name: why401
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: why401
  endpoints:
    - port: http
      path: /metrics
      interval: 30s
`

// object is a Kubernetes object that holds rule groups.
type object struct {
	APIVersion string        `yaml:"apiVersion"`
	Kind       string        `yaml:"kind"`
	Metadata   yaml.MapSlice `yaml:"metadata"`
	Spec       struct {
		Groups []group `yaml:"groups"`
	} `yaml:"spec"`
}

// prometheusOperator is a PrometheusRule and a ServiceMonitor.
func prometheusOperator(l Links) ([]byte, error) {
	return manifest(l, "monitoring.coreos.com/v1", "PrometheusRule", serviceMonitor)
}

// managedPrometheus is what Google's managed service for Prometheus takes:
// Rules, whose groups need an interval, and a PodMonitoring.
func managedPrometheus(l Links) ([]byte, error) {
	return manifest(l, "monitoring.googleapis.com/v1", "Rules", podMonitoring)
}

func manifest(l Links, version, kind, scrape string) ([]byte, error) {
	all, err := groups(l)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Interval = scrapeEvery
	}
	o := object{APIVersion: version, Kind: kind, Metadata: yaml.MapSlice{
		{Key: "name", Value: "why401"}, {Key: "labels", Value: yaml.MapSlice{{Key: "app.kubernetes.io/name", Value: "why401"}}},
	}}
	o.Spec.Groups = all
	var b strings.Builder
	if err := yaml.NewEncoder(&b, yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true)).Encode(o); err != nil {
		return nil, fmt.Errorf("print %s: %w", kind, err)
	}
	return []byte(b.String() + scrape), nil
}
