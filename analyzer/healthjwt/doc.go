// Package healthjwt lets a service tell which JWT secret it holds, without
// telling the secret. A Go service mounts a [Handler] at /health/jwt; services
// in other languages use the `why401 agent` or the recipes of the README.
//
// # Protocol, version 1
//
// GET /health/jwt answers the agreed shape: status (healthy, degraded,
// unhealthy) and details (jwt_secret_available, secret_length_valid,
// cross_service_consistency, last_validated). It says nothing that helps an
// attacker and needs no authentication, so that platforms may use it.
//
// GET /health/jwt?nonce=N adds the object "why401": see [Extension]. It needs
//
//	Authorization: Why401 T.M
//
// with T the Unix time in seconds and M the first 16 bytes of
// HMAC-SHA256(K, T "." N), base64url without padding, where
// K = HKDF-SHA256(pepper, no salt, "why401 request v1", 32 bytes). T may be
// off by five minutes. The nonce has 22 to 86 characters of the base64url
// alphabet. A signature was chosen over a bearer token because a bearer would
// be the same in every round: whoever sees one could ask for ever.
//
// For every secret that the service holds, the answer carries
//
//	HMAC-SHA256(HKDF-SHA256(secret, pepper, "why401 fingerprint v1", 32 bytes), N)
//
// cut to 16 bytes, base64url without padding. The pepper is at least 32 bytes,
// known to why401 and the services only; white space around it does not
// count. Whoever asks takes one nonce for all services of a round and a new
// one for the next: equal secrets give equal values within a round, and
// nothing links two rounds. Without the pepper a value cannot be tried against
// a dictionary. The length is never told, only ok or too_short for each
// algorithm. An asymmetric key is compared by the DER form of its public part.
//
// A request may be sent twice within its five minutes: it gets the same
// answer. That allows to ask every replica under one nonce, and gives nobody
// anything that the first answer did not hold.
//
// The package imports the standard library and golang-jwt only.
package healthjwt
