package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// crashEnv makes the test binary commit batches to the file that it names.
const crashEnv = "WHY401_TEST_CRASH_STORE"

// crashKeys is the number of keys that tells batch n: n batches have n times
// as many.
const crashKeys = 40

func crashBatch(n int) *analyzer.Batch {
	b := randomBatch(rand.New(rand.NewPCG(uint64(n), 3)), n)
	b.Keys = keysOf(n*crashKeys, crashKeys)
	return b
}

// commitUntilKilled goes on after the last batch in the file and prints the
// number of each batch once Commit has returned.
func commitUntilKilled(path string) int {
	err := func() error {
		s, err := Open(context.Background(), Config{Path: path})
		if err != nil {
			return err
		}
		held, err := s.Load(context.Background())
		if err != nil {
			return err
		}
		for n := len(held.Keys) / crashKeys; ; n++ {
			if err := s.Commit(context.Background(), crashBatch(n)); err != nil {
				return err
			}
			fmt.Println(n)
		}
	}()
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestCrash kills a committing process at random moments. Every batch that
// was acknowledged must be there, whole, and at most one more.
func TestCrash(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 4
	}
	path := filepath.Join(t.TempDir(), "why401.db")
	memory := openTest(t, Config{Kind: "memory"})
	committed := 0
	for range kills {
		acked := killOnce(t, path, committed-1, 1+rand.IntN(4), time.Duration(rand.IntN(5_000))*time.Microsecond)
		s, err := Open(t.Context(), Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		got := load(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		found := len(got.Keys) / crashKeys
		if len(got.Keys)%crashKeys != 0 || found < acked+1 || found > acked+2 {
			t.Fatalf("%d keys after batch %d was acknowledged; want whole batches up to it and at most one more", len(got.Keys), acked)
		}
		for ; committed < found; committed++ {
			commit(t, memory, crashBatch(committed))
		}
		sameLoaded(t, got, load(t, memory))
	}
}

// killOnce kills some time after so many batches were acknowledged, wherever
// that finds the process, and returns the last acknowledged.
func killOnce(t *testing.T, path string, last, batches int, after time.Duration) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF { // a line cut short was not an acknowledgement
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if last, err = strconv.Atoi(line[:len(line)-1]); err != nil {
			t.Fatal(err)
		}
		if n == batches {
			time.AfterFunc(after, func() {
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return last
}
