//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// checkChroot runs the binary as a nobody where there is nothing but it and
// one file of entries, and nothing can be written.
func checkChroot(t *testing.T, binary string) {
	t.Helper()
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("only root of Linux may change the root directory")
	}
	dir := t.TempDir()
	put(t, binary, filepath.Join(dir, "why401"), 0o755)
	export := `{"logName":"projects/p/logs/run.googleapis.com%2Fstderr","insertId":"a1","timestamp":"2026-01-02T03:04:05Z","textPayload":"token signature is invalid: signature is invalid","resource":{"type":"cloud_run_revision","labels":{"service_name":"payments"}}}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "export.jsonl"), []byte(export), 0o644); err != nil { //nolint:gosec // a nobody reads it
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil { //nolint:gosec // a nobody looks into it
		t.Fatal(err)
	}
	for _, c := range []struct{ args, stdin, want string }{
		{"version", "", "why401 v9.8.7 go1."},
		{"analyze /export.jsonl", "", "bad_signature 1"},
		{"analyze -", export, "bad_signature 1"},
		{"classify --text -", "jwt expired\n", `"reasons":["expired_token"]`},
		{"rules list", "", "golang-jwt"},
		{"setup systemd", "", "[Service]"},
	} {
		cmd := exec.Command("/why401", strings.Fields(c.args)...)
		cmd.Env, cmd.Dir, cmd.Stdin = []string{}, "/", io.Reader(strings.NewReader(c.stdin))
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(c.want)) {
			t.Errorf("why401 %s: %v, without %q:\n%.2000s", c.args, err, c.want, out)
		}
	}
}

func put(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, mode); err != nil {
		t.Fatal(err)
	}
}
