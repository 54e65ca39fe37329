package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/healthjwt"
)

// Config is the section `probes` of the configuration.
type Config struct {
	Interval    time.Duration            `yaml:"interval"`    // between two checks of a target; 1 minute
	Every       map[string]time.Duration `yaml:"every"`       // another interval for a kind, such as jwks: 5m
	Timeout     time.Duration            `yaml:"timeout"`     // of one request, at most 30 s; 5 s
	Concurrency int                      `yaml:"concurrency"` // checks at the same time; 8
	Budget      int                      `yaml:"budget"`      // requests an hour to one URL; 240
	Off         []string                 `yaml:"off"`         // kinds that are left out
	// AllowPrivate lists the networks of private addresses that may be asked,
	// such as 10.0.0.0/8. Loopback may be listed too, and only there plain
	// http is taken; link-local and metadata addresses never.
	AllowPrivate []string `yaml:"allow_private"`
	CAFile       string   `yaml:"ca_file"` // PEM certificates that are trusted beside the system's; empty: none
	// PepperFile holds the pepper that the services' /health/jwt handlers
	// share, at least 32 bytes. Empty: fingerprints are not asked for.
	PepperFile string `yaml:"pepper_file"`
	Canary     Canary `yaml:"canary"`
	// SecretManager says how the versions of the key domains' secrets are read.
	SecretManager SecretManager `yaml:"secret_manager"`
	// Dial connects instead of the network, for services that live in this
	// process. Addresses are checked all the same.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// DefaultConfig returns the settings of a daemon that nobody configured.
func DefaultConfig() Config {
	return Config{Interval: time.Minute, Timeout: 5 * time.Second, Concurrency: 8, Budget: 240,
		Every: map[string]time.Duration{}}
}

// Validate returns every problem of the section.
func (c Config) Validate() []conf.FieldError {
	problems := conf.Between("interval", c.Interval, time.Second, 24*time.Hour)
	problems = append(problems, conf.Between("timeout", c.Timeout, 100*time.Millisecond, 30*time.Second)...)
	problems = append(problems, conf.Between("concurrency", c.Concurrency, 1, 1000)...)
	problems = append(problems, conf.Between("budget", c.Budget, 1, 100_000)...)
	for kind, every := range c.Every {
		problems = append(problems, conf.OneOf("every."+kind, kind, Kinds()...)...)
		problems = append(problems, conf.Between("every."+kind, every, time.Second, 24*time.Hour)...)
	}
	for i, kind := range c.Off {
		problems = append(problems, conf.OneOf(fmt.Sprintf("off[%d]", i), kind, Kinds()...)...)
	}
	for i, text := range c.AllowPrivate {
		path := fmt.Sprintf("allow_private[%d]", i)
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			problems = append(problems, conf.FieldError{Path: path, Msg: "wanted a network, found " + conf.Quote(text), Hint: "write 10.0.0.0/8"})
		case p.Masked() != p:
			problems = append(problems, conf.FieldError{Path: path, Msg: "wanted a network, found " + conf.Quote(text), Hint: "write " + p.Masked().String()})
		}
	}
	return problems
}

// Pepper reads PepperFile. It returns nil when none is named.
func (c Config) Pepper() (*healthjwt.Pepper, error) {
	if c.PepperFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.PepperFile)
	if err != nil {
		return nil, fmt.Errorf("read pepper_file: %w", err)
	}
	p, err := healthjwt.NewPepper(healthjwt.NewSecret(text))
	if err != nil {
		return nil, fmt.Errorf("read pepper_file %s: %w", c.PepperFile, err)
	}
	return &p, nil
}

func (c Config) every(kind string) time.Duration {
	if d := c.Every[kind]; d > 0 {
		return d
	}
	if d := defaultEvery[kind]; d > c.Interval {
		return d
	}
	return c.Interval
}

// defaultEvery are the kinds that look less often than Config.Interval: their
// answer changes slowly, or costs the target more than one request.
var defaultEvery = map[string]time.Duration{
	"canary":         5 * time.Minute,
	"jwks":           5 * time.Minute,
	"negative":       6 * time.Hour,
	"oidc":           time.Hour,
	"replicas":       30 * time.Minute, // a round takes up to 28 requests
	"secret_manager": 5 * time.Minute,
}

// checkTimeout is what one whole check may take: a few requests one after the
// other.
func (c Config) checkTimeout() time.Duration { return 4 * c.Timeout }
