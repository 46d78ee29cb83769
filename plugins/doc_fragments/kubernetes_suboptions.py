# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of fragment ``kubernetes`` as suboptions of one option, for modules that use their names otherwise.

Ansible reads a fragment without running it, so the text is here a second time; a unit test compares the two.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubernetes:
    description: How to reach the Kubernetes API.
    type: dict
    suboptions:
      kubeconfig:
        description:
          - Path of the kubeconfig file, or several joined by colons.
          - Or its content, as a mapping. Nothing of that is written to a file that stays, to a log or to a result.
          - Its user may act as another one (C(as), C(as-groups), C(as-uid), C(as-user-extra)) and may have an C(exec)
            credential plugin, which is run where the task runs, without a terminal.
          - Without it and without O(kubernetes.host), E(KUBECONFIG), then the pod's service account, then
            C(~/.kube/config) are used.
          - The value of environment variable E(K8S_AUTH_KUBECONFIG) is used when the option is not set.
        type: raw
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
          - Without it and without one in the kubeconfig, those count that OpenSSL trusts on this host.
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
          - Path of the key of O(kubernetes.client_cert).
          - The value of environment variable E(K8S_AUTH_KEY_FILE) is used when the option is not set.
        type: path
        aliases: [key_file]
      validate_certs:
        description:
          - Whether the API server's certificate is verified, which is so unless this is set to V(false).
          - The value of environment variable E(K8S_AUTH_VERIFY_SSL) is used when the option is not set.
        type: bool
        aliases: [verify_ssl]
      proxy:
        description:
          - URL of an HTTP proxy to reach the API server through.
          - The value of environment variable E(K8S_AUTH_PROXY) is used when the option is not set. Without either,
            C(proxy-url) of the kubeconfig, then E(HTTPS_PROXY) or E(HTTP_PROXY) are used.
        type: str
      no_proxy:
        description:
          - Hosts, domains, addresses and networks to reach without a proxy, separated by commas.
          - The value of environment variable E(K8S_AUTH_NO_PROXY) is used when the option is not set. Without either,
            E(NO_PROXY) is used.
        type: str
      proxy_headers:
        description: What to tell the proxy.
        type: dict
        suboptions:
          proxy_basic_auth:
            description:
              - User name and password for the proxy, with a colon between them.
              - The value of environment variable E(K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH) is used when the option is
                not set.
            type: str
          basic_auth:
            description:
              - User name and password for the C(Authorization) header, with a colon between them.
              - The value of environment variable E(K8S_AUTH_PROXY_HEADERS_BASIC_AUTH) is used when the option is not
                set.
            type: str
          user_agent:
            description:
              - The C(User-Agent) header.
              - The value of environment variable E(K8S_AUTH_PROXY_HEADERS_USER_AGENT) is used when the option is not
                set.
            type: str
      impersonate_user:
        description:
          - Name of the user to act as, instead of the one that the kubeconfig may name.
          - The value of environment variable E(K8S_AUTH_IMPERSONATE_USER) is used when the option is not set.
        type: str
      impersonate_groups:
        description:
          - Names of the groups to act as a member of, instead of those that the kubeconfig may name. Needs a user to
            act as.
          - The value of environment variable E(K8S_AUTH_IMPERSONATE_GROUPS), with commas between the names, is used
            when the option is not set.
        type: list
        elements: str
requirements:
  - kubernetes >= 31.0.0
  - urllib3 >= 2.2.0
"""
