"""The process of one installer: `python -m builder.installer ORDER.json`, started by `builder.installer.install`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from builder.errors import GoldenError
from builder.events import Event
from builder.installer import machine
from builder.installer.wire import encode, order_from_json


def send(message: Event | GoldenError) -> None:
    print(encode(message), flush=True)


def main(path: Path) -> int:
    task = json.loads(path.read_text())
    try:
        machine.run(order_from_json(task["order"]), task["kind"], send)
    except GoldenError as error:
        send(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
