package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/why401/why401/sinks/logexport/cloudtest"
)

// google is a project acme-prod in Google Cloud that a test runs why401 against
// as a user does, without a flag of its own: with the key of a service account,
// by the names of Google's hosts, over TLS. A proxy leads them all here.
type google struct {
	env    map[string]string // of the process
	key    *rsa.PrivateKey   // that Google signs the tokens of push subscriptions with
	server *grpc.Server
	pubsub *pstest.Server
	stops  []func()
}

// startGoogle starts it; bucket are the entries that Cloud Logging keeps.
func startGoogle(dir string, bucket [][]byte) (*google, error) {
	g := &google{pubsub: pstest.NewServer()}
	g.stops = append(g.stops, func() { _ = g.pubsub.Close() })
	err := g.start(dir, bucket)
	if err != nil {
		g.stop()
	}
	return g, err
}

func (g *google) stop() {
	for _, stop := range slices.Backward(g.stops) {
		stop()
	}
}

func (g *google) start(dir string, bucket [][]byte) (err error) {
	logs := &storedBucket{}
	for _, line := range bucket {
		e := &loggingpb.LogEntry{}
		if err := protojson.Unmarshal(line, e); err != nil {
			return err
		}
		logs.entries = append(logs.entries, e)
	}
	if g.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return err
	}
	g.server = newGoogleProject().Server()
	g.stops = append(g.stops, g.server.Stop)
	pubsubpb.RegisterPublisherServer(g.server, &g.pubsub.GServer)
	pubsubpb.RegisterSubscriberServer(g.server, &g.pubsub.GServer)
	loggingpb.RegisterLoggingServiceV2Server(g.server, logs)
	authority, cert, err := googleCertificate()
	if err != nil {
		return err
	}
	api, err := g.listen(g, &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		return err
	}
	way, err := g.listen(towards(api), nil)
	if err != nil {
		return err
	}
	account, err := accountKey("http://" + way + "/token")
	if err != nil {
		return err
	}
	g.env = map[string]string{"HTTPS_PROXY": "http://" + way, "SSL_CERT_FILE": filepath.Join(dir, "google.pem"), "GOOGLE_APPLICATION_CREDENTIALS": filepath.Join(dir, "account.json")}
	return errors.Join(os.WriteFile(g.env["SSL_CERT_FILE"], authority, 0o600), os.WriteFile(g.env["GOOGLE_APPLICATION_CREDENTIALS"], account, 0o600))
}

// newGoogleProject has one secret, and why401 may read its logs.
func newGoogleProject() *cloudtest.Cloud {
	const secret = "projects/acme-prod/secrets/jwt-main"
	c := cloudtest.New()
	c.Secrets[secret] = &secretmanagerpb.Secret{Name: secret}
	c.Versions[secret] = []*secretmanagerpb.SecretVersion{{Name: secret + "/versions/1", State: secretmanagerpb.SecretVersion_ENABLED}}
	c.Policies["projects/acme-prod"] = &iampb.Policy{Bindings: []*iampb.Binding{{Role: "roles/logging.viewer", Members: []string{cloudtest.Caller}}}}
	return c
}

func (g *google) listen(h http.Handler, secure *tls.Config) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, TLSConfig: secure, ReadHeaderTimeout: 5 * time.Second}
	g.stops = append(g.stops, func() { _ = s.Close() })
	if secure != nil {
		go func() { _ = s.ServeTLS(l, "", "") }()
	} else {
		go func() { _ = s.Serve(l) }()
	}
	return l.Addr().String(), nil
}

// ServeHTTP is what all of Google's hosts answer: gRPC, the certificates, the
// time.
func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		g.server.ServeHTTP(w, r)
	case r.URL.Path == "/oauth2/v3/certs":
		n, e := g.key.N.Bytes(), big.NewInt(int64(g.key.E)).Bytes()
		w.Header().Set("Cache-Control", "max-age=3600")
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{"kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig",
			"n": base64.RawURLEncoding.EncodeToString(n), "e": base64.RawURLEncoding.EncodeToString(e)}}})
	}
}

// towards is a proxy that leads every connection to one address, and where
// tokens are given out.
func towards(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "test", "token_type": "Bearer", "expires_in": 3600})
			return
		}
		there, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		_, _ = here.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")) // who is gone does not read
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(there, here); _ = there.Close() })
		_, _ = io.Copy(here, there)
		_ = here.Close()
		both.Wait()
	})
}

// googleCertificate makes a certificate for the hosts of Google's APIs.
func googleCertificate() (authority []byte, cert *tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, DNSNames: []string{"*.googleapis.com"}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// accountKey is the key file of the service account that why401 runs as.
func accountKey(tokens string) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"type": "service_account", "project_id": "acme-prod", "private_key_id": "k1", "client_id": "1",
		"client_email": "why401@acme-prod.iam.gserviceaccount.com", "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokens})
}

// storedBucket is what Cloud Logging keeps. Its quota is used up at every
// second call.
type storedBucket struct {
	loggingpb.UnimplementedLoggingServiceV2Server
	entries []*loggingpb.LogEntry
	calls   int
}

func (b *storedBucket) ListLogEntries(_ context.Context, r *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	if b.calls++; b.calls%2 == 1 {
		return nil, status.Error(codes.ResourceExhausted, "Quota exceeded for quota metric 'Read requests'")
	}
	var from int
	if _, err := fmt.Sscanf(r.GetPageToken(), "p%d", &from); err != nil && r.GetPageToken() != "" {
		return nil, status.Error(codes.InvalidArgument, "page token is not valid")
	}
	to := min(from+2, len(b.entries))
	out := &loggingpb.ListLogEntriesResponse{Entries: b.entries[from:to]}
	if to < len(b.entries) {
		out.NextPageToken = fmt.Sprintf("p%d", to)
	}
	return out, nil
}
