package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
)

// TestKilledOnTheWay feeds the daemon from the real Pub/Sub emulator, with
// duplicates and malformed entries among the rest, and kills it again and
// again. Nothing may be lost and nothing counted twice: per service, reason
// and minute. WHY401_TORTURE=100000 (make torture) sets the number of entries.
func TestKilledOnTheWay(t *testing.T) {
	n, kills := 4000, 2
	if v, err := strconv.Atoi(os.Getenv("WHY401_TORTURE")); err == nil {
		n, kills = v, 10
	}
	host := emulator(t)
	t.Setenv("PUBSUB_EMULATOR_HOST", host)
	truth, poison := publish(t, n)
	db := filepath.Join(t.TempDir(), "why401.db")
	listen := freeAddress(t)
	for i := range kills {
		cmd := serveProcess(t, db, listen)
		time.Sleep(time.Duration(1500+rand.IntN(1500)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		_ = cmd.Wait() // killed
	}
	cmd := serveProcess(t, db, listen)
	awaitReport(t, listen, int64(n), int64(poison))
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("serve ended with %v; want a clean stop", err)
	}
	s, err := store.Open(context.Background(), store.Config{Kind: "sqlite", Path: db})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	held, err := s.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, c := range held.Counts {
		switch c.Kind {
		case analyzer.KindFinding, analyzer.KindNotice, analyzer.KindAccepted:
			got[fmt.Sprintf("%s %d %s", c.Service.Name, c.Minute, c.Reason)] += c.N
		}
	}
	if diff := cmp.Diff(truth, got); diff != "" {
		t.Errorf("counts per service, minute and reason (-want +got):\n%.3000s", diff)
	}
	quarantined, err := s.Quarantine(context.Background(), 0)
	if err != nil || len(quarantined) != poison {
		t.Errorf("%d entries in quarantine (%v); want %d, each once", len(quarantined), err, poison)
	}
	t.Logf("%d entries, %d malformed, %d kills: %d cells equal", n, poison, kills, len(truth))
}

// publish sends n distinct entries, 2 % of them malformed, and 5 % again.
func publish(t *testing.T, n int) (truth map[string]int64, poison int) {
	t.Helper()
	ctx := context.Background()
	client, err := pubsub.NewClient(ctx, "acme-staging")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic, sub := "projects/acme-staging/topics/logs", "projects/acme-staging/subscriptions/why401"
	if _, err := client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{Name: sub, Topic: topic, AckDeadlineSeconds: 10}); err != nil {
		t.Fatal(err)
	}
	truth = map[string]int64{}
	r := rand.New(rand.NewPCG(3, uint64(n)))
	texts := []struct{ text, reason string }{{"jwt expired", "expired_token"}, {"token signature is invalid: signature is invalid", "bad_signature"}, {"JWT_SECRET is not set", "missing_secret"}, {"", ""}}
	begin := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	p := client.Publisher(topic)
	var results []*pubsub.PublishResult
	for i := range n {
		at, svc, kind := begin.Add(time.Duration(i)*30*time.Millisecond), fmt.Sprint("svc-", r.IntN(9)), texts[r.IntN(len(texts))]
		body := fmt.Sprintf(`"textPayload":%q`, kind.text)
		if kind.text == "" {
			body = `"httpRequest":{"status":200}`
		}
		data := fmt.Sprintf(`{"insertId":"i%d","logName":"projects/acme-staging/logs/x","timestamp":%q,"resource":{"type":"cloud_run_revision","labels":{"service_name":%q,"project_id":"acme-staging"}},%s}`,
			i, at.Format(time.RFC3339Nano), svc, body)
		if r.IntN(50) == 0 {
			data = data[:len(data)-1-r.IntN(40)]
			poison++
		} else {
			truth[fmt.Sprintf("%s %d %s", svc, at.Unix()/60, kind.reason)]++
			if r.IntN(20) == 0 {
				results = append(results, p.Publish(ctx, &pubsub.Message{Data: []byte(data)}))
			}
		}
		results = append(results, p.Publish(ctx, &pubsub.Message{Data: []byte(data)}))
	}
	for _, res := range results {
		if _, err := res.Get(ctx); err != nil {
			t.Fatal(err)
		}
	}
	p.Stop()
	return truth, poison
}

// serveProcess starts the daemon as a process of its own, by running this
// test binary as why401.
func serveProcess(t *testing.T, db, listen string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "serve", "--project", "acme-staging", "--subscription", "why401", "--db", db, "--listen", listen)
	cmd.Env = append(os.Environ(), "WHY401_TEST_MAIN=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// awaitReport waits until every distinct entry has come through.
func awaitReport(t *testing.T, listen string, n, poison int64) {
	t.Helper()
	deadline := time.Now().Add(180 * time.Second)
	var r analyzer.Report
	for time.Now().Before(deadline) {
		if resp, err := http.Get("http://" + listen + "/api/v1/report"); err == nil {
			err = json.NewDecoder(resp.Body).Decode(&r)
			resp.Body.Close()
			if err == nil && r.Totals.Entries-r.Totals.Duplicates >= n && r.Totals.Malformed >= poison {
				return
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Errorf("after 180 s: %+v; want %d distinct entries, %d of them malformed", r.Totals, n, poison)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// emulator starts the real Pub/Sub emulator and returns its address. Where it
// is not installed the test is skipped, or fails under WHY401_REQUIRE_REAL.
func emulator(t *testing.T) string {
	t.Helper()
	bin := os.Getenv("PUBSUB_EMULATOR_BIN")
	for _, root := range []string{"/usr/lib/google-cloud-sdk", filepath.Join(os.Getenv("HOME"), "google-cloud-sdk")} {
		if p := filepath.Join(root, "platform/pubsub-emulator/bin/cloud-pubsub-emulator"); bin == "" {
			if _, err := os.Stat(p); err == nil {
				bin = p
			}
		}
	}
	if bin == "" {
		if os.Getenv("WHY401_REQUIRE_REAL") != "" {
			t.Fatal("the Pub/Sub emulator is required and not installed: it is part of the Cloud SDK (platform/pubsub-emulator)")
		}
		t.Skip("the Pub/Sub emulator is not installed")
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(bin, "--host=127.0.0.1", "--port="+port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 150 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal("the Pub/Sub emulator did not start within 30 s")
	return ""
}
