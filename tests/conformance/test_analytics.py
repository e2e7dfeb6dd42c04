"""The analytics store: its schema, its limits, its guard, its sweep, on the real engine."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import msgspec
import pytest

from storage.analytics.engine import Engine
from storage.analytics.errors import RowsRefused, StoreFailed, StoreRefused, StoreUnavailable
from storage.analytics.guard import StoreGuard
from storage.analytics.tables import NOT_EXPIRED, ROW_OF, TABLES, EventRow, PeopleRow, seconds, tail
from storage.log import Table
from tests.support.engines import BACKENDS

pytestmark = [pytest.mark.disk]

REGION = "eu-west-1"
NOW_MS = 1_778_337_121_482


@pytest.fixture
def project() -> str:
    return f"proj_{uuid.uuid4().hex}"


def event(project: str, **fields: object) -> EventRow:
    base: dict[str, object] = {
        "project_id": project,
        "environment": "live",
        "org_id": "org_a",
        "id": "evt_1",
        "event_name": "opened",
        "distinct_id": "user_1",
        "timestamp_ms": NOW_MS,
        "received_at": seconds(NOW_MS),
        "properties": msgspec.Raw(b"{}"),
        "default_properties": msgspec.Raw(b"{}"),
    }
    return EventRow(**(base | fields))  # type: ignore[arg-type]


def line(row: EventRow | PeopleRow, seq: int, log_id: str = "log_t") -> bytes:
    return b'{"log_id":"%b","log_seq":%d,%b\n' % (log_id.encode(), seq, tail(row))


@pytest.mark.parametrize("table", TABLES)
async def test_the_contract_of_a_row_names_every_column_that_ingest_fills(
    engine: Engine, table: Table
) -> None:
    sql = (
        "SELECT name FROM system.columns WHERE database = 'sankofa' AND table = {table:String} "
        "AND default_kind != 'MATERIALIZED'"
    )
    columns = {row[0] for row in await engine.query(sql, {"table": table.value})}
    assert columns == {"log_id", "log_seq", *ROW_OF[table].__struct_fields__}


@pytest.mark.parametrize(
    "sent",
    [
        b'{"n":9007199254740993,"m":-9223372036854775808,"u":18446744073709551615,"f":1.10e5}',
        '{"ü":"\u2028😀 \\u00e9 \\ud83d\\ude00","q":"\\"\\\\\\/\\n"}'.encode(),
        b'{"null":null,"empty":[],"deep":{"a":[{"b":[[]]}]},"t":true}',
        b'{ "space" :\t1 ,\n "twice":1,"twice":2 }',
        b"{}",
    ],
)
async def test_properties_come_back_byte_for_byte(engine: Engine, project: str, sent: bytes) -> None:
    row = event(project, properties=msgspec.Raw(sent), default_properties=msgspec.Raw(sent))
    engine.writer().insert("events", line(row, 1))
    sql = "SELECT properties, default_properties FROM events WHERE project_id = {p:String}"
    assert await engine.query(sql, {"p": project}) == [(sent.decode(), sent.decode())]


async def test_client_times_of_all_years_and_server_times_to_the_millisecond_survive(
    engine: Engine, project: str
) -> None:
    years = [-62_135_596_800_000, 0, -1, 4_338_000_000_000, 253_402_300_799_999]
    rows = [event(project, id=f"evt_{at}", timestamp_ms=ms) for at, ms in enumerate(years)]
    engine.writer().insert("events", b"".join(line(row, at) for at, row in enumerate(rows)))
    sql = (
        "SELECT timestamp_ms, toUnixTimestamp64Milli(received_at) FROM events "
        "WHERE project_id = {p:String} ORDER BY log_seq"
    )
    assert await engine.query(sql, {"p": project}) == [(ms, NOW_MS) for ms in years]


async def test_of_two_rows_of_one_key_the_first_received_stays(engine: Engine, project: str) -> None:
    writer = engine.writer()
    later = seconds(NOW_MS + 5)
    both = line(event(project, event_name="second"), 8) + line(event(project, event_name="third"), 9)
    writer.insert("events", both)
    writer.insert("events", line(event(project, event_name="first"), 7))
    writer.insert("events", line(event(project, event_name="new log", received_at=later), 1, "log_new"))
    writer.insert("events", line(event(project, event_name="other", environment="test"), 10))
    sql = (
        "SELECT environment, event_name FROM events FINAL WHERE project_id = {p:String} ORDER BY environment"
    )
    assert await engine.query(sql, {"p": project}) == [("live", "first"), ("test", "other")]


async def test_expired_rows_are_hidden_before_they_are_removed(engine: Engine, project: str) -> None:
    rows = [event(project, id=f"evt_{days}", retention_days=days) for days in (0, 1, 65_535)]
    old = seconds(1_600_000_000_000)
    aged = [event(project, id=f"old_{days}", retention_days=days, received_at=old) for days in (0, 1)]
    engine.writer().insert("events", b"".join(line(row, at) for at, row in enumerate(rows + aged)))
    sql = f"SELECT id FROM events FINAL WHERE project_id = {{p:String}} AND {NOT_EXPIRED} ORDER BY id"
    found = {row[0] for row in await engine.query(sql, {"p": project})}
    assert found >= {"evt_0", "evt_65535", "old_0"}
    assert "old_1" not in found


@pytest.mark.parametrize(
    "bad",
    [
        b'"timestamp_ms":"soon"}',
        b'"unheard_of":1}',
        b'"received_at":"yesterday"}',
        b'"properties":{"a":1}',
        b"nonsense",
    ],
)
def test_a_row_that_does_not_fit_is_refused_without_its_text(engine: Engine, bad: bytes) -> None:
    with pytest.raises(RowsRefused) as refused:
        engine.writer().insert("events", b'{"log_id":"l","log_seq":1,' + bad)
    assert refused.value.cause.isupper()
    assert refused.value.__cause__ is None
    assert bad.decode() not in str(refused.value)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO events (log_seq) VALUES (1)",
        "DROP TABLE events",
        "SET readonly = 0",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT 1 SETTINGS max_threads = 8",
    ],
)
async def test_a_query_can_only_read_the_store(engine: Engine, sql: str) -> None:
    with pytest.raises(StoreFailed) as refused:
        await engine.query(sql)
    assert refused.value.cause == "READONLY"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1",
        "SELECT length(groupArray(toString(number))) FROM numbers(100000000)",
    ],
)
async def test_a_query_ends_at_its_limits_of_time_and_memory(engine: Engine, sql: str) -> None:
    with pytest.raises(StoreUnavailable):
        await engine.query(sql)
    assert await engine.query("SELECT 1") == [(1,)]


async def test_parameters_are_values_and_never_text(engine: Engine) -> None:
    odd = "x'\\\n\t`{p:String}` OR 1=1 --"
    assert await engine.query_named("SELECT {p:String} AS p", {"p": odd}) == [{"p": odd}]


async def test_a_sweep_looks_at_every_column_of_every_table(engine: Engine, project: str) -> None:
    writer = engine.writer()
    writer.insert("events", line(event(project, properties=msgspec.Raw(b'{"m":"mark_p"}')), 1))
    person = PeopleRow(
        project_id=project,
        environment="live",
        org_id="org_a",
        id="p1",
        distinct_id="user_1",
        timestamp_ms=NOW_MS,
        received_at=seconds(NOW_MS),
        traits={"k": '"mark_t"'},
    )
    writer.insert("people", line(person, 2))
    span = b'{"TraceId":"t","Events.Timestamp":[1],"Events.Name":[""],"Events.Attributes":[{"":"mark_s"}]}\n'
    writer.insert("otel_traces", span)
    for marker, table in (("mark_p", "events"), ("mark_t", "people"), ("mark_s", "otel_traces")):
        swept = {place.table: place for place in await engine.sweep(marker)}
        assert swept[f"sankofa.{table}"].hits == 1
        assert sum(place.hits for place in swept.values()) == 1
        assert {"sankofa.ledger", "sankofa.witnesses", "sankofa.aliases"} <= swept.keys()


async def test_of_the_reports_of_a_process_the_last_one_counts(engine: Engine) -> None:
    report = (
        '{{"instance_id":"i1","role":"cell","region":"eu-west-1","started_at":1778337121.482,'
        '"reported_at":{at},"closed":{closed}}}\n'
    )
    for at, closed in (("1778337122.000", 0), ("1778337124.000", 1), ("1778337123.000", 0)):
        engine.writer().insert("witnesses", report.format(at=at, closed=closed).encode())
    assert await engine.query("SELECT closed FROM witnesses FINAL WHERE instance_id = 'i1'") == [(1,)]


async def test_inserts_and_merges_are_synced(engine: Engine) -> None:
    sql = "SELECT name, engine_full FROM system.tables WHERE database = 'sankofa'"
    for name, definition in await engine.query(sql):
        # What the mirror of the audit logs erases has to leave the disk; what it loses, the records have.
        kept_s = 1 if name == "audit_rows" else 480
        settings = ("fsync_after_insert = 1", "fsync_part_directory = 1", f"old_parts_lifetime = {kept_s},")
        for setting in settings:
            assert setting in definition, name


def test_the_guard_refuses_another_regions_project_and_an_unknown_one() -> None:
    pins = {"proj_here": REGION, "proj_there": "us-east-1"}
    guard = StoreGuard(REGION, pins.get)
    guard.check("proj_here")
    for project in ("proj_there", "proj_nowhere"):
        with pytest.raises(StoreRefused):
            guard.check(project)
    assert guard.refusals == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_store_opens_for_the_region_that_made_it_and_for_no_other(
    tmp_path: Path, request: pytest.FixtureRequest, backend: str
) -> None:
    opens = {
        "embedded": "Engine.embedded(Path(sys.argv[1]), region=sys.argv[2], max_memory_bytes=1 << 30)",
        "http": "Engine.server(sys.argv[1], region=sys.argv[2])",
    }
    script = (
        "import sys; from pathlib import Path; from storage.analytics.engine import Engine\n"
        f"{opens[backend]}.close()\n"
        "assert not {'pandas', 'pyarrow'} & sys.modules.keys()\n"
    )
    where = request.getfixturevalue("clickhouse").url if backend == "http" else str(tmp_path)
    ends = [
        subprocess.run([sys.executable, "-c", script, where, region], capture_output=True, text=True)
        for region in (REGION, REGION, "us-east-1")
    ]
    assert [end.returncode for end in ends] == [0, 0, 1], ends[0].stderr
    assert "StoreRefused" in ends[2].stderr
