package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// maxBinary is how large the static binary may be.
const maxBinary = 45_000_000

// TestRelease builds the release twice, from two directories, as make dist
// does: the two are the same to the byte, small, static, and run where there is
// nothing else. WHY401_RELEASE=full gives each a build cache of its own, so
// that the second build compiles everything again (minutes).
func TestRelease(t *testing.T) {
	mode := os.Getenv("WHY401_RELEASE")
	if mode == "" {
		t.Skip("set WHY401_RELEASE=1 or full, or run make reproduce: it builds the release twice")
	}
	var built, bills, dirs []string
	for _, below := range []string{"a", "b/a-longer/path"} {
		dirs = append(dirs, filepath.Join(t.TempDir(), below))
		copyTree(t, "../..", dirs[len(dirs)-1])
	}
	for _, dir := range dirs {
		cmd := exec.Command("make", "-s", "dist", "VERSION=v9.8.7", "PLATFORMS="+runtime.GOOS+"/"+runtime.GOARCH)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		if mode == "full" {
			cmd.Env = append(cmd.Env, "GOCACHE="+t.TempDir())
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make dist: %v\n%s", err, out)
		}
		built = append(built, filepath.Join(dir, ".dist", "why401-"+runtime.GOOS+"-"+runtime.GOARCH))
		bills = append(bills, filepath.Join(dir, ".dist", "why401.spdx.json"))
	}
	first, second := sumOf(t, built[0]), sumOf(t, built[1])
	if first != second || sumOf(t, bills[0]) != sumOf(t, bills[1]) {
		t.Errorf("two builds differ: %s and %s", first, second)
	}
	info, err := os.Stat(built[0])
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("the binary has %d bytes; want at most %d", info.Size(), maxBinary)
	}
	t.Logf("%d bytes (%.1f MB), sha256 %s twice", info.Size(), float64(info.Size())/1e6, first)
	data, err := os.ReadFile(built[0])
	if err != nil {
		t.Fatal(err)
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{t.Name(), strings.TrimSpace(string(cache))} {
		if bytes.Contains(data, []byte(at)) {
			t.Errorf("the binary names %s, where it was built", at)
		}
	}
	t.Run("bill of materials", func(t *testing.T) { checkBill(t, built[0], bills[0]) })
	t.Run("static", func(t *testing.T) { checkStatic(t, built[0]) })
	t.Run("chroot", func(t *testing.T) { checkChroot(t, built[0]) })
}

// copyTree copies what a build reads.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range []string{"Makefile", "go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"analyzer", "cmd", "rules", "sinks"} {
		if err := os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(from, name))); err != nil {
			t.Fatal(err)
		}
	}
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// checkBill wants every module of the binary in its bill of materials.
func checkBill(t *testing.T, binary, bill string) {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(bill)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if !bytes.Contains(data, []byte(`"pkg:golang/`+m.Path+"@"+url.QueryEscape(m.Version)+`"`)) {
			t.Errorf("%s %s is not in the bill of materials", m.Path, m.Version)
		}
	}
	var doc sbom
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Packages) != len(info.Deps)+2 || doc.Packages[0].Version != "v9.8.7" || doc.Creation.Created != "2023-11-14T22:13:20Z" {
		t.Errorf("%d packages, version %s, created %s; want %d, v9.8.7, the time of the sources", len(doc.Packages), doc.Packages[0].Version, doc.Creation.Created, len(info.Deps)+2)
	}
}

func checkStatic(t *testing.T, binary string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("binaries of Linux alone can be static")
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary needs a loader: %v", p.Type)
		}
	}
}

// ldflags are what every way to a release hands to the linker, in the words of
// each for the version.
var ldflags = map[string]string{
	"Makefile":                "-s -w -buildid= -X main.release=$(VERSION)",
	"sinks/deploy/Dockerfile": "-s -w -buildid= -X main.release=$VERSION",
	".ko.yaml":                "-s -w -buildid= -X main.release={{.Env.VERSION}}",
	".goreleaser.yaml":        "-s -w -buildid= -X main.release={{ .Tag }}",
}

// Every way to a release builds with the same flags.
func TestReleaseFlags(t *testing.T) {
	for name, want := range ldflags {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("../..", name))
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Builds []struct {
					Main                string
					Env, Flags, Ldflags []string
				}
			}
			if strings.HasSuffix(name, ".yaml") {
				if err := yaml.Unmarshal(data, &got); err != nil {
					t.Fatal(err)
				}
				b := got.Builds[0]
				if b.Main != "./cmd/why401" || !slices.Equal(b.Env, []string{"CGO_ENABLED=0"}) || !slices.Equal(b.Flags, []string{"-trimpath", "-buildvcs=false"}) || strings.Join(b.Ldflags, " ") != want {
					t.Errorf("build %+v; want linker flags %s", b, want)
				}
				return
			}
			line := regexp.MustCompile(`CGO_ENABLED=0 (?:.|\\\n)*build -trimpath -buildvcs=false -ldflags ["']([^"']*)["']`).FindSubmatch(data)
			if line == nil || string(line[1]) != want {
				t.Errorf("linker flags %s; want %s", line, want)
			}
		})
	}
}
