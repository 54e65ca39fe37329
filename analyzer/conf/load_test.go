package conf

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type settings struct {
	Project string            `yaml:"project"`
	Tick    time.Duration     `yaml:"tick"`
	Room    Size              `yaml:"room"`
	Count   int               `yaml:"count"`
	On      bool              `yaml:"quick"`
	Limit   *int              `yaml:"limit"`
	Tags    []string          `yaml:"tags"`
	Environ map[string]string `yaml:"environments"`
	Source  sampleSource      `yaml:"source"`
	Rules   []sampleRule      `yaml:"rules"`
	Key     string            `yaml:"key" secret:"true"`
}

func (s settings) Validate() []FieldError {
	return slices.Concat(Between("count", s.Count, 0, 100), Between("tick", s.Tick, 0, time.Hour), OneOf("project", s.Project, "", "default", "file", "env", "flag"))
}

func defaults() settings {
	limit := 1
	return settings{Project: "default", Tick: time.Second, Room: 1 << 10, Count: 1, Limit: &limit, Tags: []string{"default"},
		Environ: map[string]string{"default": "x"}, Source: sampleSource{"default", 1}, Rules: []sampleRule{{ID: "default"}}, Key: "default"}
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPrecedence sets every option at each of the four levels and looks at
// the value and its origin.
func TestPrecedence(t *testing.T) {
	options := []struct {
		path, file, env, flag string
		inFile, inEnv, inFlag string // as Print writes them
	}{
		{"project", "file", "env", "flag", "file", "env", "flag"},
		{"tick", "2s", "3s", "4s", "2s", "3s", "4s"},
		{"room", "2KiB", "3KiB", "4KiB", "2KiB", "3KiB", "4KiB"},
		{"count", "2", "3", "4", "2", "3", "4"},
		{"quick", "false", "true", "false", "false", "true", "false"},
		{"limit", "2", "3", "4", "2", "3", "4"},
		{"tags", "[a]", "b", "[c]", "- a", "- b", "- c"},
		{"environments", "{a/n: x}", "b/n=wy", "{c/n: z}", "a/n: x", "b/n: wy", "c/n: z"},
		{"source.subscription", "file", "env", "12", "file", "env", `"12"`},
		{"source.group_size", "2", "3", "4", "2", "3", "4"},
		{"rules", "[{id: a}]", "[{id: b}]", "[{id: c}]", "id: a", "id: b", "id: c"},
		{"key", "file", "env", "flag", `"[secret]"`, `"[secret]"`, `"[secret]"`},
	}
	for _, o := range options {
		t.Run(o.path, func(t *testing.T) {
			text := o.path + ": " + o.file
			if section, key, ok := strings.Cut(o.path, "."); ok {
				text = section + ": {" + key + ": " + o.file + "}"
			}
			file := write(t, text)
			env := map[string]string{EnvName(o.path): o.env}
			flags := map[string]string{o.path: o.flag}
			for _, level := range []struct {
				name, file string
				env, flags map[string]string
				want       string
			}{
				{"default", "", nil, nil, ""},
				{"file", file, nil, nil, o.inFile},
				{"env", file, env, nil, o.inEnv},
				{"flag", file, env, flags, o.inFlag},
			} {
				s := defaults()
				origins, err := Load(&s, level.file, func(name string) string { return level.env[name] }, level.flags)
				if err != nil {
					t.Fatalf("%s: %v", level.name, err)
				}
				if got := origins[o.path].Source; got != level.name {
					t.Errorf("%s: origin is %s", level.name, got)
				}
				var out strings.Builder
				if err := Print(&out, s, nil); err != nil {
					t.Fatal(err)
				}
				key := o.path[strings.LastIndex(o.path, ".")+1:]
				_, after, _ := strings.Cut("\n"+out.String(), "\n"+strings.Repeat("  ", strings.Count(o.path, "."))+key+":")
				got := strings.Join(strings.Fields(after), " ")
				if want := level.want; !strings.HasPrefix(strings.TrimPrefix(got, "- "), strings.TrimPrefix(want, "- ")) {
					t.Errorf("%s: %s is %.40q; want %q", level.name, o.path, got, want)
				}
			}
		})
	}
	var paths []string
	for _, o := range options {
		paths = append(paths, o.path)
	}
	s := defaults()
	origins, _ := Load(&s, "", nil, nil)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(origins)), slices.Sorted(slices.Values(paths))); diff != "" {
		t.Errorf("options without a test (-origins +tested):\n%s", diff)
	}
}

