package sinks

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
)

// smtpServer is a receiver that speaks SMTP: STARTTLS, then AUTH PLAIN, then
// mail. Its code, when not 0, is the answer to the message.
func smtpServer(t *testing.T) *receiver {
	r := &receiver{env: map[string]string{}, roots: httptest.NewTLSServer(nil)}
	t.Cleanup(r.roots.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.smtp(conn)
		}
	}()
	r.config = Config{Host: l.Addr().String(), From: "why401@example.com", To: []string{"oncall@example.com", "team@example.com"}, Username: "why401", Password: r.secret("PASSWORD")}
	r.hidden = append(r.hidden, "oncall@example.com")
	return r
}

func (r *receiver) smtp(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in, secure := bufio.NewReader(conn), false
	say := func(f string, args ...any) { fmt.Fprintf(conn, f+"\r\n", args...) }
	say("220 mail.example.com")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			say("250-mail.example.com")
			if !secure {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go on")
			over := tls.Server(conn, r.roots.TLS)
			conn, in, secure = over, bufio.NewReader(over), true
		case "AUTH":
			_, coded, _ := strings.Cut(rest, " ")
			plain, _ := base64.StdEncoding.DecodeString(coded)
			if !secure || string(plain) != "\x00why401\x00"+r.env["PASSWORD"] {
				say("535 wrong password %s", plain)
				continue
			}
			say("235 welcome")
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				mail.WriteString(line)
			}
			code := r.take(strings.ReplaceAll(mail.String(), "\r\n", "\n"))
			if code == 0 {
				code = 250
			}
			say("%d for oncall@example.com with %s", code, r.env["PASSWORD"])
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}
