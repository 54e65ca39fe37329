# why401's log export. What the Terraform module made.

output "subscription" {
  description = "Name of the subscription: source.pubsub.subscription, or why401 serve --subscription."
  value       = google_pubsub_subscription.why401.name
}

output "service_account" {
  description = "Account that why401 runs as."
  value       = google_service_account.why401.email
}

output "topic" {
  description = "Topic of the export, for the topics block of secrets that Terraform holds."
  value       = google_pubsub_topic.why401.id
}

output "dead_letter_subscription" {
  description = "Where entries lie that why401 could not take, for seven days."
  value       = google_pubsub_subscription.dead_letter.name
}

output "writer_identity" {
  description = "Account that the sink writes as."
  value       = local.writer_identity
}
