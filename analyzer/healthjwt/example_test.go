package healthjwt_test

import (
	"fmt"
	"net/http"
	"os"

	"github.com/why401/why401/analyzer/healthjwt"
)

// A service that resolves its secret once, at start, as most do.
func Example() {
	held := healthjwt.FromEnv(os.LookupEnv, "JWT_SECRET_STAGING", "JWT_SECRET_KEY", "JWT_SECRET")
	health, err := healthjwt.New(healthjwt.Config{
		Pepper:     healthjwt.NewSecret(os.Getenv("WHY401_PEPPER")),
		Held:       func() []healthjwt.Held { return []healthjwt.Held{held} },
		Algorithms: []string{"HS256"},
		Issuer:     "https://auth.example.com",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /health/jwt", health)
	// verify tokens with held.Value.Bytes()
}
