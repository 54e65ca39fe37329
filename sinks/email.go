package sinks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

func checkEmail(c *Config) []conf.FieldError {
	out := append(c.missing("host", "host:port of the SMTP server"), c.missing("from", "the address of the sender")...)
	out = append(out, c.missing("to", "at least one address")...)
	out = append(out, c.loginProblems()...)
	if c.TLS != "" {
		out = append(out, conf.OneOf("tls", c.TLS, "starttls", "tls", "none")...)
	}
	if c.Host != "" {
		host, port, err := net.SplitHostPort(c.Host)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" || n == 0 {
			out = append(out, conf.FieldError{Path: "host", Msg: "wanted host:port, found " + conf.Quote(c.Host), Hint: "write smtp.example.com:587"})
		}
	}
	if c.TLS == "none" && c.Username != "" {
		out = append(out, conf.FieldError{Path: "tls", Msg: "wanted starttls or tls: a password does not go over an open line"})
	}
	for i, a := range append([]string{c.From}, c.To...) {
		if _, err := netmail.ParseAddress(a); err != nil && a != "" {
			path := "from"
			if i > 0 {
				path = fmt.Sprintf("to[%d]", i-1)
			}
			out = append(out, conf.FieldError{Path: path, Msg: "wanted an e-mail address, found something else", Hint: "write oncall@example.com"})
		}
	}
	return out
}

// openEmail sends one message for each alert, in plain text; the end of an
// alert is a reply to its beginning.
func openEmail(c *Config, o *Outside) ([]outlet, error) {
	password := secret{c.Password, o.Getenv}
	return single(func(ctx context.Context, a *analyzer.Alert) error {
		pass, err := password.read()
		if err != nil {
			return unread(err)
		}
		m, err := mailOf(c, a)
		if err != nil {
			return &Failure{Reason: failPayload, text: "write e-mail: wanted addresses that can be written into a header, found others"}
		}
		return mailFailure(ctx, sendMail(ctx, c, o, m, pass), m, pass)
	}), nil
}

func mailOf(c *Config, a *analyzer.Alert) (*mail.Msg, error) {
	m := mail.NewMsg()
	if err := errors.Join(m.From(c.From), m.To(c.To...)); err != nil {
		return nil, err
	}
	// The same version of an alert has the same id, which names no host.
	thread := fmt.Sprintf("why401-%s-%d@why401.invalid", a.Fingerprint, a.StartsAt.Unix())
	if a.State == analyzer.AlertFiring && len(a.Former) == 0 {
		m.SetMessageIDWithValue(thread)
	} else {
		m.SetMessageIDWithValue(fmt.Sprintf("%s-%s-%s", a.State, a.Severity, thread))
		m.SetGenHeader(mail.HeaderInReplyTo, "<"+thread+">")
		m.SetGenHeader(mail.HeaderReferences, "<"+thread+">")
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer from a vacation program
	m.SetDate()
	m.SetUserAgent("why401/" + version())
	m.Subject("[why401] " + title(a))
	m.SetBodyString(mail.TypeTextPlain, message(a))
	return m, nil
}

// sendMail speaks with the server over a connection that ends with ctx: the
// library watches ctx only while it dials.
func sendMail(ctx context.Context, c *Config, o *Outside, m *mail.Msg, pass string) error {
	host, portText, err := net.SplitHostPort(c.Host)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	opts := []mail.Option{mail.WithPort(port), mail.WithTimeout(cmp.Or(c.Timeout, defaultTimeout)), mail.WithTLSPolicy(mail.TLSMandatory)}
	dial := (&net.Dialer{}).DialContext
	switch c.TLS {
	case "tls":
		opts = append(opts, mail.WithSSL())
	case "none":
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	}
	if o.mailTLS != nil {
		config := o.mailTLS.Clone()
		config.ServerName = cmp.Or(config.ServerName, host)
		opts = append(opts, mail.WithTLSConfig(config))
	}
	if c.TLS != "tls" { // with it the library wants to dial by itself
		opts = append(opts, mail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(dialing, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = conn.Close() }) // only to wake who waits on it
			}
			return conn, err
		}))
	}
	if c.Username != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.Username), mail.WithPassword(pass))
	}
	client, err := mail.NewClient(host, opts...)
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, m)
}

// mailFailure judges what a server said. Its own words are left out: they
// name the recipients.
func mailFailure(ctx context.Context, err error, m *mail.Msg, pass string) error {
	if err == nil || m.IsDelivered() {
		return nil // taken; what went wrong when parting does not matter
	}
	const doing = "send e-mail"
	if ctx.Err() != nil {
		return failed(doing, ctx.Err())
	}
	code := 0
	var sent *mail.SendError
	var reply *textproto.Error
	switch {
	case errors.As(err, &sent):
		code = sent.ErrorCode()
	case errors.As(err, &reply):
		code = reply.Code
	default:
		return failed(doing, err, pass)
	}
	f := &Failure{Reason: failStatus, text: fmt.Sprintf("%s: the server answered %d", doing, code)}
	switch {
	case code == 0:
		f.Reason, f.Retry, f.text = failNetwork, true, doing+": the connection broke"
	case code < 500: // RFC 5321 section 4.2.1: 4yz asks to come again
		f.Retry = true
	}
	return f
}

// defaultTimeout bounds one attempt.
const defaultTimeout = 10 * time.Second
