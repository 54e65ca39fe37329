package lab

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// user is a person with an app: it logs in, calls services, and renews its
// token in good time, unless it sleeps over it.
type user struct {
	id, password, ip, agent string

	token   string
	expires time.Time
	sleepy  bool // will not renew this token before it has expired
}

// renewal is how long before its end a token is renewed.
const renewal = 45 * time.Second

var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
	"AcmeShop/5.12.0 (Android 16) okhttp/5.3.0",
	"AcmeShop/5.11.2 (iOS 26.2) CFNetwork/3860",
}

// crowd is everybody who calls the platform from outside.
type crowd struct {
	p     *platform
	t     Traffic
	luck  *chance
	users []*user
	calls []Call // each as often as its weight
	lost  map[string]bool
}

// newCrowd invents the users. Their passwords are random in every run and
// appear nowhere.
func newCrowd(p *platform, t Traffic, luck *chance) *crowd {
	c := &crowd{p: p, t: t, luck: luck, lost: map[string]bool{}}
	for i := range t.Users {
		u := &user{id: fmt.Sprintf("u%04d", i), password: rand.Text(), ip: fmt.Sprintf("203.0.113.%d", 1+i%250), agent: agents[i%len(agents)]}
		c.users = append(c.users, u)
		p.passwords[u.id] = u.password
		p.lacking[u.id] = luck.happens(t.Lacking)
		p.long[u.id] = i%10 == 3
	}
	for _, call := range t.Calls {
		for range call.Weight {
			c.calls = append(c.calls, call)
		}
	}
	return c
}

// crowded is how many calls a second of all users together are so many that
// they are at work side by side.
const crowded = 12

// plan puts the crowd's doings on the plan, from a moment on.
func (c *crowd) plan(from time.Time) {
	if c.t.Rate > 0 && len(c.users) > 0 && len(c.calls) > 0 {
		mean := time.Duration(float64(time.Second) / c.t.Rate)
		next, due := from, from
		var again func(context.Context) error
		again = func(ctx context.Context) error {
			at := due
			next = next.Add(c.luck.gap(mean))
			due = next
			c.p.plan.at(due, again)
			if c.t.Rate <= crowded {
				return c.act(ctx)
			}
			return c.p.clock.beside(at, func() error { return c.act(ctx) })
		}
		due = next.Add(c.luck.gap(mean))
		c.p.plan.at(due, again)
	}
	if c.t.Health > 0 {
		for _, spec := range c.p.scenario.Services {
			if len(spec.Invokers) > 0 {
				continue // an uptime check from outside has no identity to show
			}
			c.p.plan.every(from, c.t.Health, c.luck, func(ctx context.Context) error {
				_, _, err := c.send(ctx, http.MethodGet, spec.Name, "/healthz", "", nil, "35.191.0.9",
					"GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)")
				return err
			})
		}
	}
	for i := range c.t.Clients {
		c.client(from, &c.t.Clients[i])
	}
	for _, job := range c.t.Jobs {
		c.p.plan.every(from, job.Every, c.luck, func(ctx context.Context) error { return c.work(ctx, job) })
	}
}

// act is one thing that somebody does.
func (c *crowd) act(ctx context.Context) error {
	call := c.calls[c.luck.intN(len(c.calls))]
	if c.luck.happens(c.t.Anonymous) {
		_, err := c.request(ctx, call, "", "192.0.2.77", "python-requests/2.34.0")
		return err
	}
	u := c.users[c.luck.intN(len(c.users))]
	now := c.p.clock.Now()
	switch {
	case u.token == "":
		if err := c.login(ctx, u); err != nil {
			return err
		}
	case now.Add(renewal).After(u.expires) && !u.sleepy:
		if err := c.refresh(ctx, u); err != nil {
			return err
		}
	}
	if u.token == "" {
		return nil // the login failed; the user tries again another time
	}
	status, err := c.request(ctx, call, u.token, u.ip, u.agent)
	if err != nil {
		return err
	}
	if refused(status) && c.p.clock.Now().After(u.expires) {
		// The app sees that its token is over, logs in again and repeats
		// the call. Any other refusal the user has to live with.
		if err := c.login(ctx, u); err != nil || u.token == "" {
			return err
		}
		_, err = c.request(ctx, call, u.token, u.ip, u.agent)
	}
	return err
}

