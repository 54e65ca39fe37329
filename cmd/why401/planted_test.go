package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// TestNoPlantedTokenComesOut plants 10,000 live tokens in log lines, in the
// places where services leak them, and looks for their signatures and payloads
// in everything that is printed.
func TestNoPlantedTokenComesOut(t *testing.T) {
	const n = 10_000
	shapes := []string{
		`"textPayload":"Invalid token signature: %s"`, `"textPayload":"jwt expired: Authorization: Bearer %s"`, `"jsonPayload":{"message":"invalid signature","token":"%s"}`,
		`"jsonPayload":{"message":"jwt malformed","err":{"stack":"JsonWebTokenError: jwt malformed %s\n    at verify"}}`, `"textPayload":"level=error msg=\"token rejected\" access_token=%s err=\"jwt expired\""`,
		`"jsonPayload":{"message":"Unauthorized","headers":{"authorization":"Bearer %s"}}`, `"textPayload":"frobnicated jwt failed in a new way near %s, sorry"`,
	}
	var in bytes.Buffer
	planted := make([]string, n)
	for i := range n {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			t.Fatal(err)
		}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": hex.EncodeToString(key[:8]), "exp": 1900000000}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		planted[i] = token
		fmt.Fprintf(&in, `{"insertId":"i%d","logName":"projects/acme-staging/logs/x","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"cloud_run_revision","labels":{"service_name":"svc-%d"}},`, i, i%5)
		fmt.Fprintf(&in, shapes[i%len(shapes)], token)
		in.WriteString("}\n")
	}
	in.WriteString(`{"textPayload":"broken ` + planted[0] + "\n")
	for _, args := range [][]string{{"classify", "-"}, {"analyze", "--format", "json", "-"}, {"analyze", "-"}, {"analyze", "--format", "md", "-"}} {
		var out bytes.Buffer
		run(context.Background(), args, bytes.NewReader(in.Bytes()), &out, &out)
		if out.Len() == 0 {
			t.Fatalf("%v printed nothing", args)
		}
		found := 0
		printed := out.String()
		for _, token := range planted {
			parts := strings.Split(token, ".")
			if strings.Contains(printed, parts[2][:16]) || strings.Contains(printed, parts[1][20:]) {
				found++
			}
		}
		if found > 0 {
			t.Errorf("%v prints %d of %d planted tokens", args, found, n)
		}
	}
}
