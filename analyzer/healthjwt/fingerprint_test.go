package healthjwt

import (
	"errors"
	"testing"
	"time"
)

const (
	vectorPepper = "0123456789abcdef0123456789abcdef"
	vectorNonce  = "bm9uY2Utbm9uY2Utbm9uY2Ut"
)

func vector(t *testing.T) Pepper {
	t.Helper()
	p, err := NewPepper(NewSecret(vectorPepper + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The values come from a Python script (hmac, hashlib), which shares no line
// with this package.
func TestVectors(t *testing.T) {
	p := vector(t)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, tt := range []struct{ name, secret, want string }{
		{"empty", "", "a2lXp1Ea5WFd-jgC5N2Dhg"},
		{"short", "secret", "nKdYKoycOUqxhz-lerCuLg"},
		{"with newline", "secret\n", "-4oth5HjKAh3Qmw-0r_iBA"},
		{"every byte", string(all), "dshkkPCscr7jQ_tsVvepnA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := p.Fingerprint([]byte(tt.secret), vectorNonce); got != tt.want {
				t.Errorf("got %s; want %s", got, tt.want)
			}
		})
	}
	if got, want := p.Authorize(vectorNonce, time.Unix(1764000000, 0)), "Why401 1764000000.t8ab9X0dF5NsGrG2YLZsvg"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	p := vector(t)
	at := time.Unix(1764000000, 0)
	good := p.Authorize(vectorNonce, at)
	other, err := NewPepper(NewSecret("another pepper of thirty-two bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, nonce, header string
		now                 time.Time
		want                error
	}{
		{"good", vectorNonce, good, at, nil},
		{"service five minutes ahead", vectorNonce, good, at.Add(5 * time.Minute), nil},
		{"too late", vectorNonce, good, at.Add(5*time.Minute + time.Second), errClock},
		{"from the future", vectorNonce, good, at.Add(-6 * time.Minute), errClock},
		{"another nonce", vectorNonce + "A", good, at, errSignature},
		{"another time", vectorNonce, "Why401 1764000001" + good[len("Why401 1764000000"):], at, errSignature},
		{"another pepper", vectorNonce, other.Authorize(vectorNonce, at), at, errSignature},
		{"cut", vectorNonce, good[:len(good)-1], at, errSignature},
		{"no header", vectorNonce, "", at, errScheme},
		{"bearer", vectorNonce, "Bearer x.y", at, errScheme},
		{"no time", vectorNonce, "Why401 x.y", at, errScheme},
		{"short nonce", "abc", p.Authorize("abc", at), at, errNonce},
		{"nonce of other letters", "AAAAAAAAAAAAAAAAAAAAAAA.", p.Authorize("AAAAAAAAAAAAAAAAAAAAAAA.", at), at, errNonce},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := p.verify(tt.nonce, tt.header, tt.now); !errors.Is(err, tt.want) {
				t.Errorf("got %v; want %v", err, tt.want)
			}
		})
	}
}

func TestShortPepper(t *testing.T) {
	if _, err := NewPepper(NewSecret("               short               ")); !errors.Is(err, ErrPepper) {
		t.Errorf("got %v; want %v", err, ErrPepper)
	}
}
