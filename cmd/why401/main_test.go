package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if os.Getenv("WHY401_TEST_MAIN") != "" {
		main()
	}
	testscript.Main(m, map[string]func(){
		"why401": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../rules/examples")
	if err != nil {
		t.Fatal(err)
	}
	setup := func(e *testscript.Env) error { e.Setenv("EXAMPLES", examples); return nil }
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: setup, UpdateScripts: os.Getenv("UPDATE") != "", Cmds: platformCommands})
}

// Every broken configuration is refused with file:line:col, and the first
// comment of the file says with which words.
func TestBrokenConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/config/bad-*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d broken configurations (%v); want at least 30", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(data), "\n")
			want, ok := strings.CutPrefix(first, "# want: ")
			if !ok {
				t.Fatalf("%s does not begin with # want: WORDS", file)
			}
			env := &environment{getenv: func(string) string { return "" }}
			_, _, err = env.load(file, nil)
			if err == nil {
				t.Fatalf("loaded; want %q", want)
			}
			if codeOf(err) != exitConfig {
				t.Errorf("exit code %d; want %d", codeOf(err), exitConfig)
			}
			if !strings.Contains(err.Error(), file+":") || !strings.Contains(err.Error(), want) {
				t.Errorf("error %q; want %s:line:col and %q", err, file, want)
			}
		})
	}
}
