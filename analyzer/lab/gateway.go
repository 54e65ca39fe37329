package lab

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// pass sends a request on to a service behind the gateway, in the same trace,
// and its answer back. The gateway may lose the Authorization header or cut
// what is too long for it, as proxies do.
func (in *instance) pass(w http.ResponseWriter, r *http.Request, behind string) {
	rq := requestOf(r.Context())
	body, err := io.ReadAll(r.Body)
	if err != nil {
		in.p.fail(fmt.Errorf("read a request for %s: %w", behind, err))
		return
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+behind+r.URL.Path, strings.NewReader(string(body)))
	if err != nil {
		in.p.fail(fmt.Errorf("pass a request on to %s: %w", behind, err))
		return
	}
	out.Header = r.Header.Clone()
	out.Header.Set("Traceparent", "00-"+rq.trace+"-"+rq.span+"-00")
	if slices.Contains(in.set.Strips, behind) {
		out.Header.Del("Authorization")
	}
	if auth := out.Header.Get("Authorization"); in.set.MaxHeader > 0 && len(auth) > in.set.MaxHeader {
		out.Header.Set("Authorization", auth[:in.set.MaxHeader])
	}
	res, err := in.p.client.Do(out)
	if err != nil {
		in.p.fail(fmt.Errorf("pass a request on to %s: %w", behind, err))
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		in.p.fail(fmt.Errorf("read the answer of %s: %w", behind, err))
		return
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer) // a buffer of the platform
}
