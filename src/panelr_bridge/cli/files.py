"""mappings import, export: what they do."""

import sys
from pathlib import Path

from panelr_bridge import mapping
from panelr_bridge.calls import utc_now
from panelr_bridge.cli.console import err, out
from panelr_bridge.cli.stories import ACTOR, with_database
from panelr_bridge.errors import Invalid
from panelr_bridge.settings import Settings
from panelr_bridge.steps.mapping import Imported, bring_in
from panelr_bridge.store import mappings
from panelr_bridge.store.database import Database


def bring(file: str, *, dry_run: bool) -> None:
    """Import a file, and print what that came to."""
    wanted = mapping.read_csv(_text(file))

    async def work(opened: Database, chosen: Settings) -> Imported:
        strange = sorted({each.store for each in wanted} - set(chosen.all_stores)) if chosen.all_stores else []
        if strange:
            raise Invalid(f"there is no store {', '.join(strange)}; the stores are {', '.join(chosen.all_stores)}")
        return await opened.write(bring_in, utc_now(), wanted, actor=ACTOR, dry_run=dry_run)

    done = with_database(work)
    head = "would be added" if dry_run else "added"
    out.print(f"{done.added} {head}, {done.changed} changed, {done.unchanged} there already")


def export(file: str, *, store: str | None) -> None:
    """Write a file."""

    async def work(opened: Database, _: Settings) -> str:
        return mapping.write_csv(await opened.read(mappings.export, store=store))

    text = with_database(work)
    if file == "-":
        sys.stdout.write(text)
        return
    Path(file).write_text(text, encoding="utf-8")
    err.print(f"{text.count(chr(10)) - 1} mappings written to {file}")


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not UTF-8: save it as CSV UTF-8") from None
