"""Stand-ins of the tests: each is a real server or a small class of our own, and says so."""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from seke_pipeline.emotion.labels import AUS


class AnotherServer:
    """A stand-in for somebody else's OpenAI-compatible server: it looks at no pixel and always answers the same.

    Args:
        key: the API key that it wants.
        model: the only model that it knows.

    Attributes:
        answered: answers that it gave.
        delay_s: how long it thinks.
        waiting: requests that it thinks about.
    """

    def __init__(self, key: str, model: str) -> None:
        server = self
        self.key, self.model, self.answered = key, model, 0
        self.delay_s, self.waiting = 0.0, 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, reply = server.reply(self.headers.get("Authorization", ""), body)
                content = json.dumps(reply).encode()
                server.waiting += 1
                server.closed.wait(server.delay_s)
                server.waiting -= 1
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def handle(self) -> None:
                with suppress(ConnectionError):  # a client that was killed
                    super().handle()

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self.closed = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def reply(self, authorization: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if authorization != f"Bearer {self.key}":
            return 401, _error("invalid_api_key", f"Incorrect API key provided: {authorization}")
        if body["model"] != self.model:
            return 404, _error("model_not_found", f"The model {body['model']} does not exist")
        self.answered += body.get("n", 1)
        message = {"role": "assistant", "content": json.dumps(_surprise(body)), "refusal": None}
        choices = [{"index": i, "finish_reason": "stop", "message": message} for i in range(body.get("n", 1))]
        usage = {"prompt_tokens": 400, "completion_tokens": 30 * len(choices), "total_tokens": 0}
        return 200, {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": self.model,
            "choices": choices,
            "usage": usage,
        }


def _surprise(body: dict[str, Any]) -> dict[str, Any]:
    """What it always sees: a surprised face."""
    answer = {
        "answerable": True,
        "expression": "surprise",
        "valence": 0.2,
        "arousal": 0.7,
        "active_aus": [number for number in AUS if number in (1, 2, 5, 25, 26)],
    }
    wanted = body["response_format"]["json_schema"]["schema"]["properties"]
    return {key: answer[key] for key in wanted}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
