package logexport

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
)

const projectAPI = "cloudresourcemanager.googleapis.com"

// projects of the secrets, each once.
func (c *Checkup) secretProjects() []string {
	var out []string
	for _, s := range c.Secrets {
		out = append(out, projectOf(s.Name))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checkAudit looks for the audit entries of reads of secrets, which Google
// does not write unless told to.
func (c *Checkup) checkAudit(ctx context.Context) []Finding {
	var out []Finding
	for _, project := range c.secretProjects() {
		a := about{"audit log", project}
		var p *iampb.Policy
		var err error
		if project == c.project {
			p, err = c.policy()
		} else {
			p, err = c.own.projects.GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{Resource: "projects/" + project})
		}
		if err != nil {
			out = append(out, look{a, "the audit settings", projectAPI, project, grantOn(project, c.Caller, "roles/iam.securityReviewer")}.refused(err))
			continue
		}
		out = append(out, audited(a, p))
	}
	return out
}

func audited(a about, p *iampb.Policy) Finding {
	service := false
	for _, cfg := range p.GetAuditConfigs() {
		if cfg.GetService() != secretAPI && cfg.GetService() != "allServices" {
			continue
		}
		service = service || cfg.GetService() == secretAPI
		for _, l := range cfg.GetAuditLogConfigs() {
			if l.GetLogType() != iampb.AuditLogConfig_DATA_READ {
				continue
			}
			if n := len(l.GetExemptedMembers()); n > 0 {
				return a.warn([]string{"gcloud projects get-iam-policy " + a.target + " --format='json(auditConfigs)'"}, "DATA_READ of Secret Manager is logged, but %d accounts are exempt: their reads of secrets are not seen", n)
			}
			return a.ok("reads of secrets are logged")
		}
	}
	change := `.auditConfigs |= ((. // []) + [{"service":"` + secretAPI + `","auditLogConfigs":[{"logType":"DATA_READ"}]}])`
	if service {
		change = `(.auditConfigs[] | select(.service=="` + secretAPI + `").auditLogConfigs) += [{"logType":"DATA_READ"}]`
	}
	return a.warn([]string{fmt.Sprintf("gcloud projects get-iam-policy %s --format=json | jq '%s' > policy.json && gcloud projects set-iam-policy %s policy.json", a.target, change, a.target)},
		"DATA_READ of Secret Manager is not logged: which service read which version, and which was refused, stays unseen (key.store_denied, and who took up a rotation)")
}

// checkExcess warns of rights that why401 does not need: it reads one
// subscription and the secrets that are named.
func (c *Checkup) checkExcess(ctx context.Context) []Finding {
	if !strings.HasPrefix(c.Account, "serviceAccount:") {
		return nil // a person tries it out
	}
	a := about{"excess rights", c.project}
	who := email(c.Account)
	if p, err := c.policy(); err == nil {
		var fix, roles []string
		for _, b := range p.GetBindings() {
			if slices.Contains(b.GetMembers(), c.Account) && slices.Contains(tooMuch, b.GetRole()) {
				roles = append(roles, b.GetRole())
				fix = append(fix, fmt.Sprintf("gcloud projects remove-iam-policy-binding %s --member=%q --role=%s", c.project, c.Account, b.GetRole()))
			}
		}
		if len(roles) > 0 {
			return []Finding{a.warn(fix, "%s has %s in the whole project, and needs one subscription and the named secrets", who, strings.Join(roles, ", "))}
		}
		return []Finding{a.ok("%s has no broad role by name", who)}
	}
	got, err := c.account.projects.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{Resource: "projects/" + c.project, Permissions: powerful})
	if err != nil {
		return []Finding{look{a, "what why401 may do in the project", projectAPI, c.project, grantOn(c.project, c.Caller, "roles/iam.securityReviewer")}.refused(err)}
	}
	if p := got.GetPermissions(); len(p) > 0 {
		return []Finding{a.warn([]string{
			fmt.Sprintf("gcloud projects get-iam-policy %s --flatten='bindings[].members' --filter='bindings.members=%s' --format='value(bindings.role)'", c.project, c.Account),
			fmt.Sprintf("gcloud projects remove-iam-policy-binding %s --member=%q --role=ROLE", c.project, c.Account),
		}, "%s may do in the whole project what it never needs: %s", who, strings.Join(p, ", "))}
	}
	return []Finding{a.ok("%s may not change the project, and read only secrets that it was let into", who)}
}

// tooMuch are the roles that a reader of one subscription must not have for a
// whole project; powerful are permissions that only such roles hold.
var (
	tooMuch  = []string{"roles/owner", "roles/editor", "roles/pubsub.admin", "roles/pubsub.editor", "roles/secretmanager.admin", "roles/secretmanager.secretAccessor", "roles/logging.admin", "roles/iam.securityAdmin", "roles/resourcemanager.projectIamAdmin"}
	powerful = []string{"resourcemanager.projects.setIamPolicy", "pubsub.topics.delete", "secretmanager.secrets.delete", "secretmanager.versions.access", "logging.sinks.delete"}
)

// checkLogging asks for the rights on Cloud Logging itself: to write alerts
// where a sink does so, to read for `why401 analyze --project`.
func (c *Checkup) checkLogging(ctx context.Context) []Finding {
	a := about{"Cloud Logging", c.project}
	const write, read = "logging.logEntries.create", "logging.logEntries.list"
	want := []string{read}
	if c.Writes {
		want = append(want, write)
	}
	got, err := c.account.projects.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{Resource: "projects/" + c.project, Permissions: want})
	if err != nil {
		return []Finding{look{a, "what why401 may do with Cloud Logging", projectAPI, c.project, grantOn(c.project, c.Caller, "roles/iam.securityReviewer")}.refused(err)}
	}
	var out []Finding
	if c.Writes && !slices.Contains(got.GetPermissions(), write) {
		out = append(out, a.fail([]string{grantOn(c.project, c.Account, "roles/logging.logWriter")}, "%s may not write entries, and a sink of the configuration writes alerts there", email(c.Account)))
	}
	if !slices.Contains(got.GetPermissions(), read) {
		out = append(out, a.warn([]string{grantOn(c.project, c.Account, "roles/logging.viewer")}, "%s may not read stored entries: why401 analyze --project=%s cannot look back before the export began", email(c.Account), c.project))
	}
	if len(out) == 0 {
		out = append(out, a.ok("%s may read stored entries", email(c.Account)))
	}
	return out
}
