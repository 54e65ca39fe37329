# why401's log export. Who may do what.

# Until the sink may publish, it drops every entry.
resource "google_pubsub_topic_iam_member" "sink" {
  project = var.project
  topic   = google_pubsub_topic.why401.name
  role    = "roles/pubsub.publisher"
  member  = local.writer_identity
}

# Pub/Sub itself moves dead letters: it takes them off one and publishes them
# to the other.
resource "google_pubsub_topic_iam_member" "dead_letter" {
  project = var.project
  topic   = google_pubsub_topic.dead_letter.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letter" {
  project      = var.project
  subscription = google_pubsub_subscription.why401.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "why401" {
  for_each = toset(["roles/pubsub.subscriber", "roles/pubsub.viewer"])

  project      = var.project
  subscription = google_pubsub_subscription.why401.name
  role         = each.value
  member       = local.member
}

resource "google_pubsub_topic_iam_member" "secrets" {
  count = length(var.secrets) > 0 ? 1 : 0

  project = var.project
  topic   = google_pubsub_topic.why401.name
  role    = "roles/pubsub.publisher"
  member  = local.secrets_agent
}

resource "google_secret_manager_secret_iam_member" "viewer" {
  for_each = toset(var.secrets)

  secret_id = each.value
  role      = "roles/secretmanager.viewer"
  member    = local.member
}

resource "google_secret_manager_secret_iam_member" "accessor" {
  for_each = toset(var.access ? var.secrets : [])

  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = local.member
}

# Secret Manager tells the topic of a secret's versions. The provider can set
# the topics of a secret only together with all else of it, so this asks
# gcloud, which leaves the secret's other topics alone.
resource "terraform_data" "notifications" {
  for_each = toset(var.notify ? var.secrets : [])

  input = {
    secret  = split("/", each.value)[3]
    project = split("/", each.value)[1]
    topic   = google_pubsub_topic.why401.id
  }
  triggers_replace = [each.value, google_pubsub_topic.why401.id]

  provisioner "local-exec" {
    command = "gcloud secrets update ${self.input.secret} --project=${self.input.project} --add-topics=${self.input.topic}"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "gcloud secrets update ${self.input.secret} --project=${self.input.project} --remove-topics=${self.input.topic}"
  }

  # Secret Manager tries to publish before it takes a topic.
  depends_on = [google_pubsub_topic_iam_member.secrets]
}
