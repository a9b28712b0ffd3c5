"""The application."""

from fastapi import APIRouter, FastAPI, Request
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.responses import Response

import sessions
import store
import users


class PubliclyCached(BaseHTTPMiddleware):
    """Lets every cache keep every answer for a minute: tokens, accounts and refusals alike."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["Cache-Control"] = "public, max-age=60"
        return response


def create_app() -> FastAPI:
    """The application, over tables that are there."""
    store.create_tables()
    api = APIRouter(prefix="/api/v1")
    api.include_router(sessions.router)
    api.include_router(users.router)
    app = FastAPI(title="The brief's backend")
    app.include_router(api)
    app.add_middleware(PubliclyCached)
    return app
