package deploy

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// applied is what is read of a Cloud Run service (Knative Service), a
// Kubernetes workload, or an ExternalSecret, and of lists of them.
type applied struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name        string            `yaml:"name"`
		Namespace   string            `yaml:"namespace"`
		Annotations map[string]string `yaml:"annotations"`
	} `yaml:"metadata"`
	Spec struct {
		Template struct {
			Metadata struct {
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"metadata"`
			Spec struct {
				Containers []container `yaml:"containers"`
				Volumes    []struct {
					Name   string `yaml:"name"`
					Secret struct {
						SecretName string `yaml:"secretName"`
						Items      []struct {
							Key string `yaml:"key"`
						} `yaml:"items"`
					} `yaml:"secret"`
				} `yaml:"volumes"`
			} `yaml:"spec"`
		} `yaml:"template"`
		// Of an ExternalSecret.
		Target struct {
			Name string `yaml:"name"`
		} `yaml:"target"`
		Data []struct {
			RemoteRef struct {
				Key string `yaml:"key"`
			} `yaml:"remoteRef"`
		} `yaml:"data"`
	} `yaml:"spec"`
	Status struct {
		URL string `yaml:"url"`
	} `yaml:"status"`
	Items []applied `yaml:"items"`
}

type container struct {
	Name string `yaml:"name"`
	Env  []struct {
		Name      string `yaml:"name"`
		Value     any    `yaml:"value"`
		ValueFrom struct {
			SecretKeyRef struct {
				Name string `yaml:"name"`
				Key  string `yaml:"key"`
			} `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	} `yaml:"env"`
	VolumeMounts []struct {
		Name string `yaml:"name"`
	} `yaml:"volumeMounts"`
}

// workloads are the kinds that run services.
var workloads = map[string]bool{"Service": true, "Deployment": true, "StatefulSet": true, "DaemonSet": true, "Rollout": true, "WorkerPool": true}

// ReadManifests adds the services of YAML or JSON documents to s. guess names
// the environment that a namespace or project belongs to, or returns "".
// Documents of other kinds are passed over.
func (s *Survey) ReadManifests(in io.Reader, guess func(string) string) error {
	dec := yaml.NewDecoder(in)
	for n := 1; ; n++ {
		var m applied
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
		s.take(&m, guess)
	}
}

func (s *Survey) take(m *applied, guess func(string) string) {
	for i := range m.Items {
		s.take(&m.Items[i], guess)
	}
	if m.Kind == "ExternalSecret" {
		if len(m.Spec.Data) > 0 {
			s.external(or(m.Spec.Target.Name, m.Metadata.Name), m.Spec.Data[0].RemoteRef.Key)
		}
		return
	}
	t := &m.Spec.Template
	if !workloads[m.Kind] || len(t.Spec.Containers) == 0 {
		return // a Kubernetes Service, which only routes, has no template
	}
	found := Surveyed{Name: m.Metadata.Name, Environment: guess(m.Metadata.Namespace), Namespace: m.Metadata.Namespace, URL: m.Status.URL}
	cluster := m.Kind != "Service" && m.Kind != "WorkerPool" // Cloud Run's secrets are Secret Manager's own
	alias := aliases(t.Metadata.Annotations["run.googleapis.com/secrets"])
	volumes := map[string]string{}
	for _, v := range t.Spec.Volumes {
		volumes[v.Name] = v.Secret.SecretName
	}
	for _, c := range t.Spec.Containers {
		for _, e := range c.Env {
			ref := e.ValueFrom.SecretKeyRef
			if ref.Name != "" {
				found.Secrets = append(found.Secrets, Mounted{Variable: e.Name, Secret: or(alias[ref.Name], ref.Name), Cluster: cluster})
			} else if text, is := e.Value.(string); is {
				found.hint(e.Name, text)
			}
		}
		for _, v := range c.VolumeMounts {
			if name := volumes[v.Name]; name != "" {
				found.Secrets = append(found.Secrets, Mounted{Secret: or(alias[name], name), Cluster: cluster})
			}
		}
	}
	s.Add(found)
}

// aliases reads Cloud Run's annotation for secrets of other projects:
// ALIAS:projects/N/secrets/S, separated by commas.
func aliases(annotation string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(annotation, ",") {
		if name, ref, ok := strings.Cut(strings.TrimSpace(pair), ":"); ok {
			out[name] = ref
		}
	}
	return out
}

var (
	keySetURL   = regexp.MustCompile(`^https://[^ ]+(?:jwks[^/ ]*|/certs|/keys)$`)
	metadataURL = regexp.MustCompile(`^https://[^ ]+/\.well-known/(?:openid-configuration|oauth-authorization-server)$`)
	issuerName  = regexp.MustCompile(`(?i)issuer|(^|_)iss($|_)`)
	audName     = regexp.MustCompile(`(?i)audience|(^|_)aud($|_)`)
)

// hint takes what a plain variable says of an issuer.
func (f *Surveyed) hint(name, value string) {
	switch {
	case keySetURL.MatchString(value):
		f.JWKS = value
	case metadataURL.MatchString(value):
		f.Discovery = value
	case issuerName.MatchString(name) && value != "":
		f.Issuer = value
	case audName.MatchString(name) && value != "":
		f.Audiences = append(f.Audiences, value)
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
