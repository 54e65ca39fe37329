package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// redisLogin logs in to a Redis with the versions of the key domain's secret,
// newest first: a password that was rotated in the store and not in the
// database, or the other way round, refuses the next client that connects. It
// is what a probe of another kind of secret looks like: this file, a line in
// the map of kinds, an entry in the catalogue of causes.
type redisLogin struct {
	deps   *Deps
	domain analyzer.KeyDomain
	member analyzer.Member
	at     *url.URL
}

// passwordDrift is its cause.
const passwordDrift analyzer.Cause = "database.password_drift"

// newRedisLogin takes the members of a domain whose url is rediss://HOST:PORT
// or, on loopback, redis://HOST:PORT; before the host may stand a user.
func newRedisLogin(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	var out []Target
	for _, m := range domain.Services {
		if at, err := url.Parse(m.URL); err == nil && (at.Scheme == "redis" || at.Scheme == "rediss") && at.Host != "" {
			out = append(out, Target{Name: m.Name, Probe: &redisLogin{d, domain, m, at}})
		}
	}
	return out, nil
}

// The answers of a Redis to AUTH.
type redisAnswer string

const (
	redisTakes   redisAnswer = "takes"
	redisRefuses redisAnswer = "refuses"
	redisOpen    redisAnswer = "open" // it has no password
)

// maxLogins bounds the versions that are tried in one check.
const maxLogins = 5

// Check implements [Probe].
func (p *redisLogin) Check(ctx context.Context) []analyzer.ProbeResult {
	versions, err := p.versions(ctx)
	if err != nil {
		return []analyzer.ProbeResult{p.unknown("no version of the password could be read: %s", clip(err.Error()))}
	}
	name := p.member.Name
	for i, v := range versions {
		answer, err := p.login(ctx, v)
		switch {
		case err != nil:
			return []analyzer.ProbeResult{p.unknown("%s could not be asked at %s: %s", name, p.at.Host, clip(cause(err).Error()))}
		case answer == redisOpen:
			return []analyzer.ProbeResult{p.result(analyzer.StatusWarn, "", "%s at %s asks for no password at all: whoever reaches it is let in; set one (requirepass, or an ACL user)", name, p.at.Host)}
		case answer == redisRefuses:
			continue
		case i == 0:
			r := p.result(analyzer.StatusOK, "", "%s takes version %s of %s, the newest", name, v.Version, v.Secret)
			r.Refutes = []analyzer.Cause{passwordDrift}
			return []analyzer.ProbeResult{r}
		}
		r := p.result(analyzer.StatusFail, passwordDrift, "%s takes version %s of %s and refuses version %s, the newest: clients that read the newest fail at their next connection", name, v.Version, v.Secret, versions[0].Version)
		r.Facts = map[string]string{"takes": v.Version, "newest": versions[0].Version}
		return []analyzer.ProbeResult{r}
	}
	return []analyzer.ProbeResult{p.result(analyzer.StatusFail, passwordDrift, "%s takes none of the %d versions of %s that can be read: its password comes from elsewhere", name, len(versions), versions[0].Secret)}
}

// versions are the domain's own, newest first, each value once.
func (p *redisLogin) versions(ctx context.Context) ([]Candidate, error) {
	if p.deps.Reference == nil {
		return nil, errors.New("no secret store is configured")
	}
	all, err := p.deps.Reference.Candidates(ctx, p.domain)
	var out []Candidate
	for _, c := range all {
		if c.Word == "" && c.Cause == "" && !c.Value.Empty() && len(out) < maxLogins {
			out = append(out, c)
		}
	}
	if len(out) == 0 && err == nil {
		err = errors.New("the store has none")
	}
	if len(out) > 0 {
		err = nil
	}
	return out, err
}

func (p *redisLogin) result(s analyzer.Status, c analyzer.Cause, format string, args ...any) analyzer.ProbeResult {
	return analyzer.ProbeResult{Service: analyzer.Service{Name: p.member.Name, Environment: p.domain.Environment}, Status: s, Cause: c, Detail: fmt.Sprintf(format, args...)}
}

func (p *redisLogin) unknown(format string, args ...any) analyzer.ProbeResult {
	return p.result(analyzer.StatusUnknown, "", format, args...)
}

// login sends AUTH in the form of RESP arrays (https://redis.io/docs/latest/develop/reference/protocol-spec/)
// and reads the one line of its answer.
func (p *redisLogin) login(ctx context.Context, v Candidate) (redisAnswer, error) {
	conn, err := p.deps.Guard.dial(ctx, p.at, "6379")
	if err != nil {
		return "", err
	}
	defer conn.Close() // the answer is read
	words := [][]byte{[]byte("AUTH")}
	if user := p.at.User.Username(); user != "" {
		words = append(words, []byte(user))
	}
	words = append(words, v.Value.Bytes())
	message := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		message = fmt.Appendf(message, "$%d\r\n", len(w))
		message = append(append(message, w...), "\r\n"...)
	}
	defer clear(message)
	if _, err := conn.Write(message); err != nil {
		return "", err
	}
	line, err := bufio.NewReaderSize(conn, 512).ReadSlice('\n')
	switch text := string(line); {
	case err != nil:
		return "", errors.New("it gives no answer of a Redis")
	case strings.HasPrefix(text, "+OK"):
		return redisTakes, nil
	case strings.HasPrefix(text, "-WRONGPASS"), strings.HasPrefix(text, "-ERR invalid password"):
		return redisRefuses, nil
	case strings.HasPrefix(text, "-ERR") && strings.Contains(text, "without any password"), strings.HasPrefix(text, "-ERR Client sent AUTH, but no password is set"):
		return redisOpen, nil
	}
	return "", errors.New("it gives another answer than a Redis gives to AUTH")
}

// dial connects to what speaks no HTTP, under the rules for what does: budget,
// allowed addresses, TLS everywhere but on loopback. The scheme says which; a
// scheme that ends in s is TLS.
func (g *Guard) dial(ctx context.Context, at *url.URL, port string) (net.Conn, error) {
	host := at.Host
	if at.Port() == "" {
		host = net.JoinHostPort(at.Hostname(), port)
	}
	if !g.budget(host).Allow() {
		return nil, ErrBudget
	}
	secure := strings.HasSuffix(at.Scheme, "ss")
	if ip, err := netip.ParseAddr(at.Hostname()); !secure && (err != nil || !ip.Unmap().IsLoopback() || !g.allowed(ip.Unmap())) {
		return nil, fmt.Errorf("%w: wanted TLS; without it only loopback addresses, when allow_private lists them", ErrAddress)
	}
	conn, err := g.dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	end, ok := ctx.Deadline()
	if limit := g.client.Timeout; limit > 0 {
		if own := time.Now().Add(limit); !ok || own.Before(end) {
			end, ok = own, true
		}
	}
	if ok {
		err = conn.SetDeadline(end)
	}
	if err == nil && secure {
		c := g.client.Transport.(*http.Transport).TLSClientConfig.Clone() // NewGuard made it
		c.ServerName = at.Hostname()
		shaken := tls.Client(conn, c)
		if err = shaken.HandshakeContext(ctx); err == nil {
			return shaken, nil
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
