"""Serves the application on a port of 127.0.0.1, prints its address, and ends when standard input does."""

import argparse
import os
import shutil
import socket
import sys
import threading

import uvicorn

from main import create_app


def end_with_owner(scratch: str | None) -> None:
    """Whoever started this holds the other end of the pipe, and lets go of it however it comes to its end."""
    sys.stdin.buffer.read()
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--scratch", help="a folder that is removed at the end")
    arguments = parser.parse_args()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    listener.listen(128)
    app = create_app()
    threading.Thread(target=end_with_owner, args=[arguments.scratch], daemon=True).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    # Longer than on a busy machine a test takes to come back to a kept connection.
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=60)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
