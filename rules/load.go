package rules

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/redact"
)

//go:embed packs/*.yaml
var embedded embed.FS

// folder is a place that packs are read from.
type folder struct {
	files fs.FS
	name  string   // stands before each file's name in problems
	only  []string // the files to read; nil for every *.yaml and *.yml
	bare  bool     // without examples and near misses, see [Running]
	user  bool     // not ours: held against its own examples at load
}

// Embedded loads the packs that why401 ships.
func Embedded() (*Set, error) {
	ours, err := shipped()
	if err != nil {
		return nil, err
	}
	return loadFolders([]folder{ours})
}

// EmbeddedWith loads the packs that why401 ships and, over them, those of a
// user, one place after the other: every *.yaml and *.yml file of a folder, or
// one file. The user's rules are held against their own examples and near
// misses beside ours; one of the same full name replaces the earlier, see
// [Set.Replaced]. The error is [conf.Problems] where the packs are at fault.
func EmbeddedWith(paths ...string) (*Set, error) { return embeddedWith(false, paths...) }

// Load reads every *.yaml and *.yml file of the given folders, in order of
// name, checks their form and compiles them; [Set.Check] holds the rules
// against their examples. A rule of a later folder replaces the one of the
// same full name. All problems are reported at once.
func Load(dirs ...fs.FS) (*Set, error) {
	folders := make([]folder, len(dirs))
	for i, dir := range dirs {
		folders[i] = folder{files: dir}
	}
	return loadFolders(folders)
}

func shipped() (folder, error) {
	sub, err := fs.Sub(embedded, "packs")
	if err != nil {
		return folder{}, fmt.Errorf("open embedded packs: %w", err)
	}
	return folder{files: sub, name: "packs"}, nil
}

func userFolder(name string) (folder, error) {
	info, err := os.Stat(name)
	if err != nil {
		return folder{}, fmt.Errorf("open rules: wanted a folder of packs or one pack: %w", err)
	}
	if !info.IsDir() {
		dir, file := filepath.Split(name)
		return folder{files: os.DirFS(filepath.Clean(dir)), name: filepath.Clean(dir), only: []string{file}, user: true}, nil
	}
	return folder{files: os.DirFS(name), name: filepath.Clean(name), user: true}, nil
}

// names lists the folder's packs. A user's folder without any is a mistake.
func (f folder) names() ([]string, error) {
	if f.only != nil {
		return f.only, nil
	}
	var out []string
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		names, err := fs.Glob(f.files, pattern)
		if err != nil {
			return nil, fmt.Errorf("list packs: %w", err)
		}
		out = append(out, names...)
	}
	if len(out) == 0 && f.user {
		return nil, fmt.Errorf("open rules: wanted *.yaml files in %s, found none", f.name)
	}
	slices.Sort(out)
	return out, nil
}

func loadFolders(folders []folder) (*Set, error) {
	var packs []*Pack
	var problems []error
	r := register{at: map[string]*Rule{}}
	hash := sha256.New()
	for _, f := range folders {
		names, err := f.names()
		if err != nil {
			problems = append(problems, err)
		}
		own := map[string]*Rule{} // names taken in this folder
		for _, name := range names {
			data, err := fs.ReadFile(f.files, name)
			if err != nil {
				problems = append(problems, fmt.Errorf("read pack: %w", err))
				continue
			}
			fmt.Fprintf(hash, "%s %d\n", name, len(data))
			hash.Write(data)
			p, err := f.parse(name, data)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			p.user = f.user
			if err := r.enter(p, own); err != nil {
				problems = append(problems, err)
				continue
			}
			packs = append(packs, p)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	r.drop()
	s := compileSet(packs)
	s.replaced, s.hash = r.replaced, hex.EncodeToString(hash.Sum(nil)[:6])
	return s, nil
}

// parse reads one pack of the folder.
func (f folder) parse(name string, data []byte) (*Pack, error) {
	file := path.Join(f.name, name)
	if f.bare {
		data = withoutSamples(data)
		if p, ok := parsePlain(file, data); ok {
			return p, nil
		}
	}
	return parsePack(file, data, f.bare)
}

// parsePack reads one pack and reports all that is wrong with its form.
func parsePack(file string, data []byte, bare bool) (*Pack, error) {
	p := &Pack{file: file}
	doc, err := conf.Parse(file, data)
	if err != nil {
		return nil, err
	}
	if err := doc.Decode(p); err != nil {
		return nil, err
	}
	f := form{doc: doc, file: file, bare: bare}
	f.pack(p)
	for i := range p.Rules {
		r := &p.Rules[i]
		r.pack = p
		f.rule(r, i)
	}
	if len(f.problems) > 0 {
		return nil, f.problems
	}
	return p, nil
}

// TextEntry makes an entry of a bare message, as `classify --text` takes it.
func TextEntry(line string) *analyzer.Entry {
	return &analyzer.Entry{Message: redact.Text(line)}
}
