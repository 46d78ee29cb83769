# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of fragment ``vault`` as suboptions of one option, for modules that use their names otherwise.

Ansible reads a fragment without running it, so the text is here a second time; a unit test compares the two.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  vault:
    description: How to reach Vault.
    type: dict
    suboptions:
      url:
        description:
          - URL of the Vault server. It is reached through the proxy that E(HTTPS_PROXY), E(HTTP_PROXY) and
            E(NO_PROXY) say. A C(.netrc) is not read.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_ADDR), then of E(VAULT_ADDR), is used when the
            option is not set.
        type: str
        default: http://127.0.0.1:8200
      namespace:
        description:
          - Vault namespace to work in.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_NAMESPACE), then of E(VAULT_NAMESPACE), is used
            when the option is not set.
        type: str
      ca_cert:
        description:
          - Path of the CA certificate that Vault's certificate is checked against, instead of the ones the host
            trusts.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_CA_CERT), then of E(VAULT_CACERT), is used when
            the option is not set. Without any of them E(REQUESTS_CA_BUNDLE) says what the host trusts, as for hvac.
        type: path
        aliases: [cacert]
      validate_certs:
        description:
          - Whether Vault's certificate is verified, which is so unless this is set to V(false).
          - The opposite of environment variable E(VAULT_SKIP_VERIFY) is used when the option is not set.
        type: bool
      timeout:
        description:
          - How many seconds to wait for the answer to a request.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_TIMEOUT) is used when the option is not set.
        type: int
        default: 30
      retries:
        description:
          - How many times a request is sent again when no connection came about, or when Vault said that it could not
            serve it right now. The pauses are longer while a cluster has no active node.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_RETRIES) is used when the option is not set.
        type: int
        default: 3
      auth_method:
        description:
          - How to authenticate. The token of a login is revoked when the task ends; one that expires or is revoked
            earlier is replaced by logging in again. V(none) sends no token, for an agent between here and Vault that
            adds one.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_AUTH_METHOD) is used when the option is not set.
        type: str
        choices: [token, approle, kubernetes, jwt, userpass, cert, none]
        default: token
      auth_mount_point:
        description:
          - Mount point of the auth method, which is its name unless this is set. Not used with V(token) and V(none).
        type: str
      token:
        description:
          - Vault token to authenticate with.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_TOKEN), then of E(VAULT_TOKEN), is used when the
            option is not set. Without any of them it is read from O(vault.token_file) in O(vault.token_path).
        type: str
      token_path:
        description:
          - Folder of O(vault.token_file), which is the home of the user unless this is set.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_TOKEN_PATH) is used when the option is not set.
        type: path
      token_file:
        description:
          - Name of the file that a token is read from.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_TOKEN_FILE) is used when the option is not set.
        type: str
        default: .vault-token
      role_id:
        description:
          - Role ID of the AppRole, or name of the role, to log in with. V(cert) tries all roles when it is not set.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_ROLE_ID) is used when the option is not set.
        type: str
      secret_id:
        description:
          - Secret ID of the AppRole to log in with.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_SECRET_ID) is used when the option is not set.
        type: str
      jwt:
        description:
          - JSON Web Token to log in with. With V(kubernetes) it is the token of a service account, which is the pod's
            own unless this is set.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_JWT) is used when the option is not set.
        type: str
      auth_username:
        description:
          - User to log in as with V(userpass).
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_USERNAME) is used when the option is not set.
        type: str
      auth_password:
        description:
          - Password of O(vault.auth_username).
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_PASSWORD) is used when the option is not set.
        type: str
      cert_auth_public_key:
        description:
          - Path of the certificate to log in with, as PEM, with V(cert).
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_CERT_AUTH_PUBLIC_KEY) is used when the option is
            not set.
        type: path
      cert_auth_private_key:
        description:
          - Path of the key of O(vault.cert_auth_public_key), as PEM.
          - The value of environment variable E(ANSIBLE_HASHI_VAULT_CERT_AUTH_PRIVATE_KEY) is used when the option is
            not set.
        type: path
requirements:
  - hvac >= 2.3.0
"""
