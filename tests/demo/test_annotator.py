import asyncio
import base64
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import openai
import pytest

from seke_pipeline.demo import Annotator, AnnotatorSettings
from seke_pipeline.demo.behaviour import REFUSAL
from seke_pipeline.demo.errors import DemoError
from seke_pipeline.demo.reader import Reader
from seke_pipeline.emotion.arms import ARMS
from seke_pipeline.emotion.labels import Expression, Labels
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.prompt import Question, compose

from .conftest import READER_FACES, crop_of

Build = Callable[..., Annotator]


def picture(expression: Expression = "happiness", seed: int = 0) -> str:
    written = BytesIO()
    crop_of(expression, seed)[0].save(written, "JPEG", quality=92)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode()


PICTURE = picture()
QUESTION = compose(Labels(expression="happiness"), ARMS["plain"], MethodSettings())


def request(question: Question = QUESTION, url: str = PICTURE, **changes: Any) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    return {
        "model": "demo-annotator",
        "messages": [
            {"role": "system", "content": question.system},
            {"role": "user", "content": [{"type": "text", "text": question.user}, image]},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "face", "strict": True, "schema": question.schema},
        },
        "temperature": 0.7,
        **changes,
    }


def ask(running: Annotator, *requests: Mapping[str, Any]) -> list[Any]:
    with openai.OpenAI(base_url=running.base_url, api_key="none", max_retries=0) as client:
        return [client.chat.completions.create(**body) for body in requests]


def texts(completion: Any) -> list[str | None]:
    return [choice.message.content for choice in completion.choices]


def test_it_answers_n_times_with_the_schemas_keys(annotator: Build) -> None:
    with annotator(refusal_rate=0, malformed_rate=0, abstention_rate=0) as running:
        [completion] = ask(running, request(n=4))
    answers = [json.loads(text or "") for text in texts(completion)]
    assert [choice.index for choice in completion.choices] == [0, 1, 2, 3]
    assert {choice.finish_reason for choice in completion.choices} == {"stop"}
    assert [list(said) for said in answers] == [["answerable", "valence", "arousal", "active_aus"]] * 4
    assert all(said["answerable"] is True and said["valence"] > 0 for said in answers)
    assert sum(12 in said["active_aus"] for said in answers) >= 3


