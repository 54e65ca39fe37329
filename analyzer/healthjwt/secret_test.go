package healthjwt

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

type wrapper struct {
	Public Secret
	hidden Secret
	Nested *wrapper
	List   []Secret
	Any    any
}

// Whatever prints a secret, or something that holds one, shows none of it.
func TestSecretPrintsNothing(t *testing.T) {
	const text = "hunter2-and-some-more-to-find"
	s := NewSecret(text)
	w := wrapper{Public: s, hidden: s, Nested: &wrapper{hidden: s}, List: []Secret{s}, Any: s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%c", "%U", "%b", "%o", "%T", "%p", "%10.3v"} {
		for _, v := range []any{s, &s, w, &w, []any{s}, map[string]any{"k": s}, struct{ a, B any }{s, w}} {
			fmt.Fprintf(&out, verb, v)
		}
	}
	fmt.Fprintln(&out, s, w, &w, errors.Join(fmt.Errorf("wrap %v", s)))
	for _, v := range []any{s, &s, w, map[string]Secret{"k": s}} {
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := gob.NewEncoder(&out).Encode(s); err != nil {
		t.Fatal(err)
	}
	log := zerolog.New(&out)
	log.Info().Interface("a", s).Any("b", w).Stringer("c", s).Fields(map[string]any{"d": s}).Msgf("%v", s)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "a", s, "b", w)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "a", s, "b", w)
	decimal := strings.Trim(fmt.Sprint([]byte(text)), "[]")
	for _, form := range []string{text, "hunter2", hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)), decimal, decimal[:20]} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(form)) {
			t.Errorf("the output shows the secret as %q", form)
		}
	}
	if !strings.Contains(out.String(), mask) {
		t.Error("the output has no mask: nothing was printed")
	}
}

func TestSecretInPanic(t *testing.T) {
	if os.Getenv("PANIC_WITH_SECRET") != "" {
		panic(fmt.Sprint(panicking(NewSecret("hunter2-and-some-more-to-find"))))
	}
	cmd := exec.Command(os.Args[0], "-test.run", "TestSecretInPanic$")
	cmd.Env = append(os.Environ(), "PANIC_WITH_SECRET=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic") {
		t.Fatalf("no panic: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "hunter2") {
		t.Errorf("the panic shows the secret:\n%s", out)
	}
}

func panicking(s Secret) any {
	defer func() {
		panic(s) // a panic with the secret itself while another one is under way
	}()
	panic(struct{ s Secret }{s})
}

func TestSecretCompare(t *testing.T) {
	a, b := NewSecret("one"), NewSecret([]byte("one"))
	if !a.Equal(b) || a.Equal(NewSecret("two")) || a.Equal(Secret{}) || !(Secret{}).Equal(NewSecret("")) {
		t.Error("Equal does not compare bytes")
	}
	held := []byte("one")
	c := NewSecret(held)
	held[0] = 'X'
	if !a.Equal(c) {
		t.Error("a secret shares the bytes it was made from")
	}
	c.Wipe()
	if a.Equal(c) || len(c.Bytes()) != 3 || c.Bytes()[1] != 0 {
		t.Error("Wipe left the bytes")
	}
}
