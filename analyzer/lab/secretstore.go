package lab

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// VersionState is the state of a secret version, in the words of the Secret
// Manager API.
type VersionState string

// The states of a secret version.
const (
	VersionEnabled   VersionState = "ENABLED"
	VersionDisabled  VersionState = "DISABLED"
	VersionDestroyed VersionState = "DESTROYED"
)

// Version is a secret version without its payload.
type Version struct {
	Name     string // projects/NUMBER/secrets/SECRET/versions/N
	Number   int
	State    VersionState
	Created  time.Time
	Checksum uint32 // CRC32C (Castagnoli) of the payload, as the API gives it
}

// SecretStore is a Secret Manager in this process: secrets with numbered
// versions that are added, accessed, enabled, disabled and destroyed. Names
// and errors are those of the Google API (an error is a gRPC status), so that
// a gRPC server in front of it only has to translate messages. Every call but
// CreateSecret, List and Get is reported to the audit function. It is safe
// for concurrent use.
type SecretStore struct {
	now   func() time.Time
	audit func(StoreEvent)

	mu      sync.Mutex
	refuse  func(principal string) error // why an access is refused, or nil
	numbers map[string]string            // project id or number → number
	secrets map[string]*secret           // projects/NUMBER/secrets/SECRET
}

// StoreEvent is one call of a SecretStore, told to its audit function.
type StoreEvent struct {
	At        time.Time
	Method    string // AddSecretVersion, AccessSecretVersion, DisableSecretVersion, …
	Principal string // e-mail address of the caller
	Resource  string // the name as it was asked for: an alias such as latest stays one
	Version   Version
	Err       error
}

type secret struct {
	name     string
	versions []version // version N at index N-1
}

type version struct {
	Version
	payload []byte
}

// NewSecretStore returns an empty store that takes its time from now. The
// audit function is called once per call, without any lock held.
func NewSecretStore(now func() time.Time, audit func(StoreEvent)) *SecretStore {
	return &SecretStore{now: now, audit: audit, numbers: map[string]string{}, secrets: map[string]*secret{}}
}

// AddProject makes a project known under its id and its number.
func (s *SecretStore) AddProject(id, number string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers[id], s.numbers[number] = number, number
}

// CreateSecret creates a secret without versions and returns its name.
func (s *SecretStore) CreateSecret(project, id string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, ok := s.numbers[project]
	if !ok {
		return "", status.Errorf(codes.NotFound, "Project [projects/%s] not found.", project)
	}
	name := "projects/" + number + "/secrets/" + id
	if s.secrets[name] != nil {
		return "", status.Errorf(codes.AlreadyExists, "Secret [%s] already exists.", name)
	}
	s.secrets[name] = &secret{name: name}
	return name, nil
}

// AddVersion adds an enabled version to the secret projects/P/secrets/S.
func (s *SecretStore) AddVersion(principal, secretName string, payload []byte) (Version, error) {
	v, err := func() (Version, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		sec, rest, err := s.find(secretName)
		if err != nil {
			return Version{}, err
		}
		if rest != "" {
			return Version{}, status.Errorf(codes.InvalidArgument, "Name [%s] is not a secret.", secretName)
		}
		n := len(sec.versions) + 1
		v := version{payload: slices.Clone(payload), Version: Version{
			Name: fmt.Sprintf("%s/versions/%d", sec.name, n), Number: n, State: VersionEnabled, Created: s.now(),
			Checksum: crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)),
		}}
		sec.versions = append(sec.versions, v)
		return v.Version, nil
	}()
	s.audit(StoreEvent{s.now(), "AddSecretVersion", principal, secretName, v, err})
	return v, err
}

