# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options in ``module_utils/_runtime/arguments.KUBERNETES``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig file.
      - Without it and without O(host), E(KUBECONFIG), then the pod's service account, then C(~/.kube/config) are used.
      - The value of environment variable E(K8S_AUTH_KUBECONFIG) is used when the option is not set.
    type: path
  context:
    description:
      - The context of the kubeconfig to use instead of its current one.
      - The value of environment variable E(K8S_AUTH_CONTEXT) is used when the option is not set.
    type: str
  host:
    description:
      - URL of the API server. With it no kubeconfig is read.
      - The value of environment variable E(K8S_AUTH_HOST) is used when the option is not set.
    type: str
  api_key:
    description:
      - Bearer token to authenticate with.
      - The value of environment variable E(K8S_AUTH_API_KEY) is used when the option is not set.
    type: str
  ca_cert:
    description:
      - Path of the CA certificate that the API server's certificate is checked against.
      - The value of environment variable E(K8S_AUTH_SSL_CA_CERT) is used when the option is not set.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description:
      - Path of a client certificate to authenticate with.
      - The value of environment variable E(K8S_AUTH_CERT_FILE) is used when the option is not set.
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path of the key of O(client_cert).
      - The value of environment variable E(K8S_AUTH_KEY_FILE) is used when the option is not set.
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of an HTTP proxy to reach the API server through.
      - The value of environment variable E(K8S_AUTH_PROXY) is used when the option is not set.
    type: str
  validate_certs:
    description:
      - Whether the API server's certificate is verified, which is so unless this is set to V(false).
      - The value of environment variable E(K8S_AUTH_VERIFY_SSL) is used when the option is not set.
    type: bool
    aliases: [verify_ssl]
requirements:
  - kubernetes >= 29.0.0
"""
