"""A process that does one thing to an LMDB log, to be killed in the middle. Run by path, never imported.

argv: folder of the log, and "open" or "replay" (the dead letter 1).
"""

from __future__ import annotations

import sys
from pathlib import Path

from storage.log.lmdb import LmdbLog

if __name__ == "__main__":
    log = LmdbLog.open(Path(sys.argv[1]))
    if sys.argv[2] == "replay":
        log.replay(1)
    log.close()
