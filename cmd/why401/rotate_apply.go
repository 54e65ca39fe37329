package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"

	"github.com/why401/why401/analyzer"
)

// exitNotYet says that a version may not go yet.
const exitNotYet = exitDegraded

// retire disables the old version, if nobody would be refused for it.
func (r *rotating) retire(ctx context.Context) error { return r.disable(ctx, r.forward) }

// abort disables the new version, if nobody would be refused for it.
func (r *rotating) abort(ctx context.Context) error { return r.disable(ctx, r.back) }

func (r *rotating) disable(ctx context.Context, rot *analyzer.Rotation) error {
	ready := r.ready(rot)
	if ready == nil {
		return exitHint(exitBackend, errNoRotation, "why401 rotate status")
	}
	if err := r.write(rot, ready); err != nil {
		return err
	}
	if !ready.MayRetire {
		return exitWith(exitNotYet, errors.New("nothing was changed"))
	}
	if !r.o.apply {
		fmt.Fprintln(r.env.stderr, "why401: --apply disables it; a disabled version can be enabled again")
		return nil
	}
	secret, c, err := r.store(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	name := secret + "/versions/" + rot.Old
	if !r.o.yes {
		if err := r.env.confirm("disable " + name + "?"); err != nil {
			return err
		}
	}
	if _, err := c.DisableSecretVersion(ctx, &secretmanagerpb.DisableSecretVersionRequest{Name: name}); err != nil {
		return exitHint(exitBackend, fmt.Errorf("disable %s: %w", name, err), googleHint(err, "an account with roles/secretmanager.secretVersionManager"))
	}
	fmt.Fprintf(r.env.stderr, "why401: %s is disabled; enable it again if anybody is refused: gcloud secrets versions enable %s\n", name, name)
	return nil
}

// start adds a version. The value comes from a file, or is made of random
// bytes; it is never printed.
func (r *rotating) start(ctx context.Context) error {
	if ready := r.ready(r.forward); ready != nil && !ready.MayRetire {
		fmt.Fprintf(r.env.stderr, "why401: the rotation from version %s to %s is not over yet (phase %s)\n", r.forward.Old, r.forward.New, ready.Phase)
	}
	if !r.o.apply {
		fmt.Fprintf(r.env.stdout, "would add a version to %s\n", analyzer.EscapeTerminal(orUnknown(r.domain.Secret)))
		return nil
	}
	value, err := r.newValue()
	if err != nil {
		return err
	}
	parent, c, err := r.store(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if !r.o.yes {
		if err := r.env.confirm("add a version to " + parent + "?"); err != nil {
			return err
		}
	}
	sum := int64(crc32.Checksum(value, crc32.MakeTable(crc32.Castagnoli)))
	v, err := c.AddSecretVersion(ctx, &secretmanagerpb.AddSecretVersionRequest{Parent: parent, Payload: &secretmanagerpb.SecretPayload{Data: value, DataCrc32C: &sum}})
	if err != nil {
		return exitHint(exitBackend, fmt.Errorf("add a version to %s: %w", parent, err), googleHint(err, "an account with roles/secretmanager.secretVersionAdder"))
	}
	fmt.Fprintf(r.env.stdout, "added %s\nnext: let every service verify with both versions, then why401 rotate status\n", v.GetName())
	return nil
}

// The least and the most bytes of a new value: HS512 wants 64 (RFC 7518,
// section 3.2), Secret Manager takes 64 KiB.
const (
	leastValue = 32
	mostValue  = 64 << 10
)

// newValue reads or makes the value. What is read must hold no blank at its
// ends: the newline of an editor is the most common way to break a rotation.
func (r *rotating) newValue() ([]byte, error) {
	if r.o.valueFile == "" {
		if r.o.generate < leastValue || r.o.generate > 1024 {
			return nil, exitHint(exitUsage, fmt.Errorf("generate: wanted %d to 1024 bytes, found %d", leastValue, r.o.generate), "--generate 64")
		}
		b := make([]byte, r.o.generate)
		_, _ = rand.Read(b) // never fails
		return []byte(base64.RawURLEncoding.EncodeToString(b)), nil
	}
	in := r.env.stdin
	if r.o.valueFile != "-" {
		f, err := os.Open(r.o.valueFile)
		if err != nil {
			return nil, exitWith(exitInput, fmt.Errorf("open value: %w", err))
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, mostValue+1))
	switch {
	case err != nil:
		return nil, exitWith(exitInput, fmt.Errorf("read value: %w", err))
	case len(b) < leastValue || len(b) > mostValue:
		return nil, exitWith(exitInput, fmt.Errorf("value: wanted %d to %d bytes, found %d", leastValue, mostValue, len(b)))
	case blank(b[0]) || blank(b[len(b)-1]):
		return nil, exitHint(exitInput, errors.New("value: wanted no blank or newline at its ends, found one: some services would trim it and others not"), "printf %s VALUE > FILE")
	}
	return b, nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// store names the secret of the key domain in full and connects to where it is
// kept.
func (r *rotating) store(ctx context.Context) (string, *secretmanager.Client, error) {
	ref, err := analyzer.ParseSecretRef(r.domain.Secret)
	if err == nil && ref.Project == "" {
		ref.Project = r.cfg.Probes.SecretManager.Project
	}
	if err != nil || ref.Kind != analyzer.InSecretManager || ref.Project == "" {
		return "", nil, exitHint(exitConfig, fmt.Errorf("key domain %s: wanted a secret of Secret Manager such as projects/P/secrets/S, found %q", r.domain.Name, r.domain.Secret), "declare it under key_domains.secret")
	}
	ref.Version = ""
	c, err := r.cfg.Probes.SecretManager.Client(ctx, ref.Location)
	if err != nil {
		return "", nil, exitHint(exitBackend, fmt.Errorf("open Secret Manager: %w", err), "gcloud auth application-default login")
	}
	return ref.String(), c, nil
}
