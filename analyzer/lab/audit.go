package lab

import (
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const base36 = "0123456789abcdefghijklmnopqrstuvwxyz"

// object is a JSON object of an audit log.
type object = map[string]any

// auditEntry writes a Cloud Audit Log entry: kind is activity, data_access or
// system_event.
func (p *platform) auditEntry(project Project, kind, severity string, res resource, payload object) {
	payload["@type"] = "type.googleapis.com/google.cloud.audit.AuditLog"
	now := p.clock.Now()
	p.logs.write(now, now, &entry{
		InsertID:     p.luck.text(12, base36),
		LogName:      "projects/" + project.ID + "/logs/cloudaudit.googleapis.com%2F" + kind,
		ProtoPayload: payload,
		Resource:     res,
		Severity:     severity,
	})
}

// caller is the requestMetadata of somebody who uses the API.
func (p *platform) caller(project Project, principal string, at time.Time) object {
	ip, agent := project.AuditIP, "google-cloud-sdk gcloud/550.0.0 command/gcloud,gzip(gfe)"
	if ip == "" {
		ip = "198.51.100.7"
	}
	if strings.HasSuffix(principal, ".gserviceaccount.com") {
		ip, agent = "gce-internal-ip", "google-api-go-client/0.5,gzip(gfe)"
	}
	return object{
		"callerIp": ip, "callerSuppliedUserAgent": agent, "destinationAttributes": object{},
		"requestAttributes": object{"auth": object{}, "time": at.UTC().Format(time.RFC3339Nano)},
	}
}

// auditStore tells of a Secret Manager call. Reading a payload is DATA_READ,
// which a project logs only when it is switched on.
func (p *platform) auditStore(ev StoreEvent) {
	project := p.projectOf(strings.Split(ev.Resource, "/")[1])
	kind, severity, permission, permissionType := "activity", "NOTICE", "", "ADMIN_WRITE"
	request := object{"name": ev.Resource}
	var response object
	switch ev.Method {
	case "AccessSecretVersion":
		if !project.DataRead {
			return
		}
		kind, severity, permission, permissionType = "data_access", "INFO", "secretmanager.versions.access", "DATA_READ"
	case "AddSecretVersion":
		permission = "secretmanager.versions.add"
		request = object{"parent": ev.Resource}
		response = versionObject(ev.Version)
	default:
		permission = "secretmanager.versions." + strings.ToLower(strings.TrimSuffix(ev.Method, "SecretVersion"))
		response = versionObject(ev.Version)
	}
	const api = "google.cloud.secretmanager.v1."
	method := api + "SecretManagerService." + ev.Method
	request["@type"] = "type.googleapis.com/" + api + ev.Method + "Request"
	attributes := object{"name": ev.Resource, "service": "secretmanager.googleapis.com", "type": "secretmanager.googleapis.com/SecretVersion"}
	if ev.Method == "AddSecretVersion" {
		attributes["type"] = "secretmanager.googleapis.com/Secret"
	}
	payload := object{
		"authenticationInfo": object{"principalEmail": ev.Principal},
		"authorizationInfo": []object{{"granted": true, "permission": permission, "permissionType": permissionType,
			"resource": ev.Resource, "resourceAttributes": attributes}},
		"methodName":      method,
		"request":         request,
		"requestMetadata": p.caller(project, ev.Principal, ev.At),
		"resourceName":    ev.Resource,
		"serviceName":     "secretmanager.googleapis.com",
	}
	if ev.Err != nil {
		st := status.Convert(ev.Err)
		payload["status"] = object{"code": int(st.Code()), "message": st.Message()}
		severity, response = "ERROR", nil
	}
	if response != nil {
		payload["response"] = response
	}
	p.auditEntry(project, kind, severity, resource{Type: "audited_resource", Labels: map[string]string{
		"project_id": project.ID, "service": "secretmanager.googleapis.com", "method": method}}, payload)
}

// auditPolicy tells that somebody changed who may read a secret.
func (p *platform) auditPolicy(s *service, principal, secretName string) {
	now := p.clock.Now()
	const method = "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy"
	p.auditEntry(s.project, "activity", "NOTICE", resource{Type: "audited_resource", Labels: map[string]string{
		"project_id": s.project.ID, "service": "secretmanager.googleapis.com", "method": method}}, object{
		"authenticationInfo": object{"principalEmail": principal},
		"authorizationInfo": []object{{"granted": true, "permission": "secretmanager.secrets.setIamPolicy", "permissionType": "ADMIN_WRITE",
			"resource": secretName, "resourceAttributes": object{}}},
		"methodName": method, "resourceName": secretName, "serviceName": "secretmanager.googleapis.com",
		"request": object{"@type": "type.googleapis.com/google.iam.v1.SetIamPolicyRequest", "resource": secretName,
			"policy": object{"bindings": []object{}}},
		"requestMetadata": p.caller(s.project, principal, now),
	})
}

func versionObject(v Version) object {
	return object{"@type": "type.googleapis.com/google.cloud.secretmanager.v1.SecretVersion",
		"name": v.Name, "state": string(v.State), "createTime": v.Created.UTC().Format(time.RFC3339Nano)}
}

// auditDeploy tells that somebody replaced the service's configuration. The
// request carries the variables with their secret references, as Cloud Run
// logs them; the values of plain variables are the operator's own business
// and are left out.
func (p *platform) auditDeploy(s *service, principal string, env []EnvVar) {
	name := "namespaces/" + s.project.ID + "/services/" + s.spec.Name
	const method = "google.cloud.run.v1.Services.ReplaceService"
	now := p.clock.Now()
	p.auditEntry(s.project, "activity", "NOTICE", s.auditResource(""), object{
		"authenticationInfo": object{"principalEmail": principal},
		"authorizationInfo": []object{{"granted": true, "permission": "run.services.update", "permissionType": "ADMIN_WRITE",
			"resource": name, "resourceAttributes": object{}}},
		"methodName": method,
		"request": object{
			"@type":  "type.googleapis.com/google.cloud.run.v1.ReplaceServiceRequest",
			"name":   "projects/" + s.project.ID + "/locations/" + s.project.Region + "/services/" + s.spec.Name,
			"region": s.project.Region,
			"service": object{
				"apiVersion": "serving.knative.dev/v1", "kind": "Service",
				"metadata": object{"name": s.spec.Name, "namespace": s.project.Number,
					"annotations": object{"run.googleapis.com/client-name": "gcloud", "serving.knative.dev/lastModifier": principal}},
				"spec": object{"template": object{
					"metadata": object{"labels": object{"env": s.project.Environment}},
					"spec":     s.podSpec(env),
				}, "traffic": []object{{"latestRevision": true, "percent": 100}}},
			},
		},
		"requestMetadata":  p.caller(s.project, principal, now),
		"resourceLocation": object{"currentLocations": []string{s.project.Region}},
		"resourceName":     name,
		"serviceName":      "run.googleapis.com",
	})
}

// auditRevision tells, as the platform's own system event, how the roll-out
// of a revision ended.
func (p *platform) auditRevision(s *service, revision string, env []EnvVar, took time.Duration, err error) {
	severity := "INFO"
	state := object{"message": "Ready condition status changed to True for Revision " + revision +
		" with message: Deploying revision succeeded in " + took.Round(10*time.Millisecond).String() + "."}
	if err != nil {
		severity = "ERROR"
		state = object{"code": int(codes.FailedPrecondition), "message": "Ready condition status changed to False for Revision " +
			revision + " with message: " + status.Convert(err).Message()}
	}
	p.auditEntry(s.project, "system_event", severity, s.auditResource(revision), object{
		"methodName":   "/InternalServices.ReplaceInternalService",
		"resourceName": "namespaces/" + s.project.ID + "/revisions/" + revision,
		"response": object{
			"@type": "type.googleapis.com/google.cloud.run.v1.Revision", "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
			"metadata": object{"name": revision, "namespace": s.project.Number,
				"labels": object{"env": s.project.Environment, "serving.knative.dev/service": s.spec.Name}},
			"spec": s.podSpec(env),
		},
		"serviceName": "run.googleapis.com",
		"status":      state,
	})
}

func (s *service) auditResource(revision string) resource {
	return resource{Type: "cloud_run_revision", Labels: map[string]string{
		"project_id": s.project.ID, "location": s.project.Region, "service_name": s.spec.Name,
		"revision_name": revision, "configuration_name": ""}}
}

func (s *service) podSpec(env []EnvVar) object {
	vars, volumes, mounts := []object{}, []object{}, []object{}
	for _, v := range env {
		if v.File {
			volumes = append(volumes, object{"name": v.Name, "secret": object{"secretName": v.Secret, "items": []object{{"key": v.version(), "path": v.Name}}}})
			mounts = append(mounts, object{"name": v.Name, "mountPath": "/secrets/" + v.Name})
			continue
		}
		if v.Secret == "" {
			vars = append(vars, object{"name": v.Name})
			continue
		}
		vars = append(vars, object{"name": v.Name, "valueFrom": object{"secretKeyRef": object{"name": v.Secret, "key": v.version()}}})
	}
	container := object{"name": s.spec.Name + "-1", "env": vars, "image": s.project.Region + "-docker.pkg.dev/" + s.project.ID + "/services/" + s.spec.Name}
	spec := object{
		"containerConcurrency": 80, "timeoutSeconds": 300, "serviceAccountName": s.account(),
		"containers": []object{container},
	}
	if len(volumes) > 0 {
		container["volumeMounts"], spec["volumes"] = mounts, volumes
	}
	return spec
}

func (v EnvVar) version() string {
	if v.Version == "" {
		return "latest"
	}
	return v.Version
}
