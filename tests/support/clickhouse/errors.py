"""What a refusal looks like on the wire: code, status, text."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\.")
_STATUSES = {
    400: (6, 26, 27, 38, 41, 42, 43, 53, 62, 69, 72, 131, 349, 386, 456, 457),
    403: (192, 193, 516),
    404: (46, 47, 50, 56, 60, 73, 78, 81, 115),
    408: (159,),
    501: (48,),
    503: (76, 209, 439),
}


class ServerError(Exception):
    """A statement, or the request around it, was refused: `Code: 62. DB::Exception: … (SYNTAX_ERROR)`."""

    def __init__(self, text: str) -> None:
        found = _CODE.search(text)
        start = found.start() if found else 0
        super().__init__(text[start:].strip())
        self.code = int(found[1]) if found else 1002

    @property
    def status(self) -> int:
        """The HTTP status of the code; what is not listed is the server's own failure."""
        return next((status for status, codes in _STATUSES.items() if self.code in codes), 500)

    def body(self, version: str) -> bytes:
        """The text with the version that a server adds."""
        text = str(self)
        return f"{text if '(version ' in text else f'{text} (version {version} (official build))'}\n".encode()


def refused(code: int, name: str, what: str) -> ServerError:
    """A refusal of the interface itself, in the server's words."""
    return ServerError(f"Code: {code}. DB::Exception: {what}. ({name})")
