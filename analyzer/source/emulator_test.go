package source

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/why401/why401/analyzer"
)

// findEmulator returns the program that starts Google's Pub/Sub emulator:
// $PUBSUB_EMULATOR_BIN, or what comes with the Cloud SDK. Without one the test
// is skipped, unless WHY401_REQUIRE_REAL=1 wants it to fail.
func findEmulator(t *testing.T) string {
	t.Helper()
	places := []string{os.Getenv("PUBSUB_EMULATOR_BIN")}
	roots := []string{"/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "/opt/google-cloud-sdk", "/opt/homebrew/share/google-cloud-sdk", "/snap/google-cloud-cli/current"}
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, "google-cloud-sdk"))
	}
	if gcloud, err := exec.LookPath("gcloud"); err == nil {
		if real, err := filepath.EvalSymlinks(gcloud); err == nil {
			roots = append(roots, filepath.Dir(filepath.Dir(real)))
		}
	}
	for _, root := range roots {
		places = append(places, filepath.Join(root, "platform/pubsub-emulator/bin/cloud-pubsub-emulator"))
	}
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && info.Mode().IsRegular() {
			return place
		}
	}
	if os.Getenv("WHY401_REQUIRE_REAL") == "1" {
		t.Fatal("the Pub/Sub emulator is required but not installed: gcloud components install pubsub-emulator")
	}
	t.Skip("the Pub/Sub emulator is not installed; gcloud components install pubsub-emulator")
	return ""
}

// startEmulator starts the emulator and points the client library at it.
func startEmulator(t *testing.T) {
	t.Helper()
	program := findEmulator(t)
	free := must(net.Listen("tcp", "127.0.0.1:0"))
	address := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(program, "--host=127.0.0.1", "--port="+port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it execs java, so this is the server itself
		_ = cmd.Wait()
	})
	eventually(t, "the emulator listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	t.Setenv("PUBSUB_EMULATOR_HOST", address)
}

// openEmulator starts the emulator with entries waiting in a subscription.
func openEmulator(t *testing.T, entries [][]byte) Config {
	t.Helper()
	startEmulator(t)
	c := PubSubConfig{Project: "my-project", Subscription: "logs-sub", NumGoroutines: 8, GroupSize: 100}
	client, err := pubsub.NewClient(t.Context(), c.Project)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic := "projects/my-project/topics/logs"
	if _, err := client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: c.name(), Topic: topic}); err != nil {
		t.Fatal(err)
	}
	for len(entries) > 0 {
		n := min(len(entries), 500)
		request := &pubsubpb.PublishRequest{Topic: topic}
		for _, e := range entries[:n] {
			request.Messages = append(request.Messages, &pubsubpb.PubsubMessage{Data: e})
		}
		if _, err := client.TopicAdminClient.Publish(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		entries = entries[n:]
	}
	return Config{PubSub: c}
}

// TestEmulatorStopAndGoOn ends a run again and again in the middle of a
// backlog. Hardly anything that one run kept may come again, and nothing may be
// missing.
func TestEmulatorStopAndGoOn(t *testing.T) {
	const n = 5000
	entries := numbered(n)
	c := openEmulator(t, entries).PubSub
	var kept ledger
	begin := time.Now()
	// The last run goes on to the end: messages that a stream prefetched come
	// again a whole lease after it was closed.
	for run := range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		var groups atomic.Int64
		err := must(NewPubSub(c)).Run(ctx, func(_ context.Context, group []analyzer.Message) error {
			kept.keep(group)
			if run < 3 && groups.Add(1) == 12 || kept.total.Load() >= n {
				cancel()
			}
			return nil
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("run %d: error %v with %d of %d kept", run, err, kept.total.Load(), n)
		}
		t.Logf("run %d ended after %v with %d kept", run, time.Since(begin).Round(100*time.Millisecond), kept.total.Load())
	}
	kept.checkAtLeastOnce(t, entries)
}
