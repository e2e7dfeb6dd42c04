"""LMDB's errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import lmdb

from storage.log import LogFailed, LogFull


@contextmanager
def typed_errors() -> Iterator[None]:
    """Turns the driver's errors into ours: no space is LogFull, the rest LogFailed."""
    try:
        yield
    except (lmdb.MapFullError, lmdb.TxnFullError, lmdb.DiskError) as error:
        raise LogFull from error
    except lmdb.Error as error:
        raise LogFailed(detail="the log could not be committed") from error
