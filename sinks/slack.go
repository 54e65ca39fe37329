package sinks

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

func checkSlack(c *Config) []conf.FieldError {
	return c.missing("url", "env:NAME or file:PATH of the webhook's URL")
}

// openSlack posts to an incoming webhook of Slack or of what understands its
// messages (Mattermost, Rocket.Chat, Google Chat bridges).
func openSlack(c *Config, o *Outside) ([]outlet, error) {
	p := newPoster(c, o, "")
	return single(func(ctx context.Context, a *analyzer.Alert) error {
		body, err := json.Marshal(slackMessage(a))
		if err != nil {
			return &Failure{Reason: failPayload, text: "encode message: " + err.Error()}
		}
		return p.post(ctx, "application/json", body)
	}), nil
}

// slackText is a text object. As plain_text nothing in it is markup, a
// mention or a link (docs.slack.dev, block kit, text object).
type slackText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji *bool  `json:"emoji,omitempty"`
}

type slackBlock struct {
	Type string    `json:"type"`
	Text slackText `json:"text"`
}

type slackBody struct {
	Text        string       `json:"text"` // for notifications, and for those who know no blocks
	Mrkdwn      bool         `json:"mrkdwn"`
	LinkNames   bool         `json:"link_names"`
	UnfurlLinks bool         `json:"unfurl_links"`
	UnfurlMedia bool         `json:"unfurl_media"`
	Blocks      []slackBlock `json:"blocks"`
}

// Limits of Slack's blocks, in characters.
const (
	slackHeader  = 150
	slackSection = 3000
)

func slackMessage(a *analyzer.Alert) slackBody {
	off := false
	plain := func(s string, n int) slackText { return slackText{"plain_text", analyzer.Excerpt(s, n), &off} }
	m := slackBody{Blocks: []slackBlock{{"header", plain(title(a), slackHeader)}}}
	lines := []string{slackEscape(title(a))}
	for _, p := range parts(a) {
		s := p.text
		if p.title != "" {
			s = p.title + ": " + s
		}
		m.Blocks = append(m.Blocks, slackBlock{"section", plain(s, slackSection)})
		lines = append(lines, slackEscape(s))
	}
	if a.ReportURL != "" { // ours, and the only markup
		m.Blocks = append(m.Blocks, slackBlock{"section", slackText{Type: "mrkdwn", Text: "<" + slackEntities.Replace(a.ReportURL) + "|Open the report>"}})
		lines = append(lines, slackEntities.Replace(a.ReportURL))
	}
	m.Text = strings.Join(lines, "\n")
	return m
}

var slackEntities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackQuiet keeps a text from being read as a mention or as a link by whoever
// formats it after all: a word joiner stands where either would begin.
var slackQuiet = strings.NewReplacer("@", "@\u2060", "://", ":\u2060//", "](", "]\u2060(", "`", "'")

func slackEscape(s string) string {
	return slackEntities.Replace(slackQuiet.Replace(analyzer.EscapeTerminal(s)))
}
