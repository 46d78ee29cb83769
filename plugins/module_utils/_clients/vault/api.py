# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vault, as ``ports.Vault``; OpenBao speaks the same.

Requests go through hvac's raw adapter, because its typed layer turns Vault's answers into exceptions without the path.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import quote

from ..._domain import errors
from ..._domain.ports import Clock, Permit, unasked
from ..._domain.text import inert
from ..._domain.vault.ports import Credential, Data, Engine, StuckLease
from . import auth, refusals
from .address import checked_url
from .auth import Login, Token

try:
    import requests
    from hvac.adapters import RawAdapter

    IMPORT_ERROR: ImportError | None = None
except ImportError as error:
    IMPORT_ERROR = error

USER_AGENT = "pnow.infra/0.1.0"
CONNECT_TIMEOUT = 5.0
# Ending many leases takes its time; Vault itself gives up after 90 seconds, and says so.
REVOKE_TIMEOUT = 120.0
# Not 500: Vault answers it when the database it was asked to act on fails, and each try would wait for that again.
RETRIED_STATUSES = frozenset({412, 429, 502, 503, 504})
# Until a cluster has chosen another active node.
ELECTION_PAUSE = 8.0

Learn = Callable[[str], None]
LogIn = Callable[[], Token]


@contextmanager
def connect(options: Mapping[str, Any], clock: Clock, learn: Learn, *, permit: Permit = unasked) -> Iterator[VaultApi]:
    """The Vault that the connection options name, with a token; ``learn`` is told every secret met on the way.

    ``permit`` is asked before each write, but not before what a task takes back of its own: a token, a credential.
    A token from a login is replaced by that of a new login when it ends early, and revoked when the context ends.
    Raises MissingLibrary, InvalidOption, Unauthorized.
    """
    if IMPORT_ERROR is not None:
        raise errors.MissingLibrary(
            f"the Python library {IMPORT_ERROR.name} is not installed where this task runs",
            next_step="install the collection's requirements.txt there, or use its execution environment",
        )
    api = VaultApi(_adapter(options), clock, options["retries"], learn, permit=permit)
    try:
        method = options["auth_method"]
        if method == "none":
            yield api
        elif method == "token":
            yield api.with_token(auth.token(options))
        else:
            with api.logged_in(partial(auth.login, options)) as logged_in:
                yield logged_in
    finally:
        api.close()


def _adapter(options: Mapping[str, Any]) -> RawAdapter:
    if options["timeout"] < 1 or options["retries"] < 0:
        raise errors.InvalidOption("timeout or retries is too small", next_step="give at least 1 second and 0 retries")
    session = requests.Session()
    session.headers["User-Agent"] = USER_AGENT
    # Of the environment only what is documented counts: requests would send the login of a .netrc along.
    session.trust_env = False
    session.proxies = requests.utils.get_environ_proxies(options["url"])
    session.cert = auth.client_certificate(options)
    # hvac heeds its own argument only where the session does not verify.
    session.verify = auth.trusted_authorities(options)
    return RawAdapter(
        base_uri=checked_url(options["url"]),
        verify=session.verify,
        timeout=(min(CONNECT_TIMEOUT, options["timeout"]), options["timeout"]),
        namespace=options["namespace"],
        session=session,
    )


