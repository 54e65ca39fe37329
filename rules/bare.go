package rules

import (
	"bytes"
	"errors"
)

// Running loads the packs as a command needs them that only classifies: the
// shipped ones without their examples and near misses, which its tests have
// held them against and which are most of their text; those of a user with
// everything, as [EmbeddedWith] does.
func Running(paths ...string) (*Set, error) { return embeddedWith(true, paths...) }

func embeddedWith(bare bool, paths ...string) (*Set, error) {
	ours, err := shipped()
	if err != nil {
		return nil, err
	}
	ours.bare = bare
	folders := []folder{ours}
	var missing []error
	for _, path := range paths {
		theirs, err := userFolder(path)
		missing = append(missing, err)
		folders = append(folders, theirs)
	}
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	s, err := loadFolders(folders)
	if err != nil {
		return nil, err
	}
	if err := s.check(func(r *Rule) bool { return r.pack.user }); err != nil {
		return nil, err
	}
	return s, nil
}

var sampleKeys = [][]byte{[]byte("examples:"), []byte("near_misses:"), []byte("captures:"), []byte("captures_of:"), []byte("source:")}

// withoutSamples empties the lines of a pack that only its tests need, so
// that all others keep their numbers. Such a member goes on over the lines
// that are indented deeper than its key, and over list items at its key's own
// indentation.
func withoutSamples(pack []byte) []byte {
	out := make([]byte, 0, len(pack)/2)
	inside := -1 // indentation of the member that is left out
	for line := range bytes.Lines(pack) {
		bare := bytes.TrimLeft(line, " ")
		indent := len(line) - len(bare)
		if inside >= 0 && (indent > inside || len(bytes.TrimSpace(bare)) == 0 || indent == inside && bytes.HasPrefix(bare, []byte("- "))) {
			out = append(out, '\n')
			continue
		}
		inside = -1
		if indent > 0 {
			for _, key := range sampleKeys {
				if bytes.HasPrefix(bare, key) {
					inside = indent
				}
			}
		}
		if inside >= 0 {
			out = append(out, '\n')
			continue
		}
		out = append(out, line...)
	}
	return out
}
