# why401's log export: a sink, the topic that it writes to, the subscription
# that why401 reads, dead letters behind it, a service account, and who may do
# what. It makes what why401 setup gcp --apply makes, with the same values. Only
# the label and the description differ: they say that Terraform holds these, so
# that why401 setup gcp --remove leaves them alone.

locals {
  scope       = var.scope == "" ? "projects/${var.project}" : var.scope
  scope_kind  = split("/", local.scope)[0]
  scope_id    = split("/", local.scope)[1]
  filter      = var.filter == "" ? file("${path.module}/filter.txt") : var.filter
  description = "Feeds why401, which tells why requests are refused with 401 and 403. Managed by: Terraform"
  labels      = { managed-by = "terraform" }

  # Google's own accounts, which act in a project under its number.
  pubsub_agent  = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  secrets_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
  member        = "serviceAccount:${google_service_account.why401.email}"

  # The one of the three sinks that the scope asks for.
  writer_identity = one(concat(
    google_logging_project_sink.why401[*].writer_identity,
    google_logging_folder_sink.why401[*].writer_identity,
    google_logging_organization_sink.why401[*].writer_identity,
  ))
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_pubsub_topic" "why401" {
  project = var.project
  name    = var.name
  labels  = local.labels
}

resource "google_pubsub_topic" "dead_letter" {
  project = var.project
  name    = "${var.name}-dead-letter"
  labels  = local.labels
}

# It outlives any silence, keeps what was acknowledged for a replay, slows down
# failing messages and hands them over.
resource "google_pubsub_subscription" "why401" {
  project = var.project
  name    = var.name
  topic   = google_pubsub_topic.why401.id
  labels  = local.labels

  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"
  retain_acked_messages      = true

  expiration_policy {
    ttl = "" # never
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letter.id
    max_delivery_attempts = 5
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
}

# A topic without a subscription keeps nothing.
resource "google_pubsub_subscription" "dead_letter" {
  project = var.project
  name    = "${var.name}-dead-letter"
  topic   = google_pubsub_topic.dead_letter.id
  labels  = local.labels

  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = "" # never
  }
}

resource "google_service_account" "why401" {
  project      = var.project
  account_id   = var.name
  display_name = "why401"
  description  = local.description
}

resource "google_logging_project_sink" "why401" {
  count = local.scope_kind == "projects" ? 1 : 0

  project                = local.scope_id
  name                   = var.name
  destination            = "pubsub.googleapis.com/${google_pubsub_topic.why401.id}"
  filter                 = local.filter
  description            = local.description
  unique_writer_identity = true
}

resource "google_logging_folder_sink" "why401" {
  count = local.scope_kind == "folders" ? 1 : 0

  folder           = local.scope_id
  name             = var.name
  destination      = "pubsub.googleapis.com/${google_pubsub_topic.why401.id}"
  filter           = local.filter
  description      = local.description
  include_children = true
}

resource "google_logging_organization_sink" "why401" {
  count = local.scope_kind == "organizations" ? 1 : 0

  org_id           = local.scope_id
  name             = var.name
  destination      = "pubsub.googleapis.com/${google_pubsub_topic.why401.id}"
  filter           = local.filter
  description      = local.description
  include_children = true
}
