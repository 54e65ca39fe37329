package conf

import (
	"fmt"
	"strings"
)

// Nearest returns the one of names that word was most likely meant to be, or
// "" when none is close: at most a third of the letters may differ. Case,
// dashes and underscores do not count as differences.
func Nearest(word string, names []string) string {
	word = plain(word)
	best, bestDistance := "", len(word)/3+1
	if len(word) > maxNameLen {
		return ""
	}
	for _, name := range names {
		if d := distance(word, plain(name)); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// maxNameLen bounds the quadratic comparison; no key is longer.
const maxNameLen = 64

// plain drops what people vary freely.
func plain(s string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// didYouMean is the hint for a word that is none of names: the nearest of
// them, or all when they are few.
func didYouMean(word string, names []string) string {
	if near := Nearest(word, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(names) > 0 && len(names) <= 12 {
		return "known: " + strings.Join(names, ", ")
	}
	return ""
}
