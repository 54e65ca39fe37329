// Package lab is a small platform of real HTTP services to break on purpose.
//
// A [Scenario] is one YAML file: a platform, a timeline of what is done to
// it, and what a good analyzer should say in the end; SCENARIOS.md tells how
// to write one. Every service runs in one or more instances; each instance is
// an HTTP handler with its own resolved secret, and mints and verifies its
// tokens with golang-jwt. Users log in and call them while steps rotate
// secrets, deploy, restart. Whatever happens leaves the lab as Cloud Logging
// entries in the form in which a log sink publishes them, and as a [Truth]:
// what each server itself decided, request by request, and what was injected
// and when. A [Judge] compares what an analyzer says with what was expected.
//
// Time is virtual: the clock jumps from one planned event to the next and
// moves on a little with the work of each request, so that ten minutes of
// traffic take a fraction of a second; [Options.Speed] slows it down for a
// person to watch, and [Options.Sockets] puts a real connection under every
// request. Token lifetimes and verification follow the same clock. Events run
// one after another, and all chance comes from one seed: the same seed and
// start give the same entries and the same truth.
//
// The lab promises: servers listen on 127.0.0.1 only; no entry holds a secret
// or a token; when [Run] returns, its servers and goroutines have ended.
package lab
