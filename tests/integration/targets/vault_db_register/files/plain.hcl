path "it-plain/database/it" {
  capabilities = ["create", "read", "update", "delete"]
}
