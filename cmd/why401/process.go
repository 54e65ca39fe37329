package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processRun is one run of a process: the same pid may run again.
type processRun struct {
	pid     int
	ticks   int64 // from boot to its start: never adjusted, as clocks are
	started time.Time
}

// same reports whether r and o are one run.
func (r processRun) same(o processRun) bool { return r.pid == o.pid && r.ticks == o.ticks }

// ticksPerSecond is the unit of times in /proc/PID/stat: USER_HZ, which is
// 100 on all architectures that Go runs on.
const ticksPerSecond = 100

// runOf looks at a process, through /proc of Linux.
func runOf(pid int) (processRun, error) {
	run := processRun{pid: pid}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return run, fmt.Errorf("look at process %d: %w", pid, plainPath(err))
	}
	// The name stands in parentheses and may hold anything; the rest is
	// numbers, of which the 20th after the name is the start (proc(5)).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return run, fmt.Errorf("look at process %d: wanted 52 fields in its stat, found %d", pid, len(fields)+2)
	}
	if run.ticks, err = strconv.ParseInt(fields[19], 10, 64); err != nil {
		return run, fmt.Errorf("look at process %d: wanted its start in ticks: %w", pid, err)
	}
	booted, err := bootTime()
	if err != nil {
		return run, err
	}
	run.started = booted.Add(time.Duration(run.ticks) * time.Second / ticksPerSecond)
	return run, nil
}

func bootTime() (time.Time, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, fmt.Errorf("read time of boot: %w", err)
	}
	for line := range strings.Lines(string(stat)) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			s, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return time.Unix(s, 0), err
		}
	}
	return time.Time{}, errors.New("read time of boot: /proc/stat has no btime")
}

// findRun finds the oldest process of a program, by the name of its file. A
// pod must share its process namespace for that (shareProcessNamespace).
func findRun(program string) (processRun, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return processRun{}, fmt.Errorf("look for process %s: %w", program, err)
	}
	var oldest processRun
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue // it ended, or is not ours to see
		}
		first, _, _ := bytes.Cut(line, []byte{0})
		if filepath.Base(string(first)) != program {
			continue
		}
		run, err := runOf(pid)
		if err == nil && (oldest.pid == 0 || cmp.Or(cmp.Compare(run.ticks, oldest.ticks), cmp.Compare(run.pid, oldest.pid)) < 0) {
			oldest = run
		}
	}
	if oldest.pid == 0 {
		return oldest, fmt.Errorf("look for process %s: none is running here; in Kubernetes set shareProcessNamespace: true", program)
	}
	return oldest, nil
}

// environ returns the variables that the process was started with.
func (r processRun) environ() (map[string]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", r.pid))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("read the variables of process %d: not allowed; run the agent under the user of the service, or give it the same variables and leave --pid and --process out", r.pid)
	case err != nil:
		return nil, fmt.Errorf("read the variables of process %d: %w", r.pid, plainPath(err))
	}
	out := map[string]string{}
	for v := range bytes.SplitSeq(data, []byte{0}) {
		if name, value, ok := strings.Cut(string(v), "="); ok {
			if _, twice := out[name]; !twice { // getenv finds the first
				out[name] = value
			}
		}
	}
	return out, nil
}

// plainPath is the error without the path, which says nothing to a person.
func plainPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
