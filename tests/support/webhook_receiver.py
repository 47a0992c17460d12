"""A receiver of webhooks that records what the simulated shop sends."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response


@dataclass
class Receiver:
    """Records every request; answers with the statuses of `answers` one by one, then with `status`."""

    status: int = 200
    ping_status: int = 200
    seconds: float = 0.0
    answers: list[int] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    got: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if "x-wc-webhook-topic" not in request.headers:
            self.pings.append(body.decode())
            return Response(status_code=self.ping_status)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        self.got.append((request.headers["x-wc-webhook-topic"], json.loads(body)))
        self.headers.append(dict(request.headers))
        status = self.answers.pop(0) if self.answers else self.status
        return Response(status_code=status, headers={"Location": "/elsewhere"} if 300 <= status < 400 else None)

    @property
    def topics(self) -> list[str]:
        return [topic for topic, _ in self.got]
