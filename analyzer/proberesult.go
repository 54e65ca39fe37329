package analyzer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// probeJSON is a ProbeResult as it is written: the service by name and
// environment, the duration in seconds.
type probeJSON struct {
	Probe       string            `json:"probe"`
	Target      string            `json:"target"`
	Domain      string            `json:"key_domain,omitempty"`
	Service     string            `json:"service,omitempty"`
	Environment string            `json:"environment,omitempty"`
	Status      Status            `json:"status"`
	Cause       Cause             `json:"cause,omitempty"`
	Refutes     []Cause           `json:"refutes,omitempty"`
	Facts       map[string]string `json:"facts,omitempty"`
	Detail      string            `json:"detail"`
	At          time.Time         `json:"at"`
	Took        float64           `json:"took_seconds"`
}

// MarshalJSON writes the result as [ReadProbes] reads it.
func (r ProbeResult) MarshalJSON() ([]byte, error) {
	return json.Marshal(probeJSON{r.Probe, r.Target, r.Domain, r.Service.Name, r.Service.Environment, r.Status, r.Cause, r.Refutes, r.Facts, r.Detail, r.At, r.Took.Seconds()})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (r *ProbeResult) UnmarshalJSON(data []byte) error {
	var p probeJSON
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*r = ProbeResult{p.Probe, p.Target, p.Domain, Service{p.Service, p.Environment}, p.Status, p.Cause, p.Refutes, p.Facts, p.Detail, p.At, time.Duration(p.Took * float64(time.Second))}
	return nil
}

// ReadProbes reads probe results: a JSON array, an object with a member
// "probes" or "results", or one
// object after another. All problems are returned at once.
func ReadProbes(in io.Reader) ([]ProbeResult, error) {
	data, err := io.ReadAll(io.LimitReader(in, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("read probe results: %w", err)
	}
	var out []ProbeResult
	dec := json.NewDecoder(bytes.NewReader(data))
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("read probe results: at byte %d: wanted JSON: %w", dec.InputOffset(), err)
		}
		got, err := probesIn(raw)
		if err != nil {
			return nil, fmt.Errorf("read probe results: before byte %d: %w", dec.InputOffset(), err)
		}
		out = append(out, got...)
	}
	var problems []error
	for i, r := range out {
		switch {
		case r.Probe == "":
			problems = append(problems, fmt.Errorf("result %d: wanted probe: the kind of check, found none", i+1))
		case r.Status != StatusOK && r.Status != StatusWarn && r.Status != StatusFail && r.Status != StatusUnknown:
			problems = append(problems, fmt.Errorf("result %d (%s): wanted status ok, warn, fail or unknown, found %q", i+1, r.Probe, r.Status))
		case r.At.IsZero():
			problems = append(problems, fmt.Errorf("result %d (%s): wanted at: the time of the check, found none", i+1, r.Probe))
		}
	}
	return out, errors.Join(problems...)
}

func probesIn(raw json.RawMessage) ([]ProbeResult, error) {
	var many []ProbeResult
	if raw[0] == '[' {
		err := json.Unmarshal(raw, &many)
		return many, err
	}
	var within struct{ Probes, Results []ProbeResult }
	if err := json.Unmarshal(raw, &within); err != nil {
		return nil, err
	}
	if within.Probes != nil || within.Results != nil {
		return append(within.Probes, within.Results...), nil
	}
	var one ProbeResult
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, err
	}
	return []ProbeResult{one}, nil
}
