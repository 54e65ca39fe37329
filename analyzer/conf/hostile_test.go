package conf

import (
	"strings"
	"testing"
	"time"
)

// TestHostileInputEnds feeds what makes recursive or quadratic readers fail:
// each must be refused, or read, in a moment.
func TestHostileInputEnds(t *testing.T) {
	for name, text := range map[string]string{
		"brackets":      strings.Repeat("[", 1<<18),
		"braces":        strings.Repeat("{a: ", 1<<16),
		"dashes":        strings.Repeat("- ", 1<<17),
		"question":      strings.Repeat("? ", 1<<17),
		"anchors":       strings.Repeat("&a ", 1<<16) + "x",
		"tags":          strings.Repeat("!a ", 1<<16) + "x",
		"indentation":   stairs(600),
		"one long line": "name: " + strings.Repeat("x", 1<<20),
		"many keys":     strings.Repeat("name: x\n", 1<<13),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := decode(text)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v; want a moment", took)
			}
			if err == nil && name != "one long line" {
				t.Error("was accepted")
			}
		})
	}
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
