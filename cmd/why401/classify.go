package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/rules"
)

// classified is one output line of classify; its names are a contract.
type classified struct {
	Line     int               `json:"line"`
	Outcome  string            `json:"outcome"`
	Reasons  []analyzer.Reason `json:"reasons"`
	Rule     string            `json:"rule,omitempty"`
	Library  string            `json:"library,omitempty"`
	Match    analyzer.Match    `json:"match,omitempty"`
	Captures map[string]string `json:"captures,omitempty"`
}

// undecoded is the output line of an input line that cannot be read.
type undecoded struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

func newClassifyCmd(env *environment) *cobra.Command {
	text := false
	cmd := &cobra.Command{
		Use:     "classify [FILE|-]",
		Short:   "say what each line means: one JSON object per input line, in order",
		Example: "  why401 classify export.jsonl\n  why401 classify --text app.log",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := env.open(args)
			if err != nil {
				return err
			}
			defer in.Close()
			set, err := env.running()
			if err != nil {
				return err
			}
			return classifyLines(set, in, env.stdout, text)
		},
	}
	cmd.Flags().BoolVar(&text, "text", false, "take each line as a bare message instead of a LogEntry")
	return cmd
}

// longestLine bounds a line of input: 10 MiB, as Pub/Sub bounds a message.
const longestLine = 10 << 20

// classifyLines writes one object per line. A line that cannot be read is
// told as such and the run goes on.
func classifyLines(set *rules.Set, in io.Reader, out io.Writer, text bool) error {
	r := bufio.NewReaderSize(in, 1<<16)
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	dec := analyzer.NewDecoder(nil)
	for n := 1; ; n++ {
		line, tooLong, err := readLine(r)
		if len(line) == 0 && !tooLong && err != nil {
			if !errors.Is(err, io.EOF) {
				return errors.Join(w.Flush(), exitWith(exitInput, fmt.Errorf("read line %d: %w", n, err)))
			}
			return w.Flush()
		}
		var row any
		if tooLong {
			row = undecoded{n, fmt.Sprintf("wanted a line of at most %d bytes, found a longer one", longestLine)}
		} else {
			row = classifyLine(set, dec, n, line, text)
		}
		if err := enc.Encode(row); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

func classifyLine(set *rules.Set, dec *analyzer.Decoder, n int, line []byte, text bool) any {
	var e *analyzer.Entry
	if text {
		e = rules.TextEntry(string(line))
	} else {
		m := analyzer.Message{Data: line}
		var h analyzer.Header
		err := dec.Scan(&m, &h)
		if err == nil && h.Self {
			return classified{Line: n, Outcome: "none", Reasons: []analyzer.Reason{}}
		}
		if err == nil {
			e, err = dec.Entry(&m)
		}
		if err != nil {
			return undecoded{n, err.Error()}
		}
	}
	c := set.Classify(e)
	reasons := c.Reasons
	if reasons == nil {
		reasons = []analyzer.Reason{}
	}
	return classified{n, c.Outcome.String(), reasons, c.Rule, c.Library, c.Match, c.Captures}
}

// readLine reads one line without its end. A line longer than longestLine is
// skipped to its end and reported as too long.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if !tooLong {
			line = append(line, part...)
		}
		if len(line) > longestLine {
			line, tooLong = nil, true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimRight(line, "\r\n"), tooLong, ifNoLine(err, part, line, tooLong)
		}
	}
}

// ifNoLine hides the end of input behind a last line that has no line end.
func ifNoLine(err error, part, line []byte, tooLong bool) error {
	if errors.Is(err, io.EOF) && (len(part) > 0 || len(line) > 0 || tooLong) {
		return nil
	}
	return err
}
