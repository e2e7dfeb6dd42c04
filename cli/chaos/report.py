"""The figures of a run: a table for people, JSON for the rest."""

from __future__ import annotations

import statistics
from collections import Counter

import msgspec
from rich.console import Console
from rich.table import Table

from cli.chaos.check import Findings
from cli.chaos.journal import Journal
from cli.chaos.load import NO_ANSWER
from cli.chaos.schedule import FAULTS
from cli.chaos.settle import Rest
from cli.chaos.tally import Kill, Tally
from cli.verdict import Judgement, Outcome

EXAMPLES = 5


class Kills(msgspec.Struct, frozen=True):
    """Of one role. Seconds from the kill to the next acknowledged event (the registry: until ready)."""

    role: str
    kills: int
    survived: int
    median_s: float | None
    max_s: float | None


class Faults(msgspec.Struct, frozen=True):
    """Of one kind. `felt`: inserts that met it, requests that a full log refused, or full disks."""

    kind: str
    injected: int
    felt: int
    unavailable: int
    recovered: int
    max_recovery_s: float | None


class Report(msgspec.Struct, frozen=True):
    """Everything that a run has to say. `wrong`: some of the names behind each figure that is not 0.

    `deaths`: processes that ended though nobody had killed them. On a full disk a process may have to.
    """

    seed: int
    seconds: float
    disk: str
    requests: int
    answers: dict[str, int]
    acknowledged: int
    stored: int
    lost: int
    doubled: int
    half_batches: int
    altered: int
    out_of_place: int
    out_of_order: int
    kills: int
    kills_by_role: list[Kills]
    served_again_median_s: float | None
    served_again_max_s: float | None
    slowest: list[str]
    stops: dict[str, int]
    faults: list[Faults]
    deaths: dict[str, int]
    dead_letters: int
    settled_after_s: float
    audit: str
    troubles: list[str]
    wrong: dict[str, list[str]]

    @property
    def good(self) -> bool:
        """Whether the promise was kept."""
        return not self.wrong and not self.troubles


def report(
    *,
    seed: int,
    seconds: float,
    disk: str,
    journal: Journal,
    tally: Tally,
    rest: Rest,
    found: Findings,
    judgement: Judgement,
    deaths: list[str],
) -> Report:
    """Adds it all up."""
    wrong = {
        "lost": found.lost,
        "doubled": found.doubled,
        "half": found.half,
        "altered": found.altered,
        "out of place": found.misplaced,
        "out of order": found.disordered,
    }
    times = [kill.served_s for kill in tally.kills if kill.served_s is not None]
    return Report(
        seed=seed,
        seconds=round(seconds, 1),
        disk=disk,
        requests=len(journal.sent),
        answers=_answers(journal),
        acknowledged=journal.acknowledged(),
        stored=found.stored,
        lost=len(found.lost),
        doubled=len(found.doubled),
        half_batches=len(found.half),
        altered=len(found.altered),
        out_of_place=len(found.misplaced),
        out_of_order=len(found.disordered),
        kills=len(tally.kills),
        kills_by_role=_kills(tally.kills),
        served_again_median_s=_rounded(statistics.median(times) if times else None),
        served_again_max_s=_rounded(max(times, default=None)),
        slowest=_slowest(tally.kills),
        stops=dict(tally.stops),
        faults=_faults(tally),
        deaths=dict(Counter(deaths)),
        dead_letters=rest.dead_letters,
        settled_after_s=round(rest.seconds, 1),
        audit=judgement.outcome.name,
        troubles=_troubles(journal, tally, rest, judgement),
        wrong={name: sorted(those)[:EXAMPLES] for name, those in wrong.items() if those},
    )


def as_json(run: Report) -> str:
    """The same as a JSON document."""
    return msgspec.json.format(msgspec.json.encode(run), indent=2).decode()


