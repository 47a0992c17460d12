"""Orders whose webhook never came, against a simulated store on a real socket."""

from datetime import timedelta

from tests.backfill.shops import Rig


async def test_every_webhook_is_lost_and_every_order_is_made_once(rig: Rig) -> None:
    orders = rig.buy_many(5)
    assert await rig.walk() == (0, 5, 0)
    await rig.all_created(orders)
    story = await rig.kit.order(orders[0])
    assert [(each["topic"], each["headers"]) for each in story["deliveries"]] == [
        ("order.updated", {"source": "backfill"})
    ]
    assert await rig.walk() == (5, 0, 0)
    assert len((await rig.kit.order(orders[0]))["deliveries"]) == 1


async def test_the_first_walk_does_not_go_through_the_whole_history(rig: Rig) -> None:
    rig.clock.advance(-7200)
    old = rig.buy()
    rig.clock.advance(7200)
    new = rig.buy()
    assert await rig.walk() == (0, 1, 0)
    await rig.all_created([new])
    assert await rig.walk(since=rig.clock.now - timedelta(hours=3)) == (1, 1, 0)
    await rig.all_created([old, new])