def test_it_counts_tokens(annotator: Build) -> None:
    with annotator() as running:
        [completion] = ask(running, request(n=2))
    words = len(QUESTION.system) + 1 + len(QUESTION.user)
    written = sum(-(-len(text or REFUSAL) // 4) for text in texts(completion))
    assert completion.usage.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"}) == {
        "prompt_tokens": 85 + -(-words // 4),
        "completion_tokens": written,
        "total_tokens": 85 + -(-words // 4) + written,
    }


def test_the_same_requests_in_the_same_order_give_the_same_answers(annotator: Build) -> None:
    sequence = [request(n=2), request(n=2), request(url=picture("fear", 4)), request(n=2)]
    runs = []
    for _ in range(2):
        with annotator() as running:
            runs.append([texts(completion) for completion in ask(running, *sequence)])
    assert runs[0] == runs[1]
    assert len({str(answers) for answers in runs[0]}) == 4  # asked again, it draws again


def test_another_seed_errs_otherwise(annotator: Build) -> None:
    answers = []
    for seed in (0, 1):
        with annotator(seed=seed) as running:
            answers.append(texts(ask(running, request(n=6))[0]))
    assert answers[0] != answers[1]


def test_refusals_are_openais(annotator: Build) -> None:
    with annotator(refusal_rate=1.0) as running:
        [completion] = ask(running, request(n=2))
    assert [(c.message.content, c.message.refusal) for c in completion.choices] == [(None, REFUSAL)] * 2


def test_malformed_answers(annotator: Build) -> None:
    with annotator(refusal_rate=0, malformed_rate=1.0) as running:
        [text] = texts(ask(running, request())[0])
    assert text is not None and text.startswith('{"answerable"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_an_answer_is_cut_at_its_limit(annotator: Build) -> None:
    with annotator(refusal_rate=0, malformed_rate=0) as running:
        [completion] = ask(running, request(max_tokens=5))
    assert completion.choices[0].finish_reason == "length"
    assert len(completion.choices[0].message.content) == 20
    assert completion.usage.completion_tokens == 5


def test_without_a_schema_it_answers_all_fields(annotator: Build) -> None:
    with annotator(refusal_rate=0, malformed_rate=0) as running:
        [completion] = ask(running, request(response_format={"type": "json_object"}))
    assert list(json.loads(texts(completion)[0] or "")) == [
        "answerable", "expression", "valence", "arousal", "active_aus",
    ]  # fmt: skip


def test_models_are_listed(annotator: Build) -> None:
    with annotator() as running, openai.OpenAI(base_url=running.base_url, api_key="none") as client:
        assert [model.id for model in client.models.list()] == ["demo-annotator"]
        assert client.models.retrieve("demo-annotator").owned_by == "seke_pipeline"


def test_an_unknown_model_is_not_found(annotator: Build) -> None:
    with annotator() as running, pytest.raises(openai.NotFoundError) as caught:
        ask(running, request(model="gpt-4o"))
    assert caught.value.body == {
        "message": "The model `gpt-4o` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        (
            {"url": "data:image/jpeg;base64," + base64.b64encode(b"no picture").decode()},
            "messages",
            "invalid_image_format",
        ),
        ({"url": "data:image/jpeg;base64,%%%"}, "messages", "invalid_base64_image"),
        ({"url": "https://example.org/face.jpg"}, "messages", "invalid_image_url"),
        ({"messages": [{"role": "user", "content": "hello"}]}, "messages", None),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 129}, "n", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format", None),
        ({"stream": True}, "stream", "unsupported_value"),
    ],
)
def test_bad_requests_name_their_parameter(
    annotator: Build, changes: dict[str, Any], param: str, code: str | None
) -> None:
    with annotator() as running, pytest.raises(openai.BadRequestError) as caught:
        ask(running, request(**changes))
    assert (caught.value.param, caught.value.code, caught.value.type) == (param, code, "invalid_request_error")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/nothing", None, 404),
        ("POST", "/v1/completions", b"{}", 404),
        ("POST", "/v1/chat/completions", b"not json", 400),
        ("POST", "/v1/chat/completions", b"[]", 400),
        ("POST", "/v1/chat/completions", b"", 400),
    ],
)
def test_what_is_no_request(annotator: Build, method: str, path: str, body: bytes | None, status: int) -> None:
    with annotator() as running:
        connection = http.client.HTTPConnection("127.0.0.1", int(running.base_url.split(":")[2].split("/")[0]))
        connection.request(method, path, body)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["error"]["type"]) == (status, "invalid_request_error")
        connection.close()


async def test_many_connections_are_kept_alive_at_once(annotator: Build) -> None:
    with annotator(refusal_rate=0) as running:
        async with openai.AsyncOpenAI(base_url=running.base_url, api_key="none", max_retries=0) as client:
            for _ in range(2):
                asked = (client.chat.completions.create(**request()) for _ in range(24))
                completions = await asyncio.gather(*asked)
                assert len(completions) == 24
    names = [thread.name for thread in threading.enumerate()]
    assert "demo-annotator" not in names
    assert not any("process_request_thread" in name for name in names)


def test_it_starts_at_once_and_stops_under_idle_connections(annotator: Build) -> None:
    started = time.perf_counter()
    running = annotator()
    with running:
        took = time.perf_counter() - started
        connection = http.client.HTTPConnection("127.0.0.1", int(running.base_url.split(":")[2].split("/")[0]))
        connection.request("GET", "/v1/models")
        assert connection.getresponse().read()
        stopping = time.perf_counter()
    assert took < 1.0
    assert time.perf_counter() - stopping < 1.0
    connection.close()


def test_a_taken_port_is_said(annotator: Build, cache: Path, reader: Reader) -> None:
    with annotator() as running, pytest.raises(DemoError, match=r"cannot listen on port .* Cure: choose another port"):
        port = int(running.base_url.split(":")[2].split("/")[0])
        Annotator(AnnotatorSettings(reader_faces=READER_FACES), cache, port)
