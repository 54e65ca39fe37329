package probe

import (
	"context"
	"errors"
	"hash/crc32"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// versionState is the state of a secret version, in the words of the API.
type versionState string

const (
	enabled   versionState = "ENABLED"
	disabled  versionState = "DISABLED"
	destroyed versionState = "DESTROYED"
)

// storeVersion is one version of a secret, with its value when it was read.
type storeVersion struct {
	number  int
	label   string // instead of number, where versions are files
	state   versionState
	created time.Time // zero: not known
	gone    time.Time // destroyed; zero: not known
	value   healthjwt.Secret
	read    bool
}

func (v *storeVersion) name() string {
	if v.label != "" {
		return v.label
	}
	return strconv.Itoa(v.number)
}

// The bounds of what is asked of a store.
const (
	maxListed = 200
	attempts  = 2
	pause     = 300 * time.Millisecond
)

// googleStore reads Secret Manager. It is safe for concurrent use.
type googleStore struct {
	endpoint string        // host:port; empty: Google's own
	timeout  time.Duration // of one call
	options  []option.ClientOption

	mu      sync.Mutex
	clients map[string]*secretmanager.Client // by location, "" for global secrets
}

func (g *googleStore) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, c := range g.clients {
		errs = append(errs, c.Close())
	}
	g.clients = nil
	return errors.Join(errs...)
}

// client makes a client for a location once. Regional secrets have endpoints
// of their own.
func (g *googleStore) client(ctx context.Context, location string) (*secretmanager.Client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.clients[location]; c != nil {
		return c, nil
	}
	// The connection outlives the check that happens to need it first.
	c, err := SecretManager{Endpoint: g.endpoint, Options: g.options}.Client(context.WithoutCancel(ctx), location)
	if err != nil {
		return nil, diagnose(ctx, "open Secret Manager", err)
	}
	// Retries are ours: the library's would use up the time of a check.
	c.CallOptions.AccessSecretVersion, c.CallOptions.ListSecretVersions = nil, nil
	if g.clients == nil {
		g.clients = map[string]*secretmanager.Client{}
	}
	g.clients[location] = c
	return c, nil
}

// Client connects to the store, for secrets of a location; "" is for global
// ones.
func (c SecretManager) Client(ctx context.Context, location string) (*secretmanager.Client, error) {
	options := []option.ClientOption{option.WithUserAgent("why401")}
	switch {
	case c.Endpoint != "":
		options = append(options, option.WithEndpoint(c.Endpoint))
		if host, _, err := net.SplitHostPort(c.Endpoint); err == nil && isLoopback(host) {
			options = append(options, option.WithoutAuthentication(), option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
		}
	case location != "":
		options = append(options, option.WithEndpoint("secretmanager."+location+".rep.googleapis.com:443"))
	}
	return secretmanager.NewClient(ctx, append(options, c.Options...)...)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// list returns the versions without their values, newest first.
func (g *googleStore) list(ctx context.Context, ref analyzer.SecretRef) ([]storeVersion, error) {
	c, err := g.client(ctx, ref.Location)
	if err != nil {
		return nil, err
	}
	var out []storeVersion
	err = g.try(ctx, "list the versions of "+ref.Short(), func(ctx context.Context) error {
		out = nil
		for v, err := range c.ListSecretVersions(ctx, &secretmanagerpb.ListSecretVersionsRequest{Parent: ref.String(), PageSize: maxListed}).All() {
			if err != nil {
				return err
			}
			if n, ok := numberOf(v.GetName()); ok {
				out = append(out, storeVersion{number: n, state: versionState(v.GetState().String()), created: timeOf(v.GetCreateTime()), gone: timeOf(v.GetDestroyTime())})
			}
			if len(out) >= maxListed {
				break
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b storeVersion) int { return b.number - a.number })
	return out, err
}

func timeOf(t interface {
	IsValid() bool
	AsTime() time.Time
}) time.Time {
	if !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}

func numberOf(name string) (int, bool) {
	n, err := strconv.Atoi(name[strings.LastIndexByte(name, '/')+1:])
	return n, err == nil
}

// errChecksum: a payload was damaged on its way.
var errChecksum = errors.New("the payload does not fit its CRC-32C")

// access reads the value of a version; its name is a number or latest. It
// tells the number, too.
func (g *googleStore) access(ctx context.Context, ref analyzer.SecretRef, version string) (storeVersion, error) {
	out := storeVersion{}
	c, err := g.client(ctx, ref.Location)
	if err != nil {
		return out, err
	}
	err = g.try(ctx, "read version "+version+" of "+ref.Short(), func(ctx context.Context) error {
		r, err := c.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: ref.String() + "/versions/" + version})
		if err != nil {
			return err
		}
		out.number, _ = numberOf(r.GetName())
		p := r.GetPayload()
		if p.DataCrc32C != nil && p.GetDataCrc32C() != int64(crc32.Checksum(p.GetData(), crc32.MakeTable(crc32.Castagnoli))) {
			return errChecksum
		}
		out.state, out.value, out.read = enabled, healthjwt.NewSecret(p.GetData()), true
		clear(p.GetData())
		return nil
	})
	return out, err
}

// try makes a call, once more when it may have been an accident.
func (g *googleStore) try(ctx context.Context, what string, call func(context.Context) error) error {
	var last *storeError
	for i := range attempts {
		if i > 0 && !wait(ctx, pause) {
			break
		}
		end, ends := ctx.Deadline()
		short := ends && time.Until(end) < g.timeout // the store has less time than it is granted
		limited, cancel := context.WithTimeout(ctx, g.timeout)
		err := call(limited)
		cancel()
		if err == nil {
			return nil
		}
		if last = diagnose(ctx, what, err); errors.Is(err, errChecksum) {
			last.trouble = damaged
		}
		if ctx.Err() != nil || short && last.trouble == unreachable {
			last.trouble = interrupted
		}
		if last.trouble != unreachable && last.trouble != damaged {
			break
		}
	}
	return last
}
