// Package rules is the knowledge of why401: what a log line means.
//
// A pack is a YAML file (packs/*.yaml, embedded) about one ecosystem: who
// prints, from which source, and a list of rules. A rule is a stanza with its
// reason, the texts that mean it, and its own examples and near misses; a rule
// that misses its example or takes its near miss is refused with
// file:line:col.
//
// Classification of an entry: the texts of the entry are peeled (stack frames
// and wrappers fall away), folded (case, quotes, underscores and runs of space
// become one form), and read once by an Aho-Corasick automaton over the
// literals of all rules, so the cost does not grow with their number. A hit is
// confirmed, where its template has holes, by one RE2 expression on the line
// around it. Where no rule knows the text, the generic layer reads its
// structure: subject, negation, claim, direction of time.
//
// The package knows package analyzer's types and nothing else of why401.
package rules