class VaultApi:
    """Implements ``ports.Vault`` and ``ports.Issuer``. Every request is bounded in time.

    A request is sent again when no connection came about, or the server said that it could not serve it.
    """

    def __init__(
        self,
        adapter: RawAdapter,
        clock: Clock,
        retries: int,
        learn: Learn,
        *,
        token: Token = auth.AGENTS_TOKEN,
        log_in: LogIn | None = None,
        permit: Permit = unasked,
    ) -> None:
        self._adapter = adapter
        self._clock = clock
        self._retries = retries
        self._learn = learn
        self._token = token
        self._log_in = log_in
        self._permit = permit
        self._engines: list[Engine] = []
        self.server = str(adapter.base_uri)

    def close(self) -> None:
        self._adapter.close()

    def with_token(self, token: Token, log_in: LogIn | None = None) -> VaultApi:
        """The same server seen with a token, in whose place comes that of ``log_in`` when it is not accepted."""
        self._learn(token.value)
        adapter = RawAdapter.from_adapter(self._adapter)
        adapter.token = token.value
        permit = self._permit
        return VaultApi(adapter, self._clock, self._retries, self._learn, token=token, log_in=log_in, permit=permit)

    def read(self, path: str) -> Data | None:
        """The data at a path; None when an engine is mounted there, and it has nothing."""
        status, body = self._request("GET", path)
        if refusals.is_absence(status, body):
            self.engine(path)
            return None
        # Of a key-value secret whose newest version was deleted, what is left comes with a 404.
        left: Data | None = body.get("data") if status == 404 else None
        return left or self._checked(refusals.READ, path, status, body).get("data") or {}

    def list_keys(self, path: str) -> list[str]:
        """What is below a path; none when an engine is mounted there, and it has nothing."""
        status, body = self._request("LIST", path)
        if refusals.is_absence(status, body):
            self.engine(path)
            return []
        data = self._checked(refusals.LIST, path, status, body).get("data") or {}
        return [str(key) for key in data.get("keys") or []]

    def write(self, path: str, data: Mapping[str, Any]) -> None:
        self._checked(refusals.WRITE, path, *self._request("POST", path, data, permit=self._permit))

    def delete(self, path: str) -> None:
        self._checked(refusals.DELETE, path, *self._request("DELETE", path, permit=self._permit))

    def engine(self, path: str) -> Engine:
        """The engine that serves a path, asked for once. Raises NotMounted when there is none that the token may see.

        Any token may ask this of a path that it has rights below; mount points can not be inside one another.
        """
        for known in self._engines:
            if f"{path}/".startswith(f"{known.mount_point}/"):
                return known
        inquiry = f"sys/internal/ui/mounts/{path}"
        status, body = self._request("GET", inquiry)
        if status in (400, 403, 404):
            raise self._not_mounted(path)
        data = self._checked(refusals.READ, inquiry, status, body).get("data") or {}
        mount_point = str(data.get("path") or path).strip("/")
        engine = Engine(
            type=str(data.get("type")),
            mount_point=f"auth/{mount_point}" if path.startswith("auth/") else mount_point,
            max_lease_ttl=int((data.get("config") or {}).get("max_lease_ttl") or 0),
            version=int((data.get("options") or {}).get("version") or 1),
        )
        self._engines.append(engine)
        return engine

    def revoke_leases(self, prefix: str) -> None:
        """Revokes all leases under a prefix and waits until that has been done."""
        path = f"sys/leases/revoke-prefix/{prefix}"
        how = {"timeout": REVOKE_TIMEOUT, "permit": self._permit}
        self._checked(refusals.REVOKE, path, *self._request("POST", path, {"sync": True}, **how))

    def irrevocable_leases(self, prefix: str) -> list[StuckLease]:
        """The leases under a prefix that Vault has given up to revoke; Vault lists 10000 of all prefixes at most."""
        path = "sys/leases"
        body = self._checked(refusals.READ, path, *self._request("GET", path, params={"type": "irrevocable"}))
        leases = (body.get("data") or {}).get("leases") or []
        found = [StuckLease(str(lease.get("lease_id")), inert(lease.get("error") or "", 300)) for lease in leases]
        return [lease for lease in found if lease.lease_id.startswith(f"{prefix}/")]

    @contextmanager
    def issuer(self, ttl: int) -> Iterator[VaultApi]:
        """A child token of this one that lives ``ttl`` seconds at most, and no longer than the context."""
        limits = {"ttl": f"{ttl}s", "explicit_max_ttl": f"{ttl}s", "renewable": False, "display_name": "pnow-infra"}
        # No other may take its place: what was issued under it ends with it.
        token = Token(self._token_from("auth/token/create", limits), "made for the proof", "run again")
        with _revoked_at_the_end(self.with_token(token)) as child:
            yield child

    @contextmanager
    def logged_in(self, login: Callable[[], Login]) -> Iterator[VaultApi]:
        """The server seen with the token of a login, which is revoked when the context ends."""

        def log_in() -> Token:
            # What a pod logs in with is renewed on disk, so it is read anew each time.
            current = login()
            for secret in current.secrets:
                self._learn(secret)
            return Token(self._token_from(current.path, current.data), f"got at {current.path}", "run again")

        with _revoked_at_the_end(self.with_token(log_in(), log_in)) as session:
            yield session

    def end(self) -> None:
        """Revokes the token, as far as it can be: one may have ended already, or be of a kind that only expires."""
        with suppress(errors.InfraError):
            self._send("POST", "auth/token/revoke-self", {})

    def issue(self, path: str) -> Credential:
        body = self._checked(refusals.READ, path, *self._request("GET", path))
        data = body.get("data") or {}
        self._learn(str(data.get("password")))
        return Credential(str(body.get("lease_id")), str(data.get("username")), str(data.get("password")))

    def revoke(self, lease_id: str) -> None:
        """Revokes and waits until that has been done."""
        path = "sys/leases/revoke"
        data = {"lease_id": lease_id, "sync": True}
        self._checked(refusals.REVOKE, path, *self._request("POST", path, data, timeout=REVOKE_TIMEOUT))

    def _token_from(self, path: str, data: Data) -> str:
        body = self._checked(refusals.GET_TOKEN, path, *self._request("POST", path, data))
        return str((body.get("auth") or {}).get("client_token") or "")

    def _request(self, method: str, path: str, data: Mapping[str, Any] | None = None, **how: Any) -> tuple[int, Data]:
        """Sends; once more with another token if this one has ended, for then nothing was done. Raises Unauthorized."""
        status, body = self._send(method, path, data, **how)
        if self._log_in and refusals.is_invalid_token(status, body):
            self._replace_token(self._log_in)
            status, body = self._send(method, path, data, **how)
        if refusals.is_invalid_token(status, body):
            raise refusals.refused_token(self.server, self._token.origin, self._token.remedy)
        return status, body

    def _replace_token(self, log_in: LogIn) -> None:
        try:
            self._token = log_in()
        except errors.InfraError as error:
            error.message = f"the token {self._token.origin} expired or was revoked, and {error.message}"
            raise
        self._learn(self._token.value)
        self._adapter.token = self._token.value

    def _send(
        self, method: str, path: str, data: Mapping[str, Any] | None = None, *, permit: Permit = unasked, **how: Any
    ) -> tuple[int, Data]:
        """Sends, and sends again what failed in passing. Raises Unreachable after the last attempt."""
        # What is quoted already is a name with a slash in it.
        url = f"/v1/{quote(path, safe='/%')}"
        for attempt in range(self._retries + 1):
            last, pause = attempt == self._retries, 0.4 * 2**attempt
            permit()
            try:
                response = self._adapter.request(method, url, json=data, raise_exception=False, **how)
            except requests.ConnectionError as error:
                if last or not refusals.passing(error):
                    raise refusals.unreachable(self.server, error, attempt + 1) from error
                pause = ELECTION_PAUSE if refusals.named_leader(self.server, error) else pause
            except (requests.RequestException, OSError, ValueError) as error:
                raise refusals.unreachable(self.server, error, attempt + 1) from error
            else:
                status, body = response.status_code, _parsed(response)
                if last or not (status in RETRIED_STATUSES or refusals.is_leaderless(body)):
                    return status, _vaults(self.server, method, response, body)
                pause = ELECTION_PAUSE if refusals.is_leaderless(body) else pause
            self._clock.sleep(pause * random.uniform(0.5, 1.0))
        raise AssertionError("the last attempt returns or raises")

    def _checked(self, verb: refusals.Verb, path: str, status: int, body: Data) -> Data:
        if refusals.is_sealed(status, body):
            # One that was never initialised says the same.
            _status, seal = self._send("GET", "sys/seal-status")
            raise refusals.closed(self.server, initialised=bool(seal.get("initialized", True)))
        if refusals.is_leaderless(body):
            raise refusals.leaderless(self.server)
        if refusals.is_unrouted(status, body):
            raise self._not_mounted(path)
        if status >= 400:
            raise refusals.from_response(self.server, verb, path, status, body)
        return body

    def _not_mounted(self, path: str) -> errors.InfraError:
        """The error for a path that nothing serves, as far as the token may see."""
        _status, body = self._request("GET", "sys/internal/ui/mounts")
        data = body.get("data") or {}
        mounted = [*(data.get("secret") or {}), *(f"auth/{name}" for name in data.get("auth") or {})]
        return refusals.not_mounted(self.server, path, sorted(mounted))


@contextmanager
def _revoked_at_the_end(session: VaultApi) -> Iterator[VaultApi]:
    try:
        yield session
    finally:
        session.end()


def _parsed(response: requests.Response) -> Data:
    """The object in an answer; empty when it has none."""
    try:
        parsed = response.json() if response.content else {}
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _vaults(server: str, method: str, response: requests.Response, body: Data) -> Data:
    """The answer, if it is one of Vault to what was asked. Raises Unreachable."""
    if not refusals.is_vaults(response.status_code, body):
        kind = str(response.headers.get("Content-Type") or "").partition(";")[0]
        raise refusals.not_vault(server, response.url, response.status_code, kind, response.text)
    if response.request.method != method:
        raise refusals.redirected(server, method, response.url)
    return body
