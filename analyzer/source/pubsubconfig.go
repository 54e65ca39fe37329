package source

import (
	"net"
	"regexp"
	"strings"
	"time"

	"google.golang.org/api/option"

	"github.com/why401/why401/analyzer/conf"
)

// PubSubConfig tells where a subscription is and how to pull from it. Zero
// values stand for the defaults named.
type PubSubConfig struct {
	Project      string `yaml:"project"`      // id of the project that owns the subscription
	Subscription string `yaml:"subscription"` // its id, or projects/P/subscriptions/S, which names the project too

	NumGoroutines          int           `yaml:"streams"`                  // streaming pulls; 4, at most 64
	MaxOutstandingMessages int           `yaml:"max_outstanding_messages"` // 4000, at least two groups
	MaxOutstandingBytes    conf.Size     `yaml:"max_outstanding_bytes"`    // 64 MiB, at least two groups
	GroupSize              int           `yaml:"group_size"`               // messages in one commit; 1000
	GroupBytes             conf.Size     `yaml:"group_bytes"`              // bytes in one commit, overstepped by at most one message; 4 MiB
	GroupWait              time.Duration `yaml:"group_wait"`               // how long the first message of a group waits for others; 20 ms, at most 5 s
	AckExtension           time.Duration `yaml:"ack_extension"`            // lease of a message, renewed while it is handled; 10 s, at most 600 s
	Drain                  time.Duration `yaml:"drain"`                    // from the end of the context until Run gives up on what is under way; 8 s
	Hold                   time.Duration `yaml:"hold"`                     // how long a group that the handler refuses is held and offered again before it goes back; 5 min, at most 50 min
	DialTimeout            time.Duration `yaml:"dial_timeout"`             // until the subscription must have answered once; 10 s
	ExactlyOnce            bool          `yaml:"exactly_once"`             // wait for the result of every acknowledgement
	Endpoint               string        `yaml:"endpoint"`                 // host:port of a regional endpoint; the global one

	// Options go to the client after all others: a connection of one's own,
	// or those of an [Embedded] server.
	Options []option.ClientOption `yaml:"-"`
}

var (
	projectID  = regexp.MustCompile(`^(?:[a-z][-a-z0-9.]*:)?[a-z0-9][-a-z0-9]{1,62}$`)
	resourceID = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9_.~+%]{2,254}$`)
)

// Validate returns every problem of c at once. A config that names neither
// project nor subscription is fine as long as nobody opens it.
func (c PubSubConfig) Validate() []conf.FieldError {
	var problems []conf.FieldError
	d := c.withDefaults()
	if c.Project != "" || c.Subscription != "" {
		problems = c.names(d)
	}
	add := func(found []conf.FieldError) { problems = append(problems, found...) }
	add(conf.Between("streams", d.NumGoroutines, 1, 64))
	add(conf.Between("group_size", d.GroupSize, 1, 100_000))
	add(conf.Between("group_bytes", d.GroupBytes, 1, 1<<30))
	add(conf.Between("max_outstanding_messages", d.MaxOutstandingMessages, min(max(2*d.GroupSize, 1), 200_000), 1_000_000))
	add(conf.Between("max_outstanding_bytes", d.MaxOutstandingBytes, min(max(2*d.GroupBytes, 1), 2<<30), 16<<30))
	add(conf.Between("group_wait", d.GroupWait, time.Millisecond, 5*time.Second))
	add(conf.Between("ack_extension", d.AckExtension, 10*time.Second, 10*time.Minute))
	add(conf.Between("hold", d.Hold, time.Millisecond, 50*time.Minute))
	add(conf.Between("drain", d.Drain, 100*time.Millisecond, 10*time.Minute))
	add(conf.Between("dial_timeout", d.DialTimeout, 100*time.Millisecond, 10*time.Minute))
	if _, _, err := net.SplitHostPort(c.Endpoint); c.Endpoint != "" && (err != nil || strings.Contains(c.Endpoint, "/")) {
		add(wrong("endpoint", c.Endpoint, "host:port", "europe-west1-pubsub.googleapis.com:443 is one"))
	}
	return problems
}

// names checks what c calls the project and the subscription; d is c with its
// defaults.
func (c PubSubConfig) names(d PubSubConfig) []conf.FieldError {
	var problems []conf.FieldError
	parts := strings.Split(c.Subscription, "/")
	switch full := len(parts) == 4 && parts[0] == "projects" && parts[2] == "subscriptions"; {
	case !full && len(parts) > 1:
		problems = append(problems, wrong("subscription", c.Subscription, "an id or projects/PROJECT/subscriptions/ID", "")...)
	case full && c.Project != "" && c.Project != parts[1]:
		problems = append(problems, wrong("project", c.Project, "the project that subscription names", "leave project out")...)
	case !resourceID.MatchString(d.id()):
		problems = append(problems, wrong("subscription", d.id(), "3 to 255 letters, digits and -_.~+%, a letter first", "gcloud pubsub subscriptions list shows those there are")...)
	}
	if !projectID.MatchString(d.Project) {
		problems = append(problems, wrong("project", d.Project, "the id of a Google Cloud project", "gcloud projects list shows those there are")...)
	}
	return problems
}

func wrong(path, found, wanted, hint string) []conf.FieldError {
	return []conf.FieldError{{Path: path, Msg: "wanted " + wanted + ", found " + conf.Quote(found), Hint: hint}}
}

func (c PubSubConfig) withDefaults() PubSubConfig {
	if parts := strings.Split(c.Subscription, "/"); len(parts) == 4 && c.Project == "" {
		c.Project = parts[1]
	}
	orDefault(&c.NumGoroutines, 4)
	orDefault(&c.GroupSize, 1000)
	orDefault(&c.GroupBytes, 4<<20)
	orDefault(&c.MaxOutstandingMessages, max(4000, 2*c.GroupSize))
	orDefault(&c.MaxOutstandingBytes, max(64<<20, 2*c.GroupBytes))
	orDefault(&c.GroupWait, 20*time.Millisecond)
	orDefault(&c.AckExtension, 10*time.Second)
	orDefault(&c.Drain, 8*time.Second)
	orDefault(&c.Hold, 5*time.Minute)
	orDefault(&c.DialTimeout, 10*time.Second)
	return c
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// id is the subscription's own name, name the full one.
func (c PubSubConfig) id() string {
	return c.Subscription[strings.LastIndexByte(c.Subscription, '/')+1:]
}

func (c PubSubConfig) name() string {
	return "projects/" + c.Project + "/subscriptions/" + c.id()
}

func (c PubSubConfig) options() []option.ClientOption {
	var o []option.ClientOption
	if c.Endpoint != "" {
		o = append(o, option.WithEndpoint(c.Endpoint))
	}
	return append(o, c.Options...)
}
