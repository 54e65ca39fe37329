# why401's log export. What the Terraform module is given.

variable "project" {
  description = "Project that the topic, the subscription and the service account live in."
  type        = string
}

variable "scope" {
  description = "Whose log entries are exported: projects/ID, folders/NUMBER or organizations/NUMBER; of the latter two with all that is below them. Empty: the project's."
  type        = string
  default     = ""

  validation {
    condition     = var.scope == "" || can(regex("^(projects/[a-z][a-z0-9-]{4,28}[a-z0-9]|(folders|organizations)/[0-9]+)$", var.scope))
    error_message = "Write projects/ID, folders/NUMBER or organizations/NUMBER."
  }
}

variable "name" {
  description = "Name of the sink, the topic, the subscription and the service account."
  type        = string
  default     = "why401"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,20}[a-z0-9]$", var.name))
    error_message = "Write 6 to 22 small letters, digits and hyphens: it names a service account, too."
  }
}

variable "filter" {
  description = "Filter of the sink in the Logging query language, as why401 setup gcp --format filter prints it. Empty: what filter.txt beside this file says."
  type        = string
  default     = ""

  validation {
    condition     = length(var.filter) <= 20000
    error_message = "Cloud Logging takes at most 20,000 characters."
  }
}

variable "secrets" {
  description = "Secrets, as projects/P/secrets/S, whose new, enabled, disabled and destroyed versions why401 is told of."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for s in var.secrets : can(regex("^projects/[^/]+/secrets/[A-Za-z0-9_-]{1,255}$", s))])
    error_message = "Write each secret as projects/P/secrets/S."
  }
}

variable "access" {
  description = "Let why401 read the values of the secrets, which fingerprints and canaries need; without it, it reads only what is said of them."
  type        = bool
  default     = false
}

variable "notify" {
  description = "Add the topic to each secret with gcloud, which must be installed where Terraform runs. Set it to false where the secrets are Terraform's own, and give them the output topic in a topics block: otherwise it would be taken away again."
  type        = bool
  default     = true
}
