# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets, hidden in whatever leaves a task, and nothing else hidden with them.

A secret is searched for in texts: what a server said, what it keeps, what a diff shows. A result must stay true, so
its keys are never touched, nor the identities that the user wrote in the open: names, kinds, namespaces, paths, hosts.
A value that could as well be a common word or number would blot out half of a message: it is not searched for, but
hidden where it stands, in the field that holds it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "********"
HIDDEN_NEW = f"{HIDDEN} (new)"

# Shorter values occur in any text by chance.
SHORTEST = 6
SHORTEST_ENCODED = 8
FEWEST_CHARACTERS = 3
# Words and numbers, alone or joined, up to a length that no generated password keeps to.
_COMMON = re.compile(r"(?:[a-z]+|[A-Z]+|[A-Z][a-z]+|[0-9]+)(?:[-_./:](?:[a-z]+|[A-Z]+|[A-Z][a-z]+|[0-9]+))*")
LONGEST_COMMON = 12
# A line of a longer secret, such as a key, gives it away as well; one that only says what begins or ends does not.
SHORTEST_LINE = 16
MOST_LINES = 500
_FENCE = "-----"
# Longer ones are documents: nobody quotes them in a message with single characters escaped.
LONGEST_ESCAPED = 256

# Fields that name an object, in a mapping that has its kind; and the headers of a diff.
_REFERENCE = frozenset({"api_version", "apiVersion", "kind", "namespace", "name"})
_HEADERS = frozenset({"before_header", "after_header"})
_SECRET_DATA = frozenset({"data", "stringData"})


def is_common(secret: str) -> bool:
    """Whether a text may have this value without having it from the secret."""
    if len(secret.strip()) < SHORTEST or len(set(secret)) < FEWEST_CHARACTERS:
        return True
    return len(secret) <= LONGEST_COMMON and _COMMON.fullmatch(secret) is not None


def forms(secret: str) -> Iterator[str]:
    """The texts that can be searched for: plain; base64 in both alphabets, alone and within a longer text; hex."""
    raw = secret.encode(errors="surrogatepass")
    if not is_common(secret):
        yield secret
        yield raw.hex()
        yield raw.hex().upper()
    yield from (form for form in _base64(raw, alone=is_common(secret)) if len(form) >= SHORTEST_ENCODED)


def escaped(secret: str) -> Iterator[str]:
    """A regular expression for the plain text with any of its characters escaped, as JSON, a URL or a shell does."""
    has_special_characters = not (secret.isascii() and secret.isalnum())
    if has_special_characters and len(secret) <= LONGEST_ESCAPED and not is_common(secret):
        yield "".join(map(_escapes, secret))


def _base64(raw: bytes, *, alone: bool) -> Iterator[str]:
    """What every base64 text has that contains these bytes, wherever they begin; the complete one first."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode()
        for shift in () if alone else range(3):
            # Three bytes are four characters; those that a neighbouring byte has a part in are left out.
            yield encode(b"\0" * shift + raw).decode()[-(-8 * shift // 6) : 8 * (shift + len(raw)) // 6]


def _escapes(character: str) -> str:
    """A character in every way in which it may be written."""
    if character.isascii() and character.isalnum():
        return character
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    quoted = quote(character.encode(errors="surrogatepass"), safe="")
    escaped = "".join(rf"\\+u{units[start : start + 4]}" for start in range(0, len(units), 4))
    ways = {rf"\\*{re.escape(character)}", f"(?i:{re.escape(quoted)})", f"(?i:{escaped})"}
    ways.add(rf"(?i:%{ord(character):02x}|\\+x{ord(character):02x}|&#{ord(character)};)")
    if character == " ":
        ways.add(r"\+")
    if not character.isprintable():
        # What makes a text inert leaves a blank of them, or nothing.
        ways.add(rf"\\+{_WRITTEN[character]}|\s*" if character in _WRITTEN else r"\s*")
    return f"(?:{'|'.join(sorted(ways))})"


_WRITTEN = {"\n": "n", "\r": "r", "\t": "t"}


class Redactor:
    """Remembers secrets and hides them in whatever leaves the process: results, diffs, messages, progress lines.

    ``open_texts`` are what the user wrote in the open.
    """

    def __init__(self, secrets: Iterable[str] = (), open_texts: Iterable[str] = ()) -> None:
        self._documents: set[str] = set()
        self._patterns: set[tuple[int, str]] = set()
        self._open_texts: set[str] = set()
        self._search: re.Pattern[str] | None = None
        self.keep(*open_texts)
        for secret in secrets:
            self.remember(secret)

    def remember(self, secret: str) -> None:
        """Hides a value from now on."""
        lines = [line.strip() for line in secret.splitlines()][:MOST_LINES]
        found = {line for line in lines if len(line) >= SHORTEST_LINE and not line.startswith(_FENCE)}
        for part in (secret, secret.strip()):
            found.update(forms(part))
            self._patterns.update((len(part), pattern) for pattern in escaped(part))
        self._documents.update(form for form in found if len(form) > LONGEST_ESCAPED)
        self._patterns.update((len(form), re.escape(form)) for form in found if len(form) <= LONGEST_ESCAPED)
        self._search = None

    def keep(self, *texts: str) -> None:
        """Leaves what the user wrote in the open, such as names and paths, as it is wherever it occurs."""
        self._open_texts.update(texts)
        self._search = None

    def text(self, text: str) -> str:
        for document in sorted(self._documents, key=len, reverse=True) if len(text) > LONGEST_ESCAPED else ():
            text = text.replace(document, HIDDEN)
        if not self._patterns:
            return text
        if self._search is None:
            self._search = self._compiled()
        return self._search.sub(lambda found: found[0] if found[0] in self._open_texts else HIDDEN, text)

    def value(self, value: Any) -> Any:
        """A copy of a JSON-like value in which texts are redacted; its keys and whatever names an object are not."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value if self.text(str(value)) == str(value) else HIDDEN
        return value

    def _mapping(self, value: Mapping[str, Any]) -> dict[str, Any]:
        kept = _HEADERS | (_REFERENCE if isinstance(value.get("kind"), str) else frozenset())
        shown = {key: item if key in kept else self.value(item) for key, item in value.items()}
        if "kind" in shown and isinstance(value.get("metadata"), Mapping):
            named = {key: item for key, item in value["metadata"].items() if key in _REFERENCE}
            shown["metadata"] = {**shown["metadata"], **named}
        if shown.get("kind") == "Secret":
            shown |= {key: _hidden(shown[key]) for key in _SECRET_DATA & shown.keys()}
        return shown

    def _compiled(self) -> re.Pattern[str]:
        """Finds secrets, and before them the open texts that have one in them."""
        secrets = [re.compile(pattern) for _length, pattern in self._patterns]
        affected = [text for text in self._open_texts if any(secret.search(text) for secret in secrets)]
        alternatives = [*self._patterns, *((len(text), re.escape(text)) for text in affected)]
        # Longest first: a secret may be part of another one's encoding.
        return re.compile("|".join(pattern for _length, pattern in sorted(alternatives, reverse=True)))


def names_in(facts: Mapping[str, Any]) -> Iterator[str]:
    """The names of the objects that a result is about: claims, blockers and the like."""
    for entries in facts.values():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and "kind" in entry:
                yield from (str(entry[key]) for key in sorted(_REFERENCE & entry.keys()) if entry[key])


def _hidden(data: Any) -> Any:
    """The data of a Secret without its values, whichever they are; those of a diff may say which are new."""
    if not isinstance(data, Mapping):
        return data
    return {key: item if item == HIDDEN_NEW else HIDDEN for key, item in data.items()}
