package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
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
	"sync"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/why401/why401/sinks/logexport/cloudtest"
)

// startGoogle lets a script run why401 against a project acme-prod in Google
// Cloud as a user does, without a flag of its own: with the key of a service
// account, by the names of Google's hosts, over TLS. A proxy leads them all
// here.
func startGoogle(dir string, bucket [][]byte) (env map[string]string, stop func(), err error) {
	authority, cert, err := googleCertificate()
	if err != nil {
		return nil, nil, err
	}
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	pubsub := pstest.NewServer()
	logs := &storedBucket{}
	for _, line := range bucket {
		e := &loggingpb.LogEntry{}
		if err := protojson.Unmarshal(line, e); err != nil {
			return nil, nil, err
		}
		logs.entries = append(logs.entries, e)
	}
	const secret = "projects/acme-prod/secrets/jwt-main"
	cloud := cloudtest.New()
	cloud.Secrets[secret] = &secretmanagerpb.Secret{Name: secret}
	cloud.Versions[secret] = []*secretmanagerpb.SecretVersion{{Name: secret + "/versions/1", State: secretmanagerpb.SecretVersion_ENABLED}}
	cloud.Policies["projects/acme-prod"] = &iampb.Policy{Bindings: []*iampb.Binding{{Role: "roles/logging.viewer", Members: []string{cloudtest.Caller}}}}
	server := cloud.Serve(api, []grpc.ServerOption{grpc.Creds(credentials.NewServerTLSFromCert(cert))}, func(s *grpc.Server) {
		pubsubpb.RegisterPublisherServer(s, &pubsub.GServer)
		pubsubpb.RegisterSubscriberServer(s, &pubsub.GServer)
		loggingpb.RegisterLoggingServiceV2Server(s, logs)
	})
	way, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	proxy := &http.Server{Handler: towards(api.Addr().String()), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = proxy.Serve(way) }()
	stop = func() {
		_ = proxy.Close()
		server.Stop()
		_ = pubsub.Close()
	}
	key, err := accountKey("http://" + way.Addr().String() + "/token")
	if err != nil {
		return nil, stop, err
	}
	files := map[string][]byte{"google.pem": authority, "account.json": key}
	for name, data := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return map[string]string{
		"HTTPS_PROXY": "http://" + way.Addr().String(), "SSL_CERT_FILE": filepath.Join(dir, "google.pem"),
		"GOOGLE_APPLICATION_CREDENTIALS": filepath.Join(dir, "account.json"),
	}, stop, err
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
