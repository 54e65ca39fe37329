package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// lockFile takes the lock that keeps a second process away from path. The
// lock belongs to the open file, so a crash releases it; the process id inside
// is only for the message.
func lockFile(path string) (*os.File, error) {
	name := path + ".lock"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create lock file: %w: want a directory that exists and may be written to: create it, correct its owner and mode, or give another path", err)
	}
	if err := tryLock(f); err != nil {
		holder := holderOf(f)
		closeErr := f.Close()
		if errors.Is(err, ErrLocked) {
			return nil, fmt.Errorf("%s: %w%s (lock file %s): stop that process, or give this one another path", path, ErrLocked, holder, name)
		}
		return nil, fmt.Errorf("lock %s: %w", name, errors.Join(err, closeErr))
	}
	if err := writePID(f); err != nil {
		return nil, fmt.Errorf("write lock file %s: %w", name, errors.Join(err, f.Close()))
	}
	return f, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holderOf returns ", process 1234", or "" when the file does not tell.
func holderOf(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 20))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(", process %d", pid)
}
