"""NanoIDP on a free port of 127.0.0.1: `python child.py FOLDER` prints the port, then serves."""

from __future__ import annotations

import sys
from pathlib import Path

from nanoidp.app import create_app
from werkzeug.serving import make_server


def main() -> None:
    """Until it is killed."""
    app = create_app(str(Path(sys.argv[1])), strict_config=True)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    sys.stdout.write(f"port {server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
