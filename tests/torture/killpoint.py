"""End a bridge with SIGKILL at one exact step of one order's processing. The child installs it before it serves.

A step is a point where a kill leaves a different state: before and after each statement that
writes for the order, before and after the commit of such a transaction, before and after each call of Panelr for it.
Reads are no steps: a process killed at a read leaves the same state as at the write before.
"""

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.engine.default import DefaultDialect

from panelr_bridge.domain.call_outcome import Outcome
from panelr_bridge.panelr.client import PanelrClient
from panelr_bridge.panelr.request import PanelrRequest

WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")
ROW_NAMES = ("order_id", "of_order", "id_1", "order_id_1")
"""The names of the parameter with the id of an order's row."""


@dataclass(frozen=True)
class Killpoint:
    """Kills the process at step number `at` of one order, never at 0; each step writes a line to the file `trace`."""

    at: int
    woo_order_id: int
    email: str
    trace: Path

    def taken(self) -> list[str]:
        """Return the steps so far, with the last one."""
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    def install(self) -> None:
        """Count the steps of this process from now on."""
        watch = _Watch(self)
        event.listen(Engine, "begin", watch.begun)
        event.listen(Engine, "before_cursor_execute", watch.before_statement)
        event.listen(Engine, "after_cursor_execute", watch.after_statement)
        _watch_commits(watch)
        _watch_calls(watch)


class _Watch:
    """Counts the steps. A transaction counts from its first statement that names the order."""

    def __init__(self, point: Killpoint) -> None:
        self._point = point
        self._has_delivery = False
        self._row_id: int | None = None
        self._count = 0
        self._looking = False
        self._lock = threading.Lock()

    def step(self, what: str) -> None:
        with self._lock:
            self._count += 1
            with self._point.trace.open("a") as trace:
                trace.write(what + "\n")
            if self._count == self._point.at:
                os.kill(os.getpid(), signal.SIGKILL)

    def concerns(self, call: PanelrRequest) -> bool:
        said = (call.body or b"").decode() + str(call.query)
        return self._point.email in said

    def begun(self, connection: Any) -> None:
        connection.info["concerned"] = connection.info["written"] = False

    def before_statement(
        self, connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool
    ) -> None:
        named = (getattr(context, "compiled_parameters", None) or [{}])[0]
        if self._looking:
            return
        if self._row_id is None and named.get("of_woo_order_id") == self._point.woo_order_id and "of_order" in named:
            self._row_id = named["of_order"]
        elif self._row_id is None and "of_order" in named and "of_woo_order_id" not in named:
            self._look_up(connection, named["of_order"])
        if self._is_about(statement, named):
            connection.info["concerned"] = True
        if not connection.info.get("concerned") or not statement.startswith(WRITES):
            return
        connection.info["written"] = True
        self.step(f"before {_short(statement)}")

    def _look_up(self, connection: Any, order_id: int) -> None:
        """Find out whether the row is the order's, before the first statement that names only the row."""
        self._looking = True
        found = connection.execute(text("SELECT woo_order_id FROM orders WHERE id = :id"), {"id": order_id}).scalar()
        self._looking = False
        if found == self._point.woo_order_id:
            self._row_id = order_id

    def after_statement(
        self, connection: Any, _cursor: Any, statement: str, _values: Any, _context: Any, _many: bool
    ) -> None:
        if connection.info.get("concerned") and statement.startswith(WRITES) and not self._looking:
            self.step(f"after {_short(statement)}")

    def _is_about(self, statement: str, named: dict[str, Any]) -> bool:
        if self._point.woo_order_id in (named.get("woo_order_id"), named.get("of_woo_order_id")):
            self._has_delivery = True
            return True
        if self._row_id is not None and any(named.get(name) == self._row_id for name in ROW_NAMES):
            return True
        # the order waits for the first mapping after its delivery
        return self._has_delivery and statement.startswith("INSERT INTO mapping_revisions")


def _watch_commits(watch: _Watch) -> None:
    """SQLAlchemy's event comes before a commit only; the dialect's method has both sides."""
    commit: Any = DefaultDialect.do_commit

    def watched(dialect: DefaultDialect, connection: Any) -> None:
        written = connection.info.get("concerned") and connection.info.get("written")
        if written:
            watch.step("before COMMIT")
        commit(dialect, connection)
        connection.info["concerned"] = connection.info["written"] = False
        if written:
            watch.step("after COMMIT")

    DefaultDialect.do_commit = watched  # type: ignore[method-assign]


def _watch_calls(watch: _Watch) -> None:
    make = PanelrClient.call

    async def watched(self: PanelrClient, call: PanelrRequest, **more: Any) -> Outcome:
        counts = watch.concerns(call)
        if counts:
            watch.step(f"before {call.action}")
        outcome = await make(self, call, **more)
        if counts:
            watch.step(f"after {call.action}: {type(outcome).__name__}")
        return outcome

    PanelrClient.call = watched  # type: ignore[method-assign]


def _short(statement: str) -> str:
    words = statement.split()
    return " ".join(words[: 2 if words[0] == "UPDATE" else 3])
