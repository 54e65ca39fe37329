package lab

import (
	"fmt"
	"strings"
	"time"
)

// Scenarios returns the built-in scenarios, the default one first.
func Scenarios() []Scenario {
	return []Scenario{rotationMissed(), healthy(), precedence(), platformIAM()}
}

// Find returns the built-in scenario of this name; the empty name is the
// default one.
func Find(name string) (Scenario, error) {
	var names []string
	for _, sc := range Scenarios() {
		if name == "" || sc.Name == name {
			return sc, nil
		}
		names = append(names, sc.Name)
	}
	return Scenario{}, fmt.Errorf("find scenario %q: the built-in ones are %s", name, strings.Join(names, ", "))
}

// shop is the platform that the built-in scenarios break: auth mints; orders,
// payments and chat verify with the same secret; catalog asks for no token.
func shop() Scenario {
	chain := []string{"JWT_SECRET_STAGING", "JWT_SECRET_KEY", "JWT_SECRET"}
	secret := func(name string) []EnvVar { return []EnvVar{{Name: name, Secret: "jwt-main", Version: "latest"}} }
	previous := []string{"JWT_SECRET_PREVIOUS"}
	return Scenario{
		Duration: 12 * time.Minute,
		Projects: []Project{{ID: "acme-staging", Number: "481516234200", Region: "europe-west1", Environment: "staging"}},
		Secrets:  []SecretSpec{{Name: "jwt-main"}},
		Services: []ServiceSpec{
			{Name: "auth", Instances: 2, Logs: LogJSON, Mints: true, TokenTTL: 5 * time.Minute, Env: secret("JWT_SECRET_KEY"), Chain: chain, Accept: previous},
			{Name: "orders", Instances: 2, Logs: LogJSON, Env: secret("JWT_SECRET_KEY"), Chain: chain, Accept: previous, Calls: "payments"},
			{Name: "payments", Instances: 2, Logs: LogText, Env: secret("JWT_SECRET"), Chain: chain, Accept: previous},
			{Name: "chat", Instances: 1, Logs: LogText, Env: secret("JWT_SECRET_KEY"), Chain: chain, Accept: previous, WebSocket: true},
			{Name: "catalog", Instances: 1, Logs: LogJSON},
		},
		Traffic: Traffic{
			Users: 60, Rate: 3.2, Issuer: "auth", Health: 30 * time.Second,
			Calls: []Call{
				{Service: "orders", Method: "GET", Weight: 5}, {Service: "orders", Method: "POST", Weight: 2},
				{Service: "payments", Method: "GET", Weight: 3}, {Service: "chat", Method: "WS", Weight: 2},
				{Service: "catalog", Method: "GET", Weight: 4},
			},
			Sleepy: 0.2, Anonymous: 0.003, BadLogin: 0.03,
		},
	}
}

// decoy is a deploy that has nothing to do with anything.
func decoy(at time.Duration) Step {
	return Step{At: at, Do: Deploy, Target: "catalog", Decoy: true, Note: "new images for the catalogue",
		Env: []EnvVar{{Name: "IMAGE_HOST", Value: "img.acme.example"}}}
}

func rotationMissed() Scenario {
	sc := shop()
	sc.Name = "rotation-missed"
	sc.About = "a secret is rotated; payments is not redeployed and goes on with its cached value"
	keepOld := []EnvVar{{Name: "JWT_SECRET_PREVIOUS", Secret: "jwt-main", Version: "1"}}
	sc.Timeline = []Step{
		{At: 4 * time.Minute, Do: AddVersion, Target: "jwt-main", Note: "rotation begins: version 2"},
		{At: 4*time.Minute + 20*time.Second, Do: Deploy, Target: "orders", Env: keepOld, Note: "accepts 1 and 2"},
		{At: 4*time.Minute + 45*time.Second, Do: Deploy, Target: "chat", Env: keepOld, Note: "accepts 1 and 2"},
		decoy(5 * time.Minute),
		{At: 5*time.Minute + 15*time.Second, Do: Deploy, Target: "auth", Env: keepOld, Note: "signs with 2; payments was forgotten"},
	}
	sc.Faults = []Fault{{Service: "payments", Environment: "staging", Reason: "bad_signature", Cause: "key.stale_cache", From: 5*time.Minute + 15*time.Second}}
	return sc
}

func healthy() Scenario {
	sc := shop()
	sc.Name = "healthy"
	sc.About = "nothing is wrong: ordinary expiry, mistyped passwords, a deploy, a restart"
	sc.Timeline = []Step{
		decoy(3 * time.Minute),
		{At: 6 * time.Minute, Do: Deploy, Target: "orders", Decoy: true, Note: "same secrets"},
		{At: 8 * time.Minute, Do: Restart, Target: "payments", Decoy: true},
	}
	return sc
}

func precedence() Scenario {
	sc := shop()
	sc.Name = "precedence"
	sc.About = "a deploy sets JWT_SECRET_STAGING on payments, where it wins over JWT_SECRET with another value"
	sc.Secrets = append(sc.Secrets, SecretSpec{Name: "jwt-payments-legacy"})
	sc.Timeline = []Step{
		decoy(3 * time.Minute),
		{At: 4 * time.Minute, Do: Deploy, Target: "payments", Note: "JWT_SECRET_STAGING set from jwt-payments-legacy",
			Env: []EnvVar{{Name: "JWT_SECRET_STAGING", Secret: "jwt-payments-legacy", Version: "latest"}}},
	}
	sc.Faults = []Fault{{Service: "payments", Environment: "staging", Reason: "bad_signature", Cause: "env.precedence_conflict", From: 4 * time.Minute}}
	return sc
}

func platformIAM() Scenario {
	sc := shop()
	sc.Name = "platform-iam"
	sc.About = "a job loses its identity token and Cloud Run itself refuses it: looks like a JWT fault and is none"
	account := "nightly@acme-staging.iam.gserviceaccount.com"
	sc.Services = append(sc.Services, ServiceSpec{Name: "reports", Instances: 1, Logs: LogJSON, Invokers: []string{account}})
	sc.Traffic.Jobs = []Job{{Name: "nightly-report", Service: "reports", Account: account, Every: 4 * time.Second}}
	sc.Timeline = []Step{
		decoy(3 * time.Minute),
		{At: 4 * time.Minute, Do: LoseIdentity, Target: "nightly-report", Note: "its OIDC setting was removed"},
	}
	sc.Faults = []Fault{{Service: "reports", Environment: "staging", Reason: "platform_iam_denied", Cause: "authz.platform_iam", From: 4 * time.Minute}}
	return sc
}