// Access returns the payload of projects/P/secrets/S/versions/V, where V is a
// number or latest, the version added last whatever its state. A version that
// is not enabled is refused with FailedPrecondition.
func (s *SecretStore) Access(principal, versionName string) (Version, []byte, error) {
	v, payload, err := func() (Version, []byte, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.refuse != nil {
			if err := s.refuse(principal); err != nil {
				return Version{}, nil, status.Errorf(status.Code(err), "%s", strings.ReplaceAll(status.Convert(err).Message(), "{name}", versionName))
			}
		}
		v, err := s.version(versionName)
		if err != nil {
			return Version{}, nil, err
		}
		if v.State != VersionEnabled {
			return v.Version, nil, status.Errorf(codes.FailedPrecondition, "Secret Version [%s] is in %s state.", v.Name, v.State)
		}
		return v.Version, slices.Clone(v.payload), nil
	}()
	s.audit(StoreEvent{s.now(), "AccessSecretVersion", principal, versionName, v, err})
	return v, payload, err
}

// SetState enables, disables or destroys a version. A destroyed version loses
// its payload and keeps its state for good.
func (s *SecretStore) SetState(principal, versionName string, state VersionState) (Version, error) {
	methods := map[VersionState]string{
		VersionEnabled: "EnableSecretVersion", VersionDisabled: "DisableSecretVersion", VersionDestroyed: "DestroySecretVersion",
	}
	v, err := func() (Version, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		v, err := s.version(versionName)
		if err != nil {
			return Version{}, err
		}
		if v.State == VersionDestroyed {
			return v.Version, status.Errorf(codes.FailedPrecondition, "Secret Version [%s] is in %s state.", v.Name, v.State)
		}
		v.State = state
		if state == VersionDestroyed {
			v.payload = nil
		}
		return v.Version, nil
	}()
	s.audit(StoreEvent{s.now(), methods[state], principal, versionName, v, err})
	return v, err
}

// Get returns a version without its payload.
func (s *SecretStore) Get(versionName string) (Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.version(versionName)
	if err != nil {
		return Version{}, err
	}
	return v.Version, nil
}

// List returns the versions of projects/P/secrets/S, newest first, as the API
// does.
func (s *SecretStore) List(secretName string) ([]Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sec, _, err := s.find(secretName)
	if err != nil {
		return nil, err
	}
	var list []Version
	for _, v := range slices.Backward(sec.versions) {
		list = append(list, v.Version)
	}
	return list, nil
}

// peek returns a copy of the payload of the version back places before the
// newest, in whatever state it is, and tells nobody.
func (s *SecretStore) peek(secretName string, back int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sec, _, err := s.find(secretName)
	if err != nil {
		return nil, err
	}
	if n := len(sec.versions) - 1 - back; n >= 0 {
		return slices.Clone(sec.versions[n].payload), nil
	}
	return nil, status.Errorf(codes.NotFound, "Secret Version [%s] not found %d back.", sec.name, back)
}

// Refuse lets f decide who gets no value: its error, a gRPC status in whose
// text {name} stands for the version, is what Access returns. Nil lets
// everybody in.
func (s *SecretStore) Refuse(f func(principal string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// find returns the secret that name belongs to and what follows the secret's
// own name: versions/V, or nothing.
func (s *SecretStore) find(name string) (*secret, string, error) {
	parts := strings.SplitN(name, "/", 5)
	if len(parts) < 4 || parts[0] != "projects" || parts[2] != "secrets" {
		return nil, "", status.Errorf(codes.InvalidArgument, "Name [%s] is not of the form projects/*/secrets/*.", name)
	}
	full := "projects/" + s.numbers[parts[1]] + "/secrets/" + parts[3]
	sec := s.secrets[full]
	if sec == nil {
		return nil, "", status.Errorf(codes.NotFound, "Secret [%s] not found.", name)
	}
	if len(parts) < 5 {
		return sec, "", nil
	}
	return sec, parts[4], nil
}

func (s *SecretStore) version(name string) (*version, error) {
	sec, rest, err := s.find(name)
	if err != nil {
		return nil, err
	}
	id, ok := strings.CutPrefix(rest, "versions/")
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "Name [%s] is not a secret version.", name)
	}
	n := len(sec.versions)
	if id != "latest" {
		if n, err = strconv.Atoi(id); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "Version [%s] is neither a number nor latest.", id)
		}
	}
	if n < 1 || n > len(sec.versions) {
		return nil, status.Errorf(codes.NotFound, "Secret Version [%s/versions/%s] not found.", sec.name, id)
	}
	return &sec.versions[n-1], nil
}
