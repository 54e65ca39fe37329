// Package lab is a small platform of real HTTP services to break on purpose.
//
// Every service of a [Scenario] runs in one or more instances; each instance
// is an http.Server on 127.0.0.1 with its own resolved secret, and mints and
// verifies its tokens with golang-jwt. Users log in and call them over real
// connections while a timeline of steps rotates secrets, deploys, restarts.
// Whatever happens leaves the lab as Cloud Logging entries in the form in
// which a log sink publishes them, and as a [Truth]: what each server itself
// decided, request by request, and what was injected and when.
//
// Time is virtual: the clock jumps from one planned event to the next and
// moves on a little with the work of each request, so that ten minutes of
// traffic take a second or two; [Options.Speed] slows it down for a person to
// watch. Token lifetimes and verification follow the same clock. Events run
// one after another, and all chance comes from one seed: the same seed and
// start give the same entries and the same truth.
//
// The lab promises: servers listen on 127.0.0.1 only; no entry holds a secret
// or a token; when [Run] returns, its servers and goroutines have ended.
package lab
