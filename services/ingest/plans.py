"""The plan of each project of this region, as its organisation's primary region has said last."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mesh.plans import Plan

Follower = Callable[[Mapping[str, Plan]], None]


class ToldPlans:
    """`known`: by project id; a project that nobody has spoken of is not in it."""

    def __init__(self, known: Mapping[str, Plan]) -> None:
        self.known = dict(known)
        self._followers: list[Follower] = []

    def take(self, news: Mapping[str, Plan]) -> None:
        """What has been told: in the records already, or about to be."""
        self.known |= news
        for follower in self._followers:
            follower(news)

    def follow(self, follower: Follower) -> None:
        """Tells of what is taken from now on."""
        self._followers.append(follower)
