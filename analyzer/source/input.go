package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// input is one thing to read.
type input struct {
	name string // as messages call it
	path string // "" for the standard input
	size int64  // bytes; -1 when nobody knows
}

// exported are the endings of file names that are read inside folders; files
// named one by one may be called anything.
var exported = []string{".json", ".jsonl", ".ndjson", ".log"}

// inputs resolves the configured paths, folders into their files. What cannot
// be found is returned as problems.
func (f *File) inputs() (inputs []input, problems []error) {
	for _, path := range f.config.Paths {
		if path == "-" {
			inputs = append(inputs, input{name: "stdin", size: sizeOf(f.config.Stdin)})
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			problems = append(problems, unread(path, cause(err)))
		case info.IsDir():
			found, failed := f.walk(path)
			inputs = append(inputs, found...)
			problems = append(problems, failed...)
		default:
			inputs = append(inputs, file(path, info))
		}
	}
	var total int64
	for _, in := range inputs {
		if in.size < 0 {
			total = 0
			break
		}
		total += in.size
	}
	f.stats.filesTotal.Store(int64(len(inputs)))
	f.stats.bytesTotal.Store(total)
	return inputs, problems
}

// walk lists the log files below root in the order of their names, which is
// the order of time within one exported log. Hidden files and folders are
// passed over, links are followed to files only.
func (f *File) walk(root string) (inputs []input, problems []error) {
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			problems = append(problems, unread(path, cause(err)))
			return nil //nolint:nilerr // it is among the problems, and the other files are read all the same
		case path != root && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case !isExported(entry.Name()):
			f.stats.skipped.Add(1)
			return nil
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			problems = append(problems, unread(path, cause(err)))
		case info.Mode().IsRegular():
			inputs = append(inputs, file(path, info))
		default:
			f.stats.skipped.Add(1)
		}
		return nil
	})
	return inputs, problems
}

func file(path string, info fs.FileInfo) input {
	in := input{name: path, path: path, size: -1}
	if info.Mode().IsRegular() {
		in.size = info.Size()
	}
	return in
}

func isExported(name string) bool {
	for _, packed := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, packed)
	}
	return slices.Contains(exported, filepath.Ext(name))
}

// sizeOf returns the size of r when it is a regular file, as a redirected
// standard input is, and -1 otherwise.
func sizeOf(r io.Reader) int64 {
	if file, ok := r.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return -1
}

// cause drops the path from err, for messages that name it already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
