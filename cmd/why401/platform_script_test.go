package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc/codes"

	"github.com/why401/why401/analyzer/lab"
)

// platformCommands let a script start a platform of real services and break
// it: platform NAME… writes why401.yaml; hold, silence and store break.
var platformCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"platform": func(ts *testscript.TestScript, _ bool, args []string) {
		p, stop, err := newPlatform(ts.MkAbs("."), args...)
		ts.Check(err)
		platforms.Store(ts, p)
		ts.Defer(func() { platforms.Delete(ts); stop() })
		ts.Check(os.WriteFile(ts.MkAbs("why401.yaml"), []byte(p.config()), 0o600))
	},
	"hold": func(ts *testscript.TestScript, _ bool, args []string) {
		value, ok := map[string]string{"one": platformOne, "two": platformTwo, "newline": platformTwo + "\n", "production": platformProduction, "nothing": "",
			"short": "short", "default": "changeme", "unrelated": "a-value-that-nobody-else-has-0123456789"}[args[1]]
		if !ok {
			ts.Fatalf("hold: no value %s", args[1])
		}
		platformOf(ts).service(args[0]).hold("JWT_SECRET", value)
	},
	"silence": func(ts *testscript.TestScript, _ bool, args []string) {
		platformOf(ts).service(args[0]).silent.Store(true)
	},
	"terse": func(ts *testscript.TestScript, _ bool, args []string) {
		platformOf(ts).service(args[0]).terse.Store(true)
	},
	// google FILE starts a project in Google Cloud whose log bucket holds the
	// entries of a file, and lets the script reach it as a user does.
	"google": func(ts *testscript.TestScript, _ bool, args []string) {
		g, err := startGoogle(ts.MkAbs("."), bytes.Split(bytes.TrimSpace([]byte(ts.ReadFile(args[0]))), []byte("\n")))
		ts.Check(err)
		ts.Defer(g.stop)
		for k, v := range g.env {
			ts.Setenv(k, v)
		}
	},
	// redis starts a Redis that takes a version of the secret orders-redis,
	// which the store gets with two of them, and writes redis.yaml.
	"redis": func(ts *testscript.TestScript, _ bool, args []string) {
		p, server := platformOf(ts), miniredis.NewMiniRedis()
		_, err := p.store.CreateSecret("acme", "orders-redis")
		for _, v := range []string{platformOne, platformTwo} {
			_, err2 := p.store.AddVersion("kim@acme.example", "projects/acme/secrets/orders-redis", []byte(v))
			err = errors.Join(err, err2)
		}
		ts.Check(errors.Join(err, server.Start()))
		ts.Defer(server.Close)
		server.RequireAuth(map[string]string{"1": platformOne, "2": platformTwo}[args[0]])
		ts.Check(os.WriteFile(ts.MkAbs("redis.yaml"), fmt.Appendf(nil, `environments: {acme-staging: staging}
probes:
  timeout: 2s
  allow_private: [127.0.0.0/8]
  secret_manager: {endpoint: %q}
key_domains:
  - name: orders-redis
    environment: staging
    secret: projects/acme/secrets/orders-redis
    services:
      - {name: orders-redis, url: "redis://%s", health: none}
      - {name: orders}
`, p.secrets.Addr(), server.Addr()), 0o600))
	},
	"store": func(ts *testscript.TestScript, _ bool, args []string) {
		p := platformOf(ts)
		switch args[0] {
		case "disable":
			_, err := p.store.SetState("kim@acme.example", "projects/acme/secrets/jwt-main/versions/"+args[1], lab.VersionDisabled)
			ts.Check(err)
		case "deny":
			p.secrets.SetFaults(lab.StoreFault{Method: args[1], Code: codes.PermissionDenied})
		case "down":
			p.secrets.SetFaults(lab.StoreFault{Code: codes.Unavailable})
		case "slow":
			p.secrets.SetFaults(lab.StoreFault{Delay: time.Minute})
		default:
			ts.Fatalf("store: no verb %s", args[0])
		}
	},
	// exits runs a program and wants its exit code.
	"exits": func(ts *testscript.TestScript, _ bool, args []string) {
		err := ts.Exec(args[1], args[2:]...)
		var failed *exec.ExitError
		code := 0
		if errors.As(err, &failed) {
			code = failed.ExitCode()
		} else if err != nil {
			ts.Fatalf("exits: %v", err)
		}
		if strconv.Itoa(code) != args[0] {
			ts.Fatalf("exit code %d; want %s", code, args[0])
		}
	},
	"append": func(ts *testscript.TestScript, _ bool, args []string) {
		f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
		ts.Check(err)
		_, err = f.WriteString(args[1] + "\n")
		ts.Check(errors.Join(err, f.Close()))
	},
	// leaks fails when a file of the script, or what was printed last, holds a
	// secret of the platform.
	"leaks": func(ts *testscript.TestScript, neg bool, args []string) {
		for _, file := range args {
			text := ts.ReadFile(file)
			for _, secret := range []string{platformOne, platformTwo, platformProduction, "pepper of at least"} {
				if strings.Contains(text, secret) == neg {
					ts.Fatalf("%s holds a secret", file)
				}
			}
		}
	},
}

// platforms are those of the scripts that run now.
var platforms sync.Map

func platformOf(ts *testscript.TestScript) *platform {
	p, ok := platforms.Load(ts)
	if !ok {
		ts.Fatalf("no platform: start one first")
	}
	return p.(*platform)
}
