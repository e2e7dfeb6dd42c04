"""What a log asks of JetStream: messages stored under a condition, found again, purged.

Every call ends with an answer, a typed refusal, or `Lost`, when nobody can say what became of it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from nats.aio.client import Client

from storage.log import LogFailed, LogFull
from storage.log.jetstream_connection import CALL_S, PAUSE_S, Connection, Lost

OWNER: Final = "Sankofa-Owner"
"""A header: the process that wrote the message."""

FOLLOWS_IN_SUBJECT: Final = "Nats-Expected-Last-Subject-Sequence"

_BATCH_BYTES: Final = 8 << 20

_WRONG_LAST: Final = frozenset({10071, 10164})
_NO_MESSAGE: Final = 10037
_NO_STREAM: Final = 10059
_AWAY: Final = frozenset({10008, 10009, 10176})
"""JetStream starts, has no leader, or has half of a batch whose connection was cut."""
_STORE_FAILED: Final = 10077
_NO_ROOM: Final = frozenset({10023, 10028, 10047})


class WrongLast(Exception):
    """The stream, or the subject, has moved on since: nothing was stored."""


class Message(NamedTuple):
    """One to be stored, or a stored one with its place in the stream."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    seq: int = 0


class Link(Connection):
    """A connection that speaks JetStream."""

    async def publish(self, messages: Sequence[Message], expected: str, at: int) -> int:
        """Stores all messages of one stream or none, if `expected` (a header) is `at`; the last one's seq.

        One message is whole by itself; several are an atomic batch, which costs 10 to 20 ms (measured) and
        lives as long as its connection.
        """
        first = messages[0]._replace(headers={**messages[0].headers, expected: str(at)})
        client = await self.client()
        if len(messages) == 1:
            return await self._acknowledged(client, first)
        batch = secrets.token_hex(8)
        for index, message in enumerate([first, *messages[1:]], 1):
            headers = {**message.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(index)}
            if index == len(messages):
                headers["Nats-Batch-Commit"] = "1"
                return await self._acknowledged(client, message._replace(headers=headers))
            await self.guarded(client, client.publish(message.subject, message.data, headers=headers))
        raise ValueError("no messages")

    async def ask(self, subject: str, question: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A question to JetStream's API ($JS.API.…). {} where there is no such stream or message."""
        data = json.dumps(question).encode() if question else b""
        return await self._request(await self.client(), f"$JS.API.{subject}", data, {})

    async def store(self, message: Message) -> None:
        """Stores one that may be there twice: again and again, until it is acknowledged."""
        while True:
            try:
                await self._acknowledged(await self.client(), message)
                return
            except Lost:
                await asyncio.sleep(PAUSE_S)

    async def state(self, stream: str) -> dict[str, Any]:
        """Of a stream: last_seq, bytes, … Raises LogFailed where there is no such stream."""
        answer = await self.ask(f"STREAM.INFO.{stream}")
        if not answer:
            raise LogFailed(detail=f"the NATS stream {stream} is gone")
        state: dict[str, Any] = answer["state"]
        return state

    async def subjects(self, stream: str, of: str) -> list[str]:
        """All subjects in the stream that have messages and fit."""
        names = list[str]()
        while True:
            question = {"subjects_filter": of, "offset": len(names)}
            answer = await self.ask(f"STREAM.INFO.{stream}", question)
            page = answer["state"].get("subjects") or {}
            names += page
            if not page or len(names) >= int(answer.get("total") or 0):
                return names

    async def last(self, stream: str, subject: str) -> Message | None:
        """The last message of a subject, by the stream's leader."""
        return await self._get(stream, {"last_by_subj": subject})

    async def at(self, stream: str, seq: int) -> Message | None:
        """The message at a place, by the stream's leader."""
        return await self._get(stream, {"seq": seq}) if seq else None

    async def purge(self, stream: str, subject: str, before: int) -> int:
        """Deletes a subject's messages before a place; the bytes that the stream has then."""
        await self.ask(f"STREAM.PURGE.{stream}", {"filter": subject, "seq": before})
        return int((await self.state(stream))["bytes"])

    async def delete(self, stream: str, subject: str, keep: int = 0) -> None:
        """Deletes all messages of a subject but the last `keep`."""
        await self.ask(f"STREAM.PURGE.{stream}", {"filter": subject} | ({"keep": keep} if keep else {}))

    async def erase(self, stream: str, seq: int) -> None:
        """Deletes one message and overwrites it in its file: 20 ms (measured), so for what is rare."""
        await self.ask(f"STREAM.MSG.DELETE.{stream}", {"seq": seq})

    async def messages(self, stream: str, subject: str, seq: int, count: int) -> tuple[list[Message], bool]:
        """Messages of a subject from `seq` on, in order, and whether there are more."""
        client = await self.client()
        inbox = client.new_inbox()
        answers = await self.guarded(client, client.subscribe(inbox, pending_bytes_limit=-1))
        question = {"seq": seq, "next_by_subj": subject, "batch": count, "max_bytes": _BATCH_BYTES}
        try:
            direct = f"$JS.API.DIRECT.GET.{stream}"
            await self.guarded(client, client.publish(direct, json.dumps(question).encode(), reply=inbox))
            found = list[Message]()
            while True:
                answer = await self.guarded(client, answers.next_msg(CALL_S))
                headers = {str(key): value for key, value in (answer.headers or {}).items()}
                if status := headers.get("Status"):
                    if status not in ("204", "404"):
                        raise Lost
                    return found, int(headers.get("Nats-Num-Pending") or 0) > 0
                place = int(headers["Nats-Sequence"])
                found.append(Message(headers["Nats-Subject"], answer.data, headers, place))
        finally:
            await self.guarded(client, answers.unsubscribe())

    async def _get(self, stream: str, which: Mapping[str, Any]) -> Message | None:
        answer = (await self.ask(f"STREAM.MSG.GET.{stream}", which)).get("message")
        if answer is None:
            return None
        data, headers = b64decode(answer.get("data", "")), b64decode(answer.get("hdrs", ""))
        pairs = [line.split(":", 1) for line in headers.decode().split("\r\n")[1:] if ":" in line]
        return Message(answer["subject"], data, {name: value.strip() for name, value in pairs}, answer["seq"])

    async def _acknowledged(self, client: Client, message: Message) -> int:
        answer = await self._request(client, message.subject, message.data, message.headers)
        return int(answer["seq"])

    async def _request(
        self, client: Client, subject: str, data: bytes, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        asked = client.request(subject, data, timeout=CALL_S, headers=dict(headers))
        parsed: dict[str, Any] = json.loads((await self.guarded(client, asked)).data)
        return {} if _refused(parsed.get("error")) else parsed


def _refused(error: Mapping[str, Any] | None) -> bool:
    """Whether there is no such thing. Raises what stands for the other errors of the API."""
    if error is None:
        return False
    code, text = error.get("err_code"), str(error.get("description"))
    if code in _WRONG_LAST:
        raise WrongLast
    if code in _AWAY:
        raise Lost
    if code in _NO_ROOM or (code == _STORE_FAILED and "maximum" in text):
        raise LogFull
    if code in (_NO_MESSAGE, _NO_STREAM):
        return True
    raise LogFailed(detail=f"NATS refuses: {text}")
