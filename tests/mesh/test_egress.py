"""The way out of the mesh, over real sockets: what is called, what is refused, what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.egress import Egress, EgressConfig
from mesh.egress.resolve import Resolve, SystemResolver
from mesh.errors import InvalidInput, Unavailable
from sankofa.residency.v1.error_pb2 import ErrorReason
from sankofa.residency.v1.ledger_pb2 import SIDE_CLIENT, VERDICT_ALLOWED, VERDICT_REFUSED, Edge
from sankofa.residency.v1.options_pb2 import PLANE_EGRESS
from tests.support.nodes import EU, TestNode, make_node
from tests.support.receiver import LOOPBACK, RECEIVER_NAME, Received, answer, receiver, receiver_tls

PURPOSE = "egress/test"


@pytest.fixture
def node(pki: Path) -> TestNode:
    return make_node(pki, region=EU)


def way_out(node: TestNode, *allowed: str, resolve: Resolve | None = None, authority: str = "") -> Egress:
    return Egress(
        region=EU,
        ledger=node.node.ledger,
        tracer=node.node.tracer,
        config=EgressConfig(allowed_networks=list(allowed), authorities_file=authority),
        resolve=resolve,
    )


@pytest.fixture
async def open_way(node: TestNode) -> AsyncIterator[Egress]:
    """To this machine, as a test or a demo allows it."""
    egress = way_out(node, LOOPBACK)
    yield egress
    await egress.close()


def counted(node: TestNode) -> list[Edge]:
    return list(node.node.ledger.report().edges)


class Answers:
    """A name server that says something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.left = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.left.pop(0)


async def test_a_call_brings_status_headers_and_body_and_is_counted(node: TestNode, open_way: Egress) -> None:
    async def behave(request: Received) -> bytes:
        return answer(202, b"taken", x_delivery="d1")

    async with receiver(behave) as there:
        got = await open_way.send(
            "POST", there.url + "?a=secret", purpose=PURPOSE, body=b"four", rows=2, headers={"X-Own": "yes"}
        )
    assert (got.status, got.headers["X-Delivery"], got.body) == (202, "d1", b"taken")
    (request,) = there.received
    assert (request.method, request.target, request.body) == ("POST", "/hook?a=secret", b"four")
    assert (request.headers["host"], request.headers["x-own"]) == (f"127.0.0.1:{there.port}", "yes")
    assert not {"traceparent", "baggage", "x-request-id"} & request.headers.keys()
    (edge,) = counted(node)
    assert (edge.side, edge.caller_region, edge.callee_region, edge.rpc, edge.plane, edge.verdict) == (
        *(SIDE_CLIENT, EU, "external", PURPOSE, PLANE_EGRESS),
        VERDICT_ALLOWED,
    )
    assert (edge.requests, edge.answered, edge.rows, edge.bytes) == (1, 1, 2, len(b"four") + len(b"taken"))


