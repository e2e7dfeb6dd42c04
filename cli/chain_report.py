"""What was found of audit logs, for a person or for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click
import msgspec
from rich.table import Table

from cli.commands import wide_console
from sankofa.ingest.v1.audit_mirror_pb2 import CompareMirrorResponse, MirrorDefect, MirrorDefectKind
from sankofa.org.v1.audit_pb2 import ChainDefect, ChainDefectKind, ChainEnd, VerifyLogsResponse


@dataclass(slots=True)
class Found:
    """A log of a region: its chain where there is one, its mirror where that was asked for."""

    region: str
    scope: str
    chain: VerifyLogsResponse | None = None
    mirror: CompareMirrorResponse | None = None

    @property
    def defects(self) -> list[str]:
        """What is wrong with the chain."""
        return [_chain_defect(defect) for defect in self.chain.defects] if self.chain else []

    @property
    def differences(self) -> list[str]:
        """What is wrong with the mirror."""
        return [_difference(defect) for defect in self.mirror.defects] if self.mirror else []


def expected_end(text: str) -> ChainEnd:
    """An end as it was printed. Raises click.ClickException for what is none."""
    scope, _, rest = text.partition(":")
    seq, _, hashed = rest.partition(":")
    try:
        return ChainEnd(scope=scope, seq=int(seq), hash=bytes.fromhex(hashed))
    except ValueError:
        raise click.ClickException(f"--expect {text}: SCOPE:SEQ:HASH, as it was printed") from None


def report(found: Sequence[Found], expected: Sequence[ChainEnd], *, scope: str, as_json: bool) -> int:
    """Prints it; 0 where everything holds, else 1. Raises click.ClickException where there is no log."""
    if not found:
        raise click.ClickException(f"{scope or 'an organisation or a project'} has no audit log here")
    if as_json:
        for each in found:
            print(msgspec.json.encode(_described(each)).decode())
    else:
        _show(found)
    gone = {end.scope for end in expected} - {each.scope for each in found if each.chain}
    for name in sorted(gone):
        click.echo(f"{name}: expected, and has no log here", err=True)
    return int(bool(gone) or any(each.defects or each.differences for each in found))


def _show(found: Sequence[Found]) -> None:
    mirrored = any(each.mirror for each in found)
    table = Table("region", "log", "rows", "end", "verdict", *(["mirror"] if mirrored else []))
    for each in found:
        chain, mirror = each.chain, each.mirror
        end = f"{chain.scope}:{chain.head_seq}:{chain.head_hash.hex()}" if chain else ""
        verdict = "\n".join(each.defects) or ("holds" if chain else "not here")
        copy = "\n".join(each.differences) or (f"{mirror.rows:,} rows, the same" if mirror else "")
        if mirror and mirror.behind:
            copy += f"; {mirror.behind:,} behind"
        cells = (each.region, each.scope, f"{chain.rows if chain else 0:,}", end, verdict)
        table.add_row(*cells, *([copy] if mirrored else []))
    wide_console().print(table)


def _described(each: Found) -> dict[str, object]:
    told: dict[str, object] = {"region": each.region, "log": each.scope}
    if chain := each.chain:
        told |= {
            "rows": chain.rows,
            "end": {"seq": chain.head_seq, "hash": chain.head_hash.hex()},
            "defects": each.defects,
        }
    if mirror := each.mirror:
        told["mirror"] = {"rows": mirror.rows, "behind": mirror.behind, "differences": each.differences}
    return told


def _chain_defect(defect: ChainDefect) -> str:
    kind = ChainDefectKind.Name(defect.kind).removeprefix("CHAIN_DEFECT_KIND_")
    return _told(defect, kind)


def _difference(defect: MirrorDefect) -> str:
    kind = MirrorDefectKind.Name(defect.kind).removeprefix("MIRROR_DEFECT_KIND_")
    return _told(defect, kind)


def _told(defect: ChainDefect | MirrorDefect, kind: str) -> str:
    rows = f"row {defect.seq}" if defect.seq == defect.last else f"rows {defect.seq} to {defect.last}"
    named = f" ({defect.audit_id})" if defect.audit_id else ""
    return f"{rows} {kind.lower().replace('_', ' ')}{named}"
