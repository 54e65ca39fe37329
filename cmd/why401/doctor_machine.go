package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/sinks/logexport"
)

// The free space below which the store is in danger, in bytes: a busy day
// takes some tens of megabytes.
const (
	littleSpace = 1 << 30
	noSpace     = 64 << 20
)

// checkStore sees that the store can be written, has room, and can be read.
func checkStore(c store.Config, free func(dir string) (uint64, error)) []logexport.Finding {
	if c.Kind == "memory" {
		return []logexport.Finding{noted("store", "memory", analyzer.StatusOK, "everything is forgotten at a restart, as configured")}
	}
	path := c.Path
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	dir := filepath.Dir(path)
	broken := func(fix []string, format string, args ...any) []logexport.Finding {
		f := noted("store", path, analyzer.StatusFail, format, args...)
		f.Fix = fix
		return []logexport.Finding{f}
	}
	own := `sudo chown "$(id -un)" ` + shellWord(dir)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return broken([]string{"sudo mkdir -p " + shellWord(dir), own}, "the directory of the store is not there: why401 ends at its start")
	}
	probe, err := os.CreateTemp(dir, ".why401-doctor-*")
	if err != nil {
		return broken([]string{own}, "nothing can be written beside the store (%s): SQLite needs files there", plainPath(err))
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
		_ = f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return broken([]string{`sudo chown "$(id -un)" ` + shellWord(path)}, "the store cannot be written (%s)", plainPath(err))
	} else {
		return room(path, dir, free, "it will be made at the first start")
	}
	held, err := store.Open(context.Background(), store.Config{Kind: c.Kind, Path: path, ReadOnly: true})
	if err != nil {
		return broken([]string{"mv " + shellWord(path) + " " + shellWord(path+".damaged")}, "the store cannot be read (%v): why401 begins a new one when it is moved away", err)
	}
	if err := held.Close(); err != nil {
		return broken(nil, "the store cannot be closed: %v", err)
	}
	return room(path, dir, free, "it can be read and written")
}

func room(path, dir string, free func(string) (uint64, error), words string) []logexport.Finding {
	n, err := free(dir)
	f := noted("store", path, analyzer.StatusOK, "%s, %s are free", words, humanize.IBytes(n))
	fix := []string{"df -h " + shellWord(dir), "# make room there, or in the configuration: store.path on a larger disk, or a shorter store.retention"}
	switch {
	case err != nil:
		f.Detail = words
	case n < noSpace:
		f.Status, f.Fix, f.Detail = analyzer.StatusFail, fix, fmt.Sprintf("only %s are free: nothing is acknowledged any more once nothing can be committed", humanize.IBytes(n))
	case n < littleSpace:
		f.Status, f.Fix, f.Detail = analyzer.StatusWarn, fix, fmt.Sprintf("only %s are free", humanize.IBytes(n))
	}
	return []logexport.Finding{f}
}

// checkPepper reads the pepper as the daemon would.
func checkPepper(cfg Config) []logexport.Finding {
	file := cfg.Probes.PepperFile
	asked := false
	for _, d := range cfg.KeyDomains {
		for _, m := range d.Services {
			asked = asked || m.URL != "" && m.Health != "none"
		}
	}
	create := "(umask 077; openssl rand -base64 48 > " + shellWord(file) + ")"
	f := noted("pepper", file, analyzer.StatusOK, "it can be read")
	info, err := os.Stat(file)
	switch {
	case file == "" && !asked:
		return nil
	case file == "":
		f.Target = "probes.pepper_file"
		f.Status, f.Detail = analyzer.StatusWarn, "no pepper: services say whether they hold a secret, and not whether it is the same"
		f.Fix = []string{"(umask 077; openssl rand -base64 48 > why401.pepper)", "# in the configuration: probes.pepper_file: why401.pepper; and give the same file to the services"}
	case errors.Is(err, fs.ErrNotExist):
		f.Status, f.Detail, f.Fix = analyzer.StatusFail, "the pepper is not there: why401 ends at its start", []string{create, "# and give the same file to the services"}
	case errors.Is(err, fs.ErrPermission):
		f.Status, f.Detail, f.Fix = analyzer.StatusFail, "the pepper may not be read", []string{`sudo chown "$(id -un)" ` + shellWord(file)}
	case err == nil && info.IsDir():
		f.Status, f.Detail, f.Fix = analyzer.StatusFail, "wanted a file, found a directory: a mount that names a missing file becomes one", []string{"ls -la " + shellWord(file)}
	default:
		if _, err := cfg.Probes.Pepper(); errors.Is(err, fs.ErrPermission) {
			f.Status, f.Detail, f.Fix = analyzer.StatusFail, "the pepper may not be read", []string{`sudo chown "$(id -un)" ` + shellWord(file)}
		} else if err != nil {
			f.Status, f.Detail, f.Fix = analyzer.StatusFail, err.Error(), []string{create, "# and give the same file to the services"}
		} else if mode := info.Mode().Perm(); mode&0o007 != 0 && !mounted(file) {
			f.Status, f.Detail, f.Fix = analyzer.StatusWarn, fmt.Sprintf("everybody on this machine may read the pepper (%s)", mode), []string{"chmod 600 " + shellWord(file)}
		}
	}
	return []logexport.Finding{f}
}

// mounted reports whether file lies in a volume of a secret: Kubernetes shows
// it through a link to a folder named by the time, to nobody but the pod.
func mounted(file string) bool {
	real, err := filepath.EvalSymlinks(file)
	return err == nil && strings.Contains(real, string(filepath.Separator)+"..")
}

// checkWeb sees that the page can be served where it is configured.
func checkWeb(ctx context.Context, c WebConfig) []logexport.Finding {
	l, err := net.Listen("tcp", c.Listen)
	if err == nil {
		_ = l.Close()
		f := noted("web", c.Listen, analyzer.StatusOK, "the address is free")
		if host, _, _ := net.SplitHostPort(c.Listen); c.BehindProxy && net.ParseIP(host) != nil && !net.ParseIP(host).IsLoopback() {
			f.Detail += "; everybody who reaches it without the proxy sees the reports"
		}
		return []logexport.Finding{f}
	}
	f := noted("web", c.Listen, analyzer.StatusFail, "the address cannot be listened on: %v", err)
	_, port, _ := net.SplitHostPort(c.Listen)
	f.Fix = []string{"ss -ltnp 'sport = :" + port + "'", "# or, in the configuration, another port: web.listen: 127.0.0.1:9402"}
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && servesUs(ctx, c.Listen):
		f.Status, f.Detail, f.Fix = analyzer.StatusOK, "why401 is running there", nil
	case errors.Is(err, syscall.EADDRINUSE):
		f.Detail = "another program listens there: why401 ends at its start"
	case errors.Is(err, syscall.EACCES):
		f.Detail = "ports below 1024 are not for every user"
		f.Fix = f.Fix[1:]
	}
	return []logexport.Finding{f}
}

// servesUs asks whoever listens whether it is why401.
func servesUs(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health/jwt", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close() // only read
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	return resp.StatusCode == http.StatusUnauthorized || strings.Contains(string(body), `"jwt_secret_available"`)
}

// shellWord is s as one word of a shell, quoted where it must be.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
