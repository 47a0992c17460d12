"""Old names and private words do not come back: docs/glossary.md has the call_policy that the code and documents use.

Reason codes, log events and columns of the database are public, so they keep their old words.
"""

import functools
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.files import ROOT

SOURCE = ROOT / "src/panelr_bridge"
MODULES = sorted(SOURCE.rglob("*.py"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

OLD_CLASSES = frozenset(
    re.findall(
        r"\w+",
        """
    Added Again Alone Asked Calls Cannot Catalogue Catalogues Change Door Errand Exchange Finding Following Form
    Found Hook Idle Job Kind Known Listened LookUps Moved Ordinary Outlook Owe Packed Prepared Promise Received
    Recent Remark Report Restart Result Seen Settled Shop Stored Stores Tally Terms Told Turns Walked Watching
    Weighed Wire Withdraw Writer
        """,
    )
)
"""Class names that say too little. Each has a better one in the glossary or in the code."""
OLD_FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        """
    _answered _found _kept _let_in _pong _taken _within _written conclude concluding concludes conclusion
    recognised standing_values tell_again
        """,
    )
)
OLD_PARTS = frozenset(
    re.findall(
        r"\w+",
        """
    alike door errand errands heard leave likeness tally told twin twins walk walked walking weigh weighed
    weighing reweigh
        """,
    )
)
"""Words that are no part of a name: `_told`, `no_leave_before`, `find_twin`, and modules such as `errands`."""
TEXTS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
"""The tokens of comments, docstrings and messages. f-strings have a token of their own from Python 3.12 on."""
COLUMNS = frozenset({"told", "likeness"})
"""Columns of the database with old names. Only the store may use them as names; `row["told"]` is allowed everywhere."""

OLD_WORDS = {
    r"\bdoors?\b": "webhook route",
    r"\berrands?\b(?!\.(?:finished|failed)\b)": "follow-up",
    r"\btwins?\b": "lookalike",
    r"\blikeness(?:es)?\b": "fingerprint",
    r"\balike\b": "lookalike, or: equally",
    r"\btall(?:y|ies)\b": "metrics",
    r"\b(?:re)?weigh(?:s|ed|ing)?\b": "evaluate",
    r"\bwalk(?:s|ed|ing)?\b": "backfill run",
    r"\b(?:no|its|a|any|gives?|given|takes?|took|has|have|had|without|for) leave\b": "slot",
    r"\btold\b": "reported, received, sent",
    r"\bunheard\b|\bheard\b": "received",
    r"\bwhoever\b": "the one that",
    r"\bnobody\b": "no one, or say who does not",
    r"\bby itself\b|\bby themselves\b": "automatically, alone",
    r"\banother matter\b": "say what is different",
    r"\blets? go of\b": "releases",
    r"\bleads? on\b|\bled on\b": "continues",
    r"\bis had\b|\bwas had\b": "is received",
    r"\bof its making\b": "of its creation",
    r"\bdecided? anew\b|\bmade anew\b|\banew\b": "again",
}
"""Whole words, and what to write in their place."""


def test_no_name_in_the_code_is_an_old_one() -> None:
    found = {f"{place}: {name}" for path in MODULES for place, name in names_of(path) if is_old(name)}
    assert sorted(found) == []


def test_no_module_has_an_old_name() -> None:
    paths = [path.relative_to(SOURCE) for path in MODULES]
    assert [str(path) for path in paths if any(is_old(part.removesuffix(".py")) for part in path.parts)] == []


@pytest.mark.parametrize("words", OLD_WORDS)
def test_no_text_uses_an_old_word(words: str) -> None:
    pattern = re.compile(words, re.IGNORECASE)
    found = [place for place, text in all_texts() if pattern.search(text)]
    assert found == [], f"write: {OLD_WORDS[words]}"


@pytest.mark.parametrize("name", ["_told", "told_intent", "LEAVE_FORGOTTEN", "Weighed", "takeLeave", "Tally", "_pong"])
def test_an_old_name_is_recognised(name: str) -> None:
    assert is_old(name)


@pytest.mark.parametrize("name", ["Create", "OrderWriter", "behind_tls", "WireFormat", "foretold", "_Kind"])
def test_other_names_are_allowed(name: str) -> None:
    assert not is_old(name)


def is_old(name: str) -> bool:
    """Return whether a name is on the lists, or has a part that is."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
    return name in OLD_CLASSES or name in OLD_FUNCTIONS or not OLD_PARTS.isdisjoint(parts)


def names_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the identifiers of a module, each with its place."""
    for token in read_tokens(path):
        if token.type == tokenize.NAME and not (token.string in COLUMNS and is_of_store(path)):
            yield f"{path.relative_to(ROOT)}:{token.start[0]}", token.string


@functools.cache
def all_texts() -> list[tuple[str, str]]:
    """Return every line of the documents, and of the comments, docstrings and messages in the code, with its place."""
    texts = []
    for path in DOCUMENTS:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            texts.append((f"{path.relative_to(ROOT)}:{number}", line))
    for path in MODULES:
        for token in read_tokens(path):
            if token.type in TEXTS and token.string.strip("\"'") not in COLUMNS:
                for number, line in enumerate(token.string.splitlines(), token.start[0]):
                    texts.append((f"{path.relative_to(ROOT)}:{number}", without_columns(line, path)))
    return texts


def read_tokens(path: Path) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens of a module."""
    return tokenize.generate_tokens(io.StringIO(path.read_text()).readline)


def is_of_store(path: Path) -> bool:
    """Return whether a module is the store's, which names the database's columns."""
    return path.is_relative_to(SOURCE / "store")


def without_columns(line: str, path: Path) -> str:
    """Return a line without the names of columns that stand in the store's statements and descriptions."""
    return re.sub(rf"\b(?:{'|'.join(COLUMNS)})\b", "", line) if is_of_store(path) else line
