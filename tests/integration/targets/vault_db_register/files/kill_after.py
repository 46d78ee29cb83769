# SPDX-License-Identifier: GPL-3.0-or-later
"""`kill_after.py COUNT OPTIONS.json`: run the module, and kill -9 it as soon as Vault has served its COUNTth write.

The module talks to Vault through a proxy in this process, which passes on the answer to every write but that one.
Prints the last write. Exits with the status of the module when it ended by itself before.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MODULE = "ansible_collections.pnow.infra.plugins.modules.vault_db_register"
KILLED = -9
PATIENCE = 120


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on to Vault until the last write; ``kill`` is called then."""

    daemon_threads = True

    def __init__(self, vault: str, count: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.vault = urlsplit(vault).netloc
        self.left = count
        self.last_write = ""
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Proxy

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = http.client.HTTPConnection(self.server.vault, timeout=PATIENCE)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        if self._is_write():
            self.server.last_write = f"{self.command} {self.path}"
            self.server.left -= 1
        if self.server.left == 0 and self.server.child:
            self.server.child.kill()
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_LIST = pass_on  # noqa: N815 - names of http.server

    def _is_write(self) -> bool:
        # Reading a credential makes a login.
        return self.command in ("POST", "DELETE") or "/creds/" in self.path

    def log_message(self, *_: object) -> None:
        """Nothing: the result is what counts."""


def main() -> int:
    count, options = int(sys.argv[1]), Path(sys.argv[2])
    given: dict[str, Any] = json.loads(options.read_text())
    proxy = Proxy(os.environ["VAULT_ADDR"], count)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"ANSIBLE_MODULE_ARGS": {**given, "url": proxy.url}}, file)
        file.flush()
        proxy.child = subprocess.Popen([sys.executable, "-m", MODULE, file.name], stdout=subprocess.PIPE)
        said, _errors = proxy.child.communicate(timeout=PATIENCE)
    if proxy.child.returncode == KILLED:
        print(f"killed after {proxy.last_write}")
        return 0
    print(said.decode())
    print("ended by itself")
    return proxy.child.returncode


if __name__ == "__main__":
    sys.exit(main())
