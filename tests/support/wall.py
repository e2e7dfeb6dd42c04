"""The wall around a region, for tests in one process: another region's store or channel fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mesh.client import GuardedChannel
from mesh.node import Node
from storage.analytics.engine import Engine
from storage.directory.lmdb import LmdbDirectory
from storage.log.lmdb import LmdbLog
from storage.records.records import Records


class WallTouched(AssertionError):
    """Something outside the wall was reached for."""


@dataclass
class Wall:
    """What a test may touch: stores and channels of `region`, durable logs below `folder`."""

    region: str
    folder: Path
    touched: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    def check(self, what: str, region: str | None) -> None:
        """Notes a touch; raises where it lies outside."""
        if region == self.region:
            self.inside.append(what)
            return
        self.touched.append(f"{what} of {region or 'no region'}")
        raise WallTouched(self.touched[-1])


@contextmanager
def wall(region: str, folder: Path) -> Iterator[Wall]:
    """Fails at the touch, and again at the end of the block, should someone have swallowed that."""
    built = Wall(region, folder.resolve())
    with pytest.MonkeyPatch.context() as patch:
        _patch_channels(patch, built)
        _patch_opening(patch, built, LmdbDirectory, "directory")
        _patch_opening(patch, built, Records, "records")
        _patch_engine(patch, built)
        _patch_log(patch, built)
        yield built
    if built.touched:
        raise WallTouched("; ".join(built.touched))


def _patch_channels(patch: pytest.MonkeyPatch, built: Wall) -> None:
    real = Node.channel

    def channel(self: Node, region: str, address: str) -> GuardedChannel:
        built.check("channel", region)
        return real(self, region, address)

    patch.setattr(Node, "channel", channel)


def _patch_opening(patch: pytest.MonkeyPatch, built: Wall, kind: type[Any], what: str) -> None:
    real: Callable[..., Any] = kind.open

    def open_(*args: Any, region: str | None, **options: Any) -> Any:
        built.check(what, region)
        return real(*args, region=region, **options)

    patch.setattr(kind, "open", open_)


def _patch_engine(patch: pytest.MonkeyPatch, built: Wall) -> None:
    real = Engine.__init__

    def init(self: Engine, *, region: str, **options: Any) -> None:
        built.check("analytics", region)
        real(self, region=region, **options)

    patch.setattr(Engine, "__init__", init)


def _patch_log(patch: pytest.MonkeyPatch, built: Wall) -> None:
    """A durable log carries no region: it belongs to the one whose folder it lies in."""
    real: Callable[..., Any] = LmdbLog.open

    def open_(path: Path, *args: Any, **options: Any) -> Any:
        within = path.resolve().is_relative_to(built.folder)
        built.check("log", built.region if within else str(path))
        return real(path, *args, **options)

    patch.setattr(LmdbLog, "open", open_)
