"""Test modules are independent: shared code is in tests/support, and conftest files hold fixtures only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.files import ROOT

TESTS = ROOT / "tests"
CONFTESTS = sorted(TESTS.rglob("conftest.py"))


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the full name of every module or object that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_test_module(name: str) -> bool:
    return name.startswith("tests.") and any(part.startswith(("test_", "conftest")) for part in name.split("."))


def test_no_module_imports_a_test_module() -> None:
    imports = {
        str(path.relative_to(ROOT)): [name for name in imported_modules(path) if is_test_module(name)]
        for path in TESTS.rglob("*.py")
    }
    assert {path: names for path, names in imports.items() if names} == {}


@pytest.mark.parametrize("path", CONFTESTS, ids=[str(path.parent.relative_to(ROOT)) for path in CONFTESTS])
def test_a_conftest_defines_only_fixtures_and_hooks(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        assert not isinstance(node, ast.ClassDef), node.name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [ast.unparse(each) for each in node.decorator_list]
            is_fixture = any(each.startswith(("pytest.fixture", "pytest_asyncio.fixture")) for each in decorators)
            assert is_fixture or node.name.startswith("pytest_"), node.name