func refused(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// login gets the user a token, sometimes after a mistyped password.
func (c *crowd) login(ctx context.Context, u *user) error {
	if c.luck.happens(c.t.BadLogin) {
		if err := c.obtain(ctx, u, "/login", map[string]string{"user": u.id, "password": "letmein"}, ""); err != nil {
			return err
		}
		c.pause()
	}
	return c.obtain(ctx, u, "/login", map[string]string{"user": u.id, "password": u.password}, "")
}

// refresh trades the user's token for a new one, or logs in if that fails.
func (c *crowd) refresh(ctx context.Context, u *user) error {
	if err := c.obtain(ctx, u, "/refresh", nil, u.token); err != nil || u.token != "" {
		return err
	}
	return c.login(ctx, u)
}

// obtain asks the issuer for a token. Without one in the answer the user has
// none.
func (c *crowd) obtain(ctx context.Context, u *user, path string, form map[string]string, token string) error {
	status, body, err := c.send(ctx, http.MethodPost, c.t.Issuer, path, token, form, u.ip, u.agent)
	if err != nil || status >= http.StatusInternalServerError {
		return err // an app goes on with what it has while the issuer is down
	}
	u.token = ""
	var got struct {
		Token   string `json:"token"`
		Expires int    `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Token == "" {
		return nil // a refusal, which the server has logged and counted
	}
	u.token, u.expires = got.Token, c.p.clock.Now().Add(time.Duration(got.Expires)*time.Second)
	u.sleepy = c.luck.happens(c.t.Sleepy)
	c.pause()
	return nil
}

// pause is the time between two requests of one app.
func (c *crowd) pause() { c.p.clock.advance(c.luck.between(5*time.Millisecond, 40*time.Millisecond)) }

// request makes one user call and returns its status.
func (c *crowd) request(ctx context.Context, call Call, token, ip, agent string) (int, error) {
	method, path := call.Method, "/v1/"+call.Service
	if call.Method == "WS" {
		method, path = http.MethodGet, "/ws"
	}
	host := call.Service
	if c.t.Through != "" {
		host = c.t.Through
	}
	status, _, err := c.send(ctx, method, host, path, token, nil, ip, agent)
	return status, err
}

// work is one run of a job.
func (c *crowd) work(ctx context.Context, job Job) error {
	token := ""
	if !c.lost[job.Name] {
		var err error
		if token, err = c.p.identity.token(job.Account, c.p.services[job.Service].url()); err != nil {
			return fmt.Errorf("sign an identity token for job %s: %w", job.Name, err)
		}
	}
	_, _, err := c.send(ctx, http.MethodGet, job.Service, "/v1/"+job.Service, token, nil, "107.178.230.12", "Google-Cloud-Scheduler")
	return err
}

// send makes one request and reads the whole answer. The form becomes a JSON
// body; /ws is asked for with an upgrade.
func (c *crowd) send(ctx context.Context, method, service, path, token string, form map[string]string, ip, agent string) (int, []byte, error) {
	body := ""
	if form != nil {
		b, err := json.Marshal(form)
		if err != nil {
			return 0, nil, fmt.Errorf("encode the form for %s: %w", path, err)
		}
		body = string(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+service+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("call %s%s: %w", service, path, err)
	}
	r.Header.Set("X-Forwarded-For", ip)
	r.Header.Set("User-Agent", agent)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if path == "/ws" {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Version", "13")
		r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") // RFC 6455's own sample
	}
	res, err := c.p.client.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("call %s%s: %w", service, path, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer of %s%s: %w", service, path, err)
	}
	return res.StatusCode, answer, nil
}
