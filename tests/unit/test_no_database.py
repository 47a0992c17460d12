"""Unit tests stay fast because none of them can use a database."""

from pathlib import Path

import pytest

from panelr_bridge.store import database


@pytest.mark.parametrize("fixture", ["database_url", "empty_database_url", "opened", "settings", "kit", "panelr"])
def test_fixtures_with_a_database_or_a_server_fail(request: pytest.FixtureRequest, fixture: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="a unit test uses no database"):
        request.getfixturevalue(fixture)


@pytest.mark.parametrize("url", ["sqlite:///{}/bridge.db", "postgresql://nobody@127.0.0.1:9/none"])
async def test_the_bridges_own_connections_fail(url: str, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="a unit test uses no database"):
        async with database.open_database(url.format(tmp_path)) as opened:
            await opened.read(lambda connection: connection.exec_driver_sql("SELECT 1"))