func TestLoadProblems(t *testing.T) {
	file := write(t, "count: 200\ntick: 2h\nsource: {group_size: x}\n")
	env := map[string]string{"WHY401_PROJECT": "envv", "WHY401_LIMIT": "many", "WHY401_TAGS": "[a", "WHY401_KEY": "[secret]", "WHY401_ROOM": "5", "WHY401_ENVIRONMENTS": "staging"}
	flags := map[string]string{"tick": "3h", "source.subscriptin": "x", "quick": "yes"}
	s := defaults()
	_, err := Load(&s, file, func(name string) string { return env[name] }, flags)
	want := `FILE:1:8: count: wanted 0 to 100, found 200
FILE:3:22: source.group_size: wanted a whole number, found "x"
env WHY401_ENVIRONMENTS: environments: wanted a mapping, found "staging" (write "key: value")
env WHY401_KEY: key: wanted a secret, found the mask of a printed configuration (put the secret back)
env WHY401_LIMIT: limit: wanted a whole number, found "many"
env WHY401_PROJECT: project: wanted one of , default, file, env, flag, found "envv" (did you mean "env"?)
env WHY401_ROOM: room: wanted a size such as 64MiB, found "5" (write 5MiB for mebibytes)
env WHY401_TAGS: tags: not YAML: brackets or quotes do not match (write a,b,c or k=v,k=v)
flag: quick: wanted true or false, found "yes" (write true)
flag: source.subscriptin: unknown key (did you mean "source.subscription"?)
flag: tick: wanted 0s to 1h, found 3h`
	if err == nil {
		t.Fatal("no problems")
	}
	if diff := cmp.Diff(want, strings.ReplaceAll(err.Error(), file, "FILE")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLoadUnreadable(t *testing.T) {
	s := defaults()
	dir := t.TempDir()
	for name, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "cannot be read: no such file or directory",
		dir:                             "cannot be read: is a directory",
		write(t, "a: [\n"):              ":1:4: not YAML: ",
		write(t, strings.Repeat("#", maxBytes+1)): ":1:1: wanted at most 4MiB",
	} {
		if _, err := Load(&s, name, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v; want %q", name, err, want)
		}
	}
	if _, err := Load(s, "", nil, nil); err == nil {
		t.Error("a struct value was accepted")
	}
}

func TestUnknownEnv(t *testing.T) {
	environ := []string{"HOME=/", "WHY401_PROJECT=x", "WHY401_PROJET=x", "WHY401_CONFIG=f", "WHY401_SOURCE_GROUPSIZE=1",
		"WHY401_SERVICE_HOST=10.0.0.1", "WHY401_PORT=tcp://10.0.0.1:9401", "WHY401_PORT_9401_TCP_ADDR=10.0.0.1", "WHY401_SERVICE_PORT_HTTP=1"}
	want := `env WHY401_PROJET: sets no option (did you mean "WHY401_PROJECT"?)
env WHY401_SOURCE_GROUPSIZE: sets no option (did you mean "WHY401_SOURCE_GROUP_SIZE"?)`
	if got := UnknownEnv(&settings{}, environ, "WHY401_CONFIG").Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPrint(t *testing.T) {
	file := write(t, "project: file\nenvironments:\n  acme/prod: production\n")
	s := defaults()
	origins, err := Load(&s, file, func(name string) string { return map[string]string{"WHY401_COUNT": "7"}[name] }, map[string]string{"tick": "5m"})
	if err != nil {
		t.Fatal(err)
	}
	s.Source.Subscription = "postgres://me:hunter2@db/x"
	var out strings.Builder
	if err := Print(&out, &s, origins); err != nil {
		t.Fatal(err)
	}
	want := `project: file # FILE:1:10
tick: 5m # flag
room: 1KiB # default
count: 7 # env WHY401_COUNT
quick: false # default
limit: 1 # default
tags: # default
  - default
environments: # FILE:2:1
  acme/prod: production
source:
  subscription: postgres://me:[secret]@db/x # default
  group_size: 1 # default
rules: # default
  - id: default
    match: []
key: "[secret]" # default
`
	want = strings.Replace(want, "subscription: postgres://me:[secret]@db/x", `subscription: "postgres://me:[secret]@db/x"`, 1)
	if diff := cmp.Diff(want, strings.ReplaceAll(out.String(), file, "FILE")); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	for ref, want := range map[string]string{"env:SLACK_URL": "env:SLACK_URL", "file:/run/key": "file:/run/key", "env:": `"[secret]"`, "file://x": `"[secret]"`, "hunter2": `"[secret]"`} {
		s, out := settings{Key: ref}, strings.Builder{}
		if err := Print(&out, &s, nil); err != nil || !strings.Contains(out.String(), "\nkey: "+want+"\n") {
			t.Errorf("secret %q: %v, wanted %s in\n%s", ref, err, want, out.String())
		}
	}
	if err := Print(&out, 5, nil); err == nil {
		t.Error("printing a number gave no error")
	}
}
