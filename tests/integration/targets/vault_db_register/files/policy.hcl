# What the notes of the module ask for, and no more.
path "it-database/config/it-*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "it-database/roles/it-*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "it-database/creds/it-*" {
  capabilities = ["read"]
}
path "auth/token/create" {
  capabilities = ["update"]
}
path "sys/leases/revoke" {
  capabilities = ["update"]
}
path "sys/leases/revoke-prefix/it-database/creds/it-*" {
  capabilities = ["update", "sudo"]
}
