package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

func newAgentCmd(env *environment) *cobra.Command {
	o := agentOptions{}
	listen, pepper := "127.0.0.1:9402", ""
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "serve /health/jwt for a service in any language, from beside it",
		Long: "Reads the variables, files and mounted secrets that the service reads, and answers for it in the\n" +
			"fingerprint protocol. With --pid or --process it reads the variables that the service's process was really\n" +
			"started with, and starts anew when the process does. A file that changes is told as different from what the\n" +
			"process holds, unless --reload says that the service reads it again.",
		Example: "  why401 agent --env JWT_SECRET_STAGING,JWT_SECRET --process node --pepper file:/run/secrets/why401-pepper\n" +
			"  why401 agent --file /var/run/secrets/jwt/key --trim --pepper env:WHY401_PEPPER --listen 0.0.0.0:9402",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return exitHint(exitUsage, err, "why401 agent --env JWT_SECRET --pepper env:WHY401_PEPPER")
			}
			secret, err := readPepper(pepper, env.getenv)
			if err != nil {
				return exitHint(exitConfig, err, "--pepper env:NAME or file:PATH, of at least 32 bytes; make one with: openssl rand -base64 32")
			}
			s := &sidecar{options: o, pepper: secret, log: env.logger("info")}
			return s.serve(cmd.Context(), listen)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.env, "env", nil, "variables that name the secret, the strongest first, as the service resolves them")
	f.StringSliceVar(&o.files, "file", nil, "file that holds a secret or a public key (PEM)")
	f.StringSliceVar(&o.previous, "previous", nil, "env:NAME or file:PATH of a value that the service still accepts")
	f.IntVar(&o.pid, "pid", 0, "process of the service, whose variables are read")
	f.StringVar(&o.process, "process", "", "name of the service's program, when its pid is not known beforehand")
	f.BoolVar(&o.reload, "reload", false, "the service reads its files again when they change")
	f.BoolVar(&o.trim, "trim", false, "the service takes white space off both ends of the value")
	f.StringVar(&o.decode, "decode", "", "the service decodes the value: base64, base64url or hex")
	f.StringSliceVar(&o.algorithms, "alg", []string{"HS256"}, "algorithms that the service accepts")
	f.StringVar(&o.issuer, "issuer", "", "the iss that the service wants")
	f.StringSliceVar(&o.audiences, "audience", nil, "the aud that the service wants")
	f.DurationVar(&o.leeway, "leeway", 0, "clock tolerance of the service")
	f.StringVar(&pepper, "pepper", "", "env:NAME or file:PATH of the pepper that is shared with why401; empty: no fingerprints")
	f.StringVar(&listen, "listen", listen, "address to serve on")
	return cmd
}

// readPepper reads the pepper; an empty reference means none.
func readPepper(text string, getenv func(string) string) (healthjwt.Secret, error) {
	if text == "" {
		return healthjwt.Secret{}, nil
	}
	var value healthjwt.Secret
	switch ref, err := analyzer.ParseSecretRef(text); {
	case err != nil || ref.Kind == analyzer.InSecretManager:
		return value, errors.New("read pepper: wanted env:NAME or file:PATH, found something else: a pepper itself must not stand in a command line")
	case ref.Kind == analyzer.InEnvironment:
		value = healthjwt.NewSecret(getenv(ref.Name))
	default:
		h, err := healthjwt.FromFile(ref.Name)
		if err != nil {
			return value, fmt.Errorf("read pepper: %w", err)
		}
		value = h.Value
	}
	if _, err := healthjwt.NewPepper(value); err != nil {
		return value, fmt.Errorf("read pepper from %s: %w", text, err)
	}
	return value, nil
}

// watchEvery is how often the agent looks whether what it serves is still
// what lies at the source.
const watchEvery = 10 * time.Second

// serve answers until ctx ends.
func (s *sidecar) serve(ctx context.Context, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return exitWith(exitBackend, fmt.Errorf("listen: %w", err))
	}
	mux := http.NewServeMux()
	mux.Handle("/health/jwt", s)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("healthy\n")) }) // the client is gone
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	s.log.Info().Str("listen", l.Addr().String()).Strs("env", s.options.env).Strs("files", s.options.files).Bool("fingerprints", !s.pepper.Empty()).Msg("serving /health/jwt")
	s.watch()
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.watch()
		case err := <-failed:
			return exitWith(exitBackend, fmt.Errorf("serve: %w", err))
		case <-ctx.Done():
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain/2)
			defer cancel()
			_ = server.Shutdown(limit) // the process ends anyway
			return nil
		}
	}
}

// ServeHTTP answers for the service. While its process cannot be seen the
// answer is 503 and the reason: that is neither health nor the lack of it.
func (s *sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, _, err := s.current()
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // the client is gone
		return
	}
	h.ServeHTTP(w, r)
}

// watch logs, once, what became of the service and its sources.
func (s *sidecar) watch() {
	_, held, err := s.current()
	now := "what the service holds is what lies at its source"
	level := zerolog.InfoLevel
	switch {
	case err != nil:
		now, level = "the service cannot be seen: "+err.Error(), zerolog.WarnLevel
	case slices.ContainsFunc(held, changed):
		now, level = "a source changed and the service still holds the value of before; restart it", zerolog.WarnLevel
	}
	if s.mu.Lock(); s.said != now {
		s.said = now
		s.log.WithLevel(level).Msg(now)
	}
	s.mu.Unlock()
}

// changed reports whether the source of a value has another one by now.
func changed(h healthjwt.Held) bool {
	if h.Unseen || h.Again == nil {
		return h.Unseen
	}
	now, err := h.Again()
	return err != nil || !now.Equal(h.Value)
}
