# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a kubeconfig is kept."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from ansible_collections.pnow.infra.plugins.module_utils._domain.cluster_api.kubeconfig import Kubeconfig
from ansible_collections.pnow.infra.plugins.module_utils._domain.errors import InfraError
from ansible_collections.pnow.infra.plugins.module_utils._domain.redact import HIDDEN, HIDDEN_NEW
from ansible_collections.pnow.infra.plugins.module_utils._runtime.cluster_api.stores import FileStore, VaultStore
from tests.unit.plugins.scripted_vault import ScriptedVault

ENDS = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
KUBECONFIG = Kubeconfig("the text", {}, "https://127.0.0.1:6443", "kubernetes", ENDS)
RENEWED = dataclasses.replace(KUBECONFIG, text="another text")
PATH = "secret/clusters/dev"


def keep(store: FileStore | VaultStore, kubeconfig: Kubeconfig = KUBECONFIG) -> str:
    keeping = store.keep(kubeconfig)
    if keeping is None:
        return ""
    assert "text" not in repr(keeping.diff()).replace("context", "")
    keeping.perform()
    return keeping.verb


def test_a_file_is_made_for_its_owner_only_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dev.kubeconfig"
    assert keep(FileStore(str(path))) == "create"
    assert path.read_text() == "the text"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert keep(FileStore(str(path))) == ""
    assert keep(FileStore(str(path)), RENEWED) == "replace"
    assert path.read_text() == "another text"
    assert [each.name for each in path.parent.iterdir()] == ["dev.kubeconfig"]


def test_a_file_that_others_may_read_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "dev.kubeconfig"
    path.write_text("the text")
    path.chmod(0o644)
    keeping = FileStore(str(path)).keep(KUBECONFIG)
    assert keeping
    assert keeping.before == {"mode": "0644", "kubeconfig": HIDDEN}
    assert keeping.after["mode"] == "0600"
    assert keeping.after["kubeconfig"] == HIDDEN
    keeping.perform()
    assert path.stat().st_mode & 0o777 == 0o600


def test_one_that_is_still_to_be_made_is_announced(tmp_path: Path) -> None:
    announced = FileStore(str(tmp_path / "dev.kubeconfig")).announce()
    assert (announced.verb, announced.after["kubeconfig"]) == ("create", HIDDEN_NEW)
    vault = ScriptedVault()
    assert VaultStore(vault, PATH).announce().verb == "create"
    keep(VaultStore(vault, PATH))
    announced = VaultStore(vault, PATH).announce()
    assert (announced.verb, announced.after) == ("update", {"kubeconfig": HIDDEN_NEW})


def test_a_file_is_removed_once(tmp_path: Path) -> None:
    path = tmp_path / "dev.kubeconfig"
    path.write_text("the text")
    removal = FileStore(str(path)).remove()
    assert removal
    removal.perform()
    assert not path.exists()
    assert FileStore(str(path)).remove() is None


def test_places_that_can_not_be_used_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="is a folder; name a file in it"):
        FileStore(str(tmp_path))
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(InfraError, match="in a folder that everybody may write to"):
        FileStore(str(shared / "dev.kubeconfig"))


def test_a_file_that_can_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file" / "dev.kubeconfig"
    (tmp_path / "file").write_text("")
    keeping = FileStore(str(path)).keep(KUBECONFIG)
    assert keeping
    with pytest.raises(InfraError, match=r"kubeconfig_path .* can not be used: .*correct the path"):
        keeping.perform()


def test_vault_is_written_once_and_again_when_it_was_renewed() -> None:
    vault = ScriptedVault()
    assert keep(VaultStore(vault, PATH)) == "create"
    assert vault.stored["secret/data/clusters/dev"]["data"] == {
        "kubeconfig": "the text",
        "server": "https://127.0.0.1:6443",
        "issuer": "kubernetes",
        "expires": "2040-01-01T00:00:00Z",
    }
    assert keep(VaultStore(vault, PATH)) == ""
    assert keep(VaultStore(vault, PATH), RENEWED) == "update"


def test_what_others_have_put_beside_it_stays() -> None:
    vault = ScriptedVault()
    vault.stored["secret/data/clusters/dev"] = {"data": {"note": "ours"}, "metadata": {"version": 3}}
    assert keep(VaultStore(vault, PATH)) == "create"
    assert vault.stored["secret/data/clusters/dev"]["data"]["note"] == "ours"
    removal = VaultStore(vault, PATH).remove()
    assert removal
    removal.perform()
    assert vault.stored["secret/data/clusters/dev"]["data"] == {"note": "ours"}
    assert VaultStore(vault, PATH).remove() is None


def test_vault_has_nothing_left_of_it() -> None:
    vault = ScriptedVault()
    keep(VaultStore(vault, PATH))
    removal = VaultStore(vault, PATH).remove()
    assert removal
    removal.perform()
    assert vault.stored == {}
