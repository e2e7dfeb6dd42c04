"""The tests' own ClickHouse is believed because it does what a server's documentation says it does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.support.clickhouse.server import PASSWORD, USER, ClickHouse

pytestmark = [pytest.mark.disk, pytest.mark.network]


@pytest.fixture
def http(clickhouse: ClickHouse) -> Iterator[httpx.Client]:
    """Bare requests, with the password."""
    with httpx.Client(base_url=f"http://127.0.0.1:{clickhouse.port}", auth=(USER, PASSWORD)) as client:
        yield client


def driver(clickhouse: ClickHouse, **options: Any) -> Client:
    return clickhouse_connect.get_client(dsn=clickhouse.url, autogenerate_session_id=False, **options)


@pytest.fixture
def table(http: httpx.Client) -> str:
    name = f"t_{uuid.uuid4().hex}"
    http.post("/", content=f"CREATE TABLE {name} (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    return name


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip", False])
def test_rows_go_in_and_come_back_compressed_as_the_client_likes(
    clickhouse: ClickHouse, table: str, compression: str | bool
) -> None:
    client = driver(clickhouse, compress=compression)
    rows = [(number, f"text {number}\t\n'") for number in range(20_000)]
    client.insert(table, rows, column_names=["n", "s"])
    assert [tuple(row) for row in client.query(f"SELECT * FROM {table} ORDER BY n").result_rows] == rows
    client.close()


@pytest.mark.parametrize("encoding", ["zstd", "lz4", "gzip"])
def test_an_answer_says_how_it_is_compressed(http: httpx.Client, encoding: str) -> None:
    asked = {"query": "SELECT 1", "enable_http_compression": "1"}
    with http.stream("GET", "/", params=asked, headers={"Accept-Encoding": encoding}) as answer:
        assert answer.headers["Content-Encoding"] == encoding
    plain = http.get("/", params={"query": "SELECT 1"}, headers={"Accept-Encoding": encoding})
    assert ("Content-Encoding" in plain.headers, plain.text) == (False, "1\n")


@pytest.mark.parametrize("form", [True, False])
def test_parameters_are_bound_by_the_engine_in_the_url_and_in_a_form(
    clickhouse: ClickHouse, form: bool
) -> None:
    client = driver(clickhouse, form_encode_query_params=form)
    odd = ["x'\\\n\t`{p:String}` OR 1=1 --", "é\u2028\0", ""]
    found = client.query("SELECT {a:Array(String)}, {n:Int64}", parameters={"a": odd, "n": -(2**63)})
    assert found.result_rows == [(odd, -(2**63))]
    client.close()


@pytest.mark.parametrize(
    ("statement", "code", "status"),
    [
        ("SELECT", 62, 400),
        ("SELECT nothing", 47, 404),
        ("SELECT * FROM nowhere", 60, 404),
        ("SELECT throwIf(number = 3) FROM numbers(5)", 395, 500),
    ],
)
def test_a_refusal_has_code_status_and_the_servers_text(
    http: httpx.Client, statement: str, code: int, status: int
) -> None:
    answer = http.post("/", content=statement, params={"wait_end_of_query": "1"})
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "(official build))" in answer.text


def test_a_query_that_fails_after_its_first_rows_says_so_within_the_answer(clickhouse: ClickHouse) -> None:
    client = driver(clickhouse)
    sql = "SELECT throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_block_size = 1000"
    received = 0
    with (
        pytest.raises(StreamFailureError, match="FUNCTION_THROW_IF") as failed,
        client.query_row_block_stream(sql) as blocks,
    ):
        for block in blocks:
            received += len(block)
    assert failed.value.code == 395
    assert received > 0
    client.close()


def test_settings_are_applied_and_unknown_ones_refused(http: httpx.Client) -> None:
    seen = "SELECT value FROM system.settings WHERE name = 'max_block_size'"
    assert http.post("/", content=seen, params={"max_block_size": "77"}).text == "77\n"
    assert http.post("/", content=seen).text != "77\n"
    refused = http.post("/", content=seen, params={"max_blok_size": "77"})
    assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (404, "115")


def test_a_get_can_only_read_and_readonly_locks_what_it_comes_with(http: httpx.Client, table: str) -> None:
    insert = f"INSERT INTO {table} VALUES (1, 'a')"
    for answer in (
        http.get("/", params={"query": insert}),
        http.post("/", content=insert, params={"readonly": "1"}),
        http.post(
            "/", content="SELECT 1 SETTINGS max_threads = 2", params={"readonly": "1", "max_threads": "1"}
        ),
    ):
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
    assert http.post("/", content=insert).status_code == 200


@pytest.mark.parametrize(
    "auth", [None, (USER, "wrong"), ("nobody", PASSWORD)], ids=["none", "password", "user"]
)
def test_nobody_gets_in_without_user_and_password(
    clickhouse: ClickHouse, auth: tuple[str, str] | None
) -> None:
    url = f"http://127.0.0.1:{clickhouse.port}/"
    answer = httpx.post(url, content="SELECT 1", auth=auth)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD}
    assert httpx.post(url, content="SELECT 1", headers=headers).text == "1\n"
    assert httpx.get(f"{url}ping").text == "Ok.\n"


def test_a_row_that_does_not_fit_takes_the_insert_with_it(clickhouse: ClickHouse, table: str) -> None:
    client = driver(clickhouse)
    with pytest.raises(DatabaseError) as refused:
        client.raw_insert(table, insert_block=b'{"n":1,"s":"a"}\n{"n":"soon"}\n', fmt="JSONEachRow")
    assert refused.value.name == "CANNOT_PARSE_INPUT_ASSERTION_FAILED"
    assert client.command(f"SELECT count() FROM {table}") == 0
    client.close()


def test_a_query_id_runs_once_at_a_time_and_can_be_killed(http: httpx.Client, table: str) -> None:
    def rows_that_never_end() -> Iterator[bytes]:
        yield b'{"n":1,"s":"a"}\n' * 1000
        while True:
            running = http_in_between("SELECT count() FROM system.processes WHERE query_id = 'mine'")
            if running == "1\n":
                assert http_in_between("SELECT 1", query_id="mine") == "216"
                assert "finished" in http_in_between("KILL QUERY WHERE query_id = 'mine' SYNC")
                assert (
                    http_in_between("SELECT count() FROM system.processes WHERE query_id = 'mine'") == "0\n"
                )
                return
            yield b'{"n":2,"s":"b"}\n'

    def http_in_between(statement: str, **params: str) -> str:
        answer = httpx.post(http.base_url, content=statement, params=params, auth=(USER, PASSWORD))
        return answer.headers.get("X-ClickHouse-Exception-Code") or answer.text

    asked = {"query": f"INSERT INTO {table} FORMAT JSONEachRow", "query_id": "mine"}
    killed = http.post("/", params=asked, content=rows_that_never_end())
    assert killed.headers["X-ClickHouse-Exception-Code"] == "394"
    assert http.post("/", content=f"SELECT count() FROM {table}").text == "0\n"
