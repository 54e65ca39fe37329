package main

import "testing"

func checkChroot(t *testing.T, _ string) {
	t.Helper()
	t.Skip("there is no chroot")
}
