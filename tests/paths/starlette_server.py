"""Answers which path Starlette sees, and whether its router takes it for one below /dashboard.

Prints its port, and ends when its standard input does.
"""

import os
import socket
import sys
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def dashboard(request: Request) -> PlainTextResponse:
    return PlainTextResponse("dashboard\n" + request.scope["path"])


async def elsewhere(request: Request) -> PlainTextResponse:
    return PlainTextResponse("elsewhere\n" + request.scope["path"])


app = Starlette(
    routes=[
        Route("/dashboard", dashboard),
        Route("/dashboard/{rest:path}", dashboard),
        Route("/{rest:path}", elsewhere),
    ]
)


def end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


# Named as TCP: only then does asyncio send without delay.
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
threading.Thread(target=end_with_input, daemon=True).start()
uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])
