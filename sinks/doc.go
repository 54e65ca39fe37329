// Package sinks is where results go: one file per kind. A sink receives an
// analyzer.Update and nothing else, and may be slow or away without holding
// up anybody.
package sinks
