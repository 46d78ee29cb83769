#!/usr/bin/env bash
# Makes in a folder: a CA, a server's certificate for localhost, a client's for it-vault, and another CA.
set -euo pipefail
cd "$1"

for ca in ca other-ca; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$ca" -keyout $ca.key -out $ca.crt
done
signed() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -addext "subjectAltName=DNS:$2" \
        -keyout "$1.key" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -days 2 -copy_extensions copy -out "$1.crt"
}
signed server localhost
signed client it-vault