async def test_a_span_says_the_purpose_and_nothing_of_the_address(node: TestNode, open_way: Egress) -> None:
    async with receiver() as there:
        await open_way.send("POST", there.url + "?token=secret", purpose=PURPOSE)
    (span,) = node.spans
    assert span.name == PURPOSE
    written = {str(value) for value in (span.attributes or {}).values()}
    assert written == {"POST", "200", "EGRESS", EU, "external", "allowed"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_this_machine_is_refused_however_it_is_written(node: TestNode, host: str) -> None:
    egress = way_out(node)
    async with receiver() as there:
        for scheme in ("http", "https"):
            with pytest.raises(InvalidInput) as refused:
                await egress.send("POST", f"{scheme}://{host}:{there.port}/", purpose=PURPOSE, body=b"four")
            assert refused.value.reason == ErrorReason.ERROR_REASON_EGRESS_REFUSED
    await egress.close()
    assert there.connections == 0
    (edge,) = counted(node)
    assert (edge.verdict, edge.requests, edge.answered, edge.bytes) == (VERDICT_REFUSED, 2, 0, 0)
    assert [(span.attributes or {})["sankofa.verdict"] for span in node.spans] == ["refused", "refused"]


async def test_a_name_with_one_private_address_among_public_ones_is_refused(node: TestNode) -> None:
    egress = way_out(node, resolve=Answers(["93.184.216.34", "10.0.0.1"]))
    with pytest.raises(InvalidInput, match="not public"):
        await egress.send("GET", f"https://{RECEIVER_NAME}/", purpose=PURPOSE)
    await egress.close()


async def test_plain_http_is_refused_where_it_would_leave_what_an_operator_allowed(node: TestNode) -> None:
    egress = way_out(node, LOOPBACK, resolve=Answers(["93.184.216.34"]))
    with pytest.raises(InvalidInput, match="https://"):
        await egress.send("GET", f"http://{RECEIVER_NAME}/", purpose=PURPOSE)
    await egress.close()


async def test_the_address_that_was_judged_is_the_one_that_is_called(node: TestNode) -> None:
    """DNS rebinding: the second answer, which would lead elsewhere, is never asked for."""
    resolve = Answers(["127.0.0.1"], ["127.0.0.2"])
    egress = way_out(node, "127.0.0.1/32", resolve=resolve)
    async with receiver() as there:
        url = f"http://{RECEIVER_NAME}:{there.port}/hook"
        assert (await egress.send("POST", url, purpose=PURPOSE)).status == 200
        assert resolve.asked == [RECEIVER_NAME]
        assert there.received[0].headers["host"] == f"{RECEIVER_NAME}:{there.port}"
        with pytest.raises(InvalidInput, match="not public"):
            await egress.send("POST", url, purpose=PURPOSE)
        assert there.connections == 1
    await egress.close()


async def test_tls_is_to_the_name_and_not_to_the_number(node: TestNode, tmp_path: Path) -> None:
    tls, authority = receiver_tls(tmp_path)
    resolve = Answers(["127.0.0.1"], ["127.0.0.1"])
    egress = way_out(node, LOOPBACK, resolve=resolve, authority=str(authority))
    async with receiver(tls=tls) as there:
        good = await egress.send("POST", f"https://{RECEIVER_NAME}:{there.port}/", purpose=PURPOSE)
        assert good.status == 200
        with pytest.raises(Unavailable, match="certificate"):
            await egress.send("POST", f"https://other.example.com:{there.port}/", purpose=PURPOSE)
        assert len(there.received) == 1
    await egress.close()


async def test_a_certificate_of_an_unknown_authority_is_not_believed(node: TestNode, tmp_path: Path) -> None:
    tls, _ = receiver_tls(tmp_path)
    egress = way_out(node, LOOPBACK, resolve=Answers(["127.0.0.1"]))
    async with receiver(tls=tls) as there:
        with pytest.raises(Unavailable, match="certificate"):
            await egress.send("POST", f"https://{RECEIVER_NAME}:{there.port}/", purpose=PURPOSE)
    await egress.close()
    assert there.received == []


async def test_the_next_address_is_tried_where_the_first_takes_no_connection(node: TestNode) -> None:
    async with receiver() as there:
        egress = way_out(node, LOOPBACK, resolve=Answers(["127.0.0.9", "127.0.0.1"]))
        got = await egress.send("POST", f"http://{RECEIVER_NAME}:{there.port}/", purpose=PURPOSE, body=b"b")
        await egress.close()
    assert (got.status, there.received[0].body) == (200, b"b")


async def test_a_redirect_is_an_answer_and_not_followed(open_way: Egress) -> None:
    async with receiver() as other:

        async def behave(_: Received) -> bytes:
            return answer(302, location=other.url)

        async with receiver(behave) as there:
            got = await open_way.send("GET", there.url, purpose=PURPOSE)
    assert (got.status, other.connections) == (302, 0)


async def test_a_proxy_of_the_environment_is_not_used(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiver() as proxy, receiver() as there:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        egress = way_out(node, LOOPBACK)
        assert (await egress.send("GET", there.url, purpose=PURPOSE)).status == 200
        await egress.close()
    assert (proxy.connections, there.connections) == (0, 1)


async def test_an_answer_over_the_limit_is_cut(open_way: Egress) -> None:
    async def behave(_: Received) -> bytes:
        return answer(200, b"x" * 2000)

    async with receiver(behave) as there:
        with pytest.raises(Unavailable, match="over 1000 bytes"):
            await open_way.send("GET", there.url, purpose=PURPOSE, most_bytes=1000)
        assert len((await open_way.send("GET", there.url, purpose=PURPOSE, most_bytes=2000)).body) == 2000


async def test_a_body_that_claims_to_be_compressed_is_not_expanded(open_way: Egress) -> None:
    async def behave(_: Received) -> bytes:
        return answer(200, b"\x1f\x8b no gzip", content_encoding="gzip")

    async with receiver(behave) as there:
        assert (await open_way.send("GET", there.url, purpose=PURPOSE)).body == b"\x1f\x8b no gzip"
    assert there.received[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("behaviour", [b"", b"not HTTP at all\r\n\r\n"])
async def test_what_is_no_answer_is_a_failure_that_may_pass(
    node: TestNode, open_way: Egress, behaviour: bytes
) -> None:
    async with receiver() as there:

        async def behave(_: Received) -> bytes:
            if behaviour:
                return behaviour
            raise OSError  # hangs up

        there.behave = behave
        with pytest.raises(Unavailable) as failed:
            await open_way.send("GET", there.url, purpose=PURPOSE)
    assert failed.value.reason == ErrorReason.ERROR_REASON_EGRESS_FAILED
    (edge,) = counted(node)
    assert (edge.requests, edge.answered) == (1, 0)


async def test_one_limit_of_time_holds_for_all_of_a_call(open_way: Egress) -> None:
    async def silent(_: Received) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async with receiver(silent) as there:
        with pytest.raises(Unavailable, match=r"no answer within 0\.2 s"):
            await open_way.send("GET", there.url, purpose=PURPOSE, timeout_s=0.2)


async def test_the_limit_of_time_holds_for_resolving_too(node: TestNode) -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    egress = way_out(node, resolve=never)
    with pytest.raises(Unavailable, match=r"no answer within 0\.2 s"):
        await egress.send("GET", f"https://{RECEIVER_NAME}/", purpose=PURPOSE, timeout_s=0.2)
    await egress.close()


async def test_a_name_that_is_not_known_is_a_failure_that_may_pass(node: TestNode) -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("unknown")

    egress = way_out(node, resolve=unknown)
    with pytest.raises(Unavailable, match="not known"):
        await egress.send("GET", f"https://{RECEIVER_NAME}/", purpose=PURPOSE)
    await egress.close()


async def test_a_label_that_is_none_is_a_name_that_is_not_known() -> None:
    resolver = SystemResolver()
    with pytest.raises(OSError):
        await resolver("a" * 64 + ".example.com", 443)
    resolver.close()
    await asyncio.sleep(0)


def test_a_file_of_authorities_that_is_not_there_is_said_at_the_start(node: TestNode) -> None:
    with pytest.raises(ValueError, match="authorities_file"):
        way_out(node, authority="/nowhere.pem")


async def test_an_address_is_vetted_before_it_is_set_and_nothing_is_sent(node: TestNode) -> None:
    egress = way_out(node, resolve=Answers(["10.0.0.1"], ["93.184.216.34"], ["93.184.216.34"]))
    with pytest.raises(InvalidInput, match="not public"):
        await egress.vet(f"https://{RECEIVER_NAME}/", purpose=PURPOSE)
    await egress.vet(f"https://{RECEIVER_NAME}/", purpose=PURPOSE)
    with pytest.raises(InvalidInput, match="https://"):
        await egress.vet(f"http://{RECEIVER_NAME}/", purpose=PURPOSE)
    await egress.close()
    assert [(edge.verdict, edge.requests) for edge in counted(node)] == [(VERDICT_REFUSED, 2)]


async def test_a_name_that_is_not_known_yet_may_be_set(node: TestNode) -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("unknown")

    egress = way_out(node, resolve=unknown)
    await egress.vet(f"https://{RECEIVER_NAME}/", purpose=PURPOSE)
    await egress.close()
