// Package analyzer is the domain of why401: what a log entry says about
// authentication, how many requests were accepted and refused, which faults
// stand, and why.
//
// The way of an entry: a source hands over raw bytes; [Decoder] reads the
// envelope without allocating and, for the few entries that matter, a whole
// redacted [Entry]; a [Classifier] (package rules) says what it means; the
// [Ledger] turns that into counts that do not depend on the order of arrival;
// a [Store] keeps them in one transaction per batch, and only then is the
// message acknowledged. Every tick [Diagnose] reads the ledger and the result
// leaves as an [Update] to every sink.
//
// The package promises: no token, secret, e-mail address or raw subject
// survives decoding; the same set of entries gives the same report whatever
// the order and the batches they came in; what could not be read is counted,
// never dropped in silence. It carries no cloud SDK.
package analyzer
