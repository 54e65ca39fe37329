package sinks

import (
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestCloudCodes(t *testing.T) {
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		want := c == codes.Canceled || c == codes.Unknown || c == codes.DeadlineExceeded || c == codes.ResourceExhausted || c == codes.Aborted || c == codes.Internal || c == codes.Unavailable
		var f *Failure
		if err := cloudFailure(status.Error(c, "x")); !errors.As(err, &f) || f.Retry != want {
			t.Errorf("%s: %v; want retry %v", c, err, want)
		}
	}
}