def show(run: Report, console: Console) -> None:
    """Three tables and what is wrong."""
    books = _table(f"Chaos, seed {run.seed}, {run.seconds:.0f} s", "", "figure")
    for name, figure in (
        ("requests", f"{run.requests:,}"),
        ("answers", ", ".join(f"{status}: {count:,}" for status, count in run.answers.items())),
        ("operations acknowledged", f"{run.acknowledged:,}"),
        ("operations stored", f"{run.stored:,}"),
        *((name, _zero(count)) for name, count in _wrongs(run)),
        ("dead letters", _zero(run.dead_letters)),
        ("audit", run.audit),
        ("small disk", run.disk),
        (
            "ended by themselves",
            ", ".join(f"{death} ({count})" for death, count in run.deaths.items()) or "none",
        ),
        ("at rest after", f"{run.settled_after_s:.1f} s"),
    ):
        books.add_row(name, figure)
    kills = _table("kill -9", "role", "kills", "survived", "served again after (median)", "(max)", "stops")
    for role in run.kills_by_role:
        stops = str(run.stops.get(role.role, 0))
        kills.add_row(
            role.role, str(role.kills), str(role.survived), _s(role.median_s), _s(role.max_s), stops
        )
    total = sum(role.survived for role in run.kills_by_role)
    kills.add_row(
        "all",
        str(run.kills),
        str(total),
        _s(run.served_again_median_s),
        _s(run.served_again_max_s),
        str(sum(run.stops.values())),
        style="bold",
    )
    faults = _table("Faults", "kind", "injected", "felt", "503 answered", "recovered", "after (max)")
    for fault in run.faults:
        figures = (fault.injected, fault.felt, fault.unavailable, fault.recovered)
        faults.add_row(fault.kind, *(f"{figure:,}" for figure in figures), _s(fault.max_recovery_s))
    for table in (books, kills, faults):
        console.print(table)
    for name, examples in run.wrong.items():
        console.print(f"  {name}: {', '.join(examples)} …", style="red", markup=False)
    for trouble in run.troubles:
        console.print(f"  {trouble}", style="red", markup=False)


def _wrongs(run: Report) -> tuple[tuple[str, int], ...]:
    return (
        ("lost", run.lost),
        ("doubled", run.doubled),
        ("half batches", run.half_batches),
        ("altered", run.altered),
        ("out of place", run.out_of_place),
        ("out of order", run.out_of_order),
    )


def _answers(journal: Journal) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, status), count in sorted(journal.answers.items(), key=lambda item: item[0][1]):
        name = "none" if status == NO_ANSWER else str(status)
        counts[name] = counts.get(name, 0) + count
    return counts


def _kills(kills: list[Kill]) -> list[Kills]:
    rows = []
    roles = ["cell", "rest", "registry", "router", "edge"]
    for role in [*roles, *sorted({kill.role for kill in kills}.difference(roles))]:
        those = [kill for kill in kills if kill.role == role]
        times = [kill.served_s for kill in those if kill.served_s is not None]
        median = statistics.median(times) if times else None
        rows.append(Kills(role, len(those), len(times), _rounded(median), _rounded(max(times, default=None))))
    return rows


def _slowest(kills: list[Kill]) -> list[str]:
    """The kills that were felt longest, for people."""
    felt = sorted((kill for kill in kills if kill.served_s is not None), key=lambda kill: kill.served_s or 0)
    return [f"{kill.name} at {kill.at_s:.0f} s: {kill.served_s:.1f} s" for kill in felt[: -EXAMPLES - 1 : -1]]


def _faults(tally: Tally) -> list[Faults]:
    rows = []
    for kind in FAULTS:
        those = tally.of(kind)
        times = [fault.served_s for fault in those if fault.served_s is not None]
        felt = sum(fault.felt for fault in those)
        unavailable = sum(fault.unavailable for fault in those)
        longest = _rounded(max(times, default=None))
        rows.append(Faults(kind.value, len(those), felt, unavailable, len(times), longest))
    return rows


def _troubles(journal: Journal, tally: Tally, rest: Rest, judgement: Judgement) -> list[str]:
    """What breaks no book, and is not as it should be either."""
    troubles = [*rest.waiting]
    troubles += [
        f"{kill.name} did not serve again after a kill" for kill in tally.kills if kill.served_s is None
    ]
    for fault in tally.faults:
        if fault.served_s is None:
            troubles.append(f"{fault.region} did not serve again after: {fault.act.kind.value}")
    if rest.dead_letters:
        troubles.append(f"{rest.dead_letters} dead letters")
    if judgement.outcome is Outcome.VIOLATED:
        troubles.append("the audit says VIOLATED")
    if journal.unexpected:
        some = "; ".join(journal.unexpected[:EXAMPLES])
        troubles.append(f"{len(journal.unexpected)} answers that a client does not expect: {some}")
    return troubles


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


def _zero(count: int) -> str:
    return "[green]0[/]" if count == 0 else f"[bold red]{count:,}[/]"


def _s(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
