package sinks

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"sync"

	"cloud.google.com/go/logging"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

var (
	projectPattern = regexp.MustCompile(`^[a-z][a-z0-9:.-]{4,61}[a-z0-9]$`)
	logPattern     = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
)

func checkCloudLogging(c *Config) []conf.FieldError {
	var out []conf.FieldError
	if c.Project != "" && !projectPattern.MatchString(c.Project) {
		out = append(out, conf.FieldError{Path: "project", Msg: "wanted a Google Cloud project id, found " + conf.Quote(c.Project)})
	}
	if c.Log != "" && !logPattern.MatchString(c.Log) {
		out = append(out, conf.FieldError{Path: "log", Msg: "wanted letters, digits, - _ or ., found " + conf.Quote(c.Log), Hint: "write why401-alerts"})
	}
	for key, value := range map[string]string{"log": c.Log, "endpoint": c.Endpoint} {
		if c.Project == "" && value != "" {
			out = append(out, conf.FieldError{Path: key, Msg: "goes with a project: without one the lines go to stdout", Hint: "write project: PROJECT, or remove " + key})
		}
	}
	return out
}

// openCloudLogging writes one structured entry for each alert: through the
// API, or as JSON lines on stdout, where Cloud Run and GKE pick them up. Each
// is marked as ours, so that why401 never analyzes itself.
func openCloudLogging(c *Config, o *Outside) ([]outlet, error) {
	w := &cloudLog{config: *c, stdout: o.Stdout, options: o.Cloud}
	one := single(func(ctx context.Context, a *analyzer.Alert) error { return w.write(ctx, a) })
	one[0].close = w.close
	return one, nil
}

// cloudLog reaches for the API at the first alert: a daemon must start
// without it.
type cloudLog struct {
	config  Config
	stdout  io.Writer
	options []option.ClientOption

	mu     sync.Mutex
	client *logging.Client
	logger *logging.Logger
}

func (w *cloudLog) write(ctx context.Context, a *analyzer.Alert) error {
	logger, err := w.open(ctx)
	if err == nil {
		err = logger.LogSync(ctx, cloudEntry(a))
	}
	return cloudFailure(err)
}

// open connects once. Without a project nothing is connected to: the library
// then only formats.
func (w *cloudLog) open(ctx context.Context) (*logging.Logger, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.logger != nil {
		return w.logger, nil
	}
	project, options := w.config.Project, w.options
	logOptions := []logging.LoggerOption{logging.CommonLabels(map[string]string{"why401.self": "true"})}
	if project == "" {
		project, options = "stdout", []option.ClientOption{option.WithoutAuthentication()}
		logOptions = append(logOptions, logging.RedirectAsJSON(w.stdout))
	}
	if w.config.Endpoint != "" {
		options = append(options[:len(options):len(options)], option.WithEndpoint(w.config.Endpoint))
	}
	client, err := logging.NewClient(context.WithoutCancel(ctx), "projects/"+project, options...)
	if err != nil {
		return nil, err
	}
	w.client, w.logger = client, client.Logger(cmp.Or(w.config.Log, "why401-alerts"), logOptions...)
	return w.logger, nil
}

func (w *cloudLog) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client == nil {
		return nil
	}
	return w.client.Close()
}

// cloudSeverities are our levels in Cloud Logging's words.
var cloudSeverities = map[analyzer.Level]logging.Severity{
	analyzer.LevelInfo: logging.Notice, analyzer.LevelWarning: logging.Warning, analyzer.LevelError: logging.Error, analyzer.LevelCritical: logging.Critical,
}

func cloudEntry(a *analyzer.Alert) logging.Entry {
	severity := cloudSeverities[a.Severity]
	if a.State == analyzer.AlertResolved {
		severity = logging.Notice
	}
	payload := map[string]any{
		"message": title(a) + ": " + a.Annotations["summary"], "why401.self": "true", "state": string(a.State), "fingerprint": a.Fingerprint,
		"labels": a.Labels, "annotations": a.Annotations, "starts_at": a.StartsAt, "report_url": a.ReportURL,
	}
	at := a.StartsAt
	if a.State == analyzer.AlertResolved {
		payload["ends_at"], at = a.EndsAt, a.EndsAt
	}
	// The same alert twice is one entry: Cloud Logging drops an entry whose
	// timestamp and insertId it has.
	return logging.Entry{Timestamp: at, Severity: severity, Payload: payload, InsertID: fmt.Sprintf("%s-%s-%d", a.Fingerprint, a.Severity, at.UnixNano())}
}

// cloudFailure judges the answer of the API, as google.rpc.Code says.
func cloudFailure(err error) error {
	if err == nil {
		return nil
	}
	const doing = "write to Cloud Logging"
	st, ok := status.FromError(plainError(err))
	if !ok {
		return failed(doing, err)
	}
	f := failed(doing, fmt.Errorf("%s: %s", st.Code(), st.Message()))
	switch st.Code() {
	case codes.DeadlineExceeded:
		f.Reason = failTimeout
	case codes.Canceled:
		f.Reason = failCancelled
	case codes.ResourceExhausted:
		f.Reason = failLimited
	case codes.Unavailable:
	case codes.Internal, codes.Aborted, codes.Unknown:
		f.Reason = failStatus
	default:
		f.Reason, f.Retry = failStatus, false
	}
	return f
}
