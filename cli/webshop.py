"""A month of a web shop, made from a seed: sessions, screens, purchases, people who sign in, aliases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Operation = dict[str, Any]

_PRODUCTS = ("Kente scarf", "Shea butter", "Adinkra print", "Djembe", "Ankara dress", "Kola tea", "Basket")
_SCREENS = ("Home", "Search", "Product", "Cart", "Checkout")
_CITIES = ("Dublin", "Accra", "Cape Town", "Singapore", "Lagos", "Zürich", "São Paulo", "東京")
_SYSTEMS = ("ios", "android", "macOS", "Windows")


@dataclass(slots=True)
class Shop:
    """What a shop's month holds: operations in the order sent, and what a store must count of them."""

    operations: list[Operation] = field(default_factory=list)
    events: int = 0
    people: set[str] = field(default_factory=set)
    names: dict[str, int] = field(default_factory=dict)


def month(seed: str, *, sessions: int, end: datetime | None = None) -> Shop:
    """So many sessions in the 30 days before `end` (default: now). The same seed, the same shop."""
    chance, shop = random.Random(seed), Shop()
    start = (end or datetime.now(UTC)) - timedelta(days=30)
    for number in range(sessions):
        begun = start + timedelta(days=30 * number / sessions, minutes=chance.random() * 60)
        for operation in _session(chance, number, begun, shop):
            shop.operations.append(operation)
    return shop


def _session(chance: random.Random, number: int, begun: datetime, shop: Shop) -> Iterator[Operation]:
    visitor, moment = f"anon_{number:05d}", begun
    session = {"$session_id": f"sess_{number:05d}"}
    member = f"user_{chance.randrange(200):03d}" if chance.random() < 0.4 else None
    shop.people.add(member or visitor)
    cart: list[dict[str, Any]] = []
    for screen in _SCREENS[: chance.randint(1, len(_SCREENS))]:
        moment += timedelta(seconds=chance.randint(3, 90))
        yield _track(shop, "$screen", visitor, moment, {**session, "$screen_name": screen}, chance)
        if screen == "Product":
            cart.append(
                {"name": chance.choice(_PRODUCTS), "price": round(chance.uniform(4, 180), 2), "tags": []}
            )
            yield _track(shop, "product_added", visitor, moment, {**session, "product": cart[-1]}, chance)
    if member is not None:
        yield {
            "type": "alias",
            "payload": {"alias_id": visitor, "distinct_id": member, "timestamp": _rfc(moment)},
        }
        traits = {"city": chance.choice(_CITIES), "visits": number, "newsletter": chance.random() < 0.5}
        yield {
            "type": "people",
            "payload": {"distinct_id": member, "properties": traits, "timestamp": _rfc(moment)},
        }
    if cart and chance.random() < 0.6:
        order = {
            **session,
            "items": cart,
            "total": round(sum(item["price"] for item in cart), 2),
            "order_id": 9_007_199_254_740_993 + number,
            "coupon": None,
        }
        yield _track(shop, "purchase", member or visitor, moment + timedelta(seconds=40), order, chance)


def _track(
    shop: Shop, name: str, who: str, moment: datetime, properties: dict[str, Any], chance: random.Random
) -> Operation:
    shop.events += 1
    shop.names[name] = shop.names.get(name, 0) + 1
    return {
        "type": "track",
        "payload": {
            "event_name": name,
            "distinct_id": who,
            "timestamp": _rfc(moment),
            "properties": properties,
            "default_properties": {"$os": chance.choice(_SYSTEMS)},
            "lib_version": "web@1.0.0",
        },
    }


def _rfc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
