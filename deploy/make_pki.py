"""Makes the mesh's certificates and gives each region its own: `make_pki.py FOLDER HOME_REGION REGION…`.

Below FOLDER: `authorities` stays with this job; the folder of
a region gets the region's leaves, every authority's certificate and the key
of the login hints, and no authority's key.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from mesh.certificates import ensure_pki
from mesh.regions import GLOBAL

USER = 10001
"""The user of the images that read the keys."""


def main(root: Path, home: str, *regions: str) -> None:
    """Safe to repeat: what is there and still good is kept."""
    source = root / "authorities"
    ensure_pki(source, regions)
    hint_key = source / "hint.key"
    if not hint_key.exists():
        hint_key.touch(mode=0o600)
        hint_key.write_bytes(secrets.token_bytes(32))
    for region in regions:
        _give(root / region, [*_leaves(source, region), hint_key], source)
    _give(root / GLOBAL, [*_leaves(source, GLOBAL), *(source / home).glob("registry.*")], source)


def _leaves(source: Path, region: str) -> Iterable[Path]:
    return (path for path in sorted((source / region).iterdir()) if path.stem != "authority")


def _give(target: Path, files: Iterable[Path], source: Path) -> None:
    for path in (*files, *sorted((source / "trust").iterdir())):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o400)
        if os.geteuid() == 0:
            for owned in (target, copy.parent, copy):
                os.chown(owned, USER, USER)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
