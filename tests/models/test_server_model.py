"""A model behind an address: llama-cpp-python's own server, and servers that are down, slow or talk nonsense."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models import server_model
from assistant_app.models.chat_model import ChatMessage, Generated
from assistant_app.models.server_model import ServerModel
from tests import ggufs
from tests.llama_server import llama_server as serving

QUESTION: list[ChatMessage] = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": "Name a colour."},
]


def generate(model: ServerModel, **how: Any) -> tuple[Generated, list[str]]:
    said: list[str] = []
    settings: dict[str, Any] = {"max_tokens": 16, "temperature": 0.0, "cancelled": lambda: False}
    done = model.generate(QUESTION, on_text=said.append, **{**settings, **how})
    assert "".join(said) == done.text
    return done, said


def problem_of(model: ServerModel, **how: Any) -> DocentError:
    with pytest.raises(DocentError) as caught:
        generate(model, **how)
    return caught.value


# ---------------------------------------------------------------- llama-cpp-python's own server


@pytest.fixture(scope="module")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address; it wants the key "sesame"."""
    folder = tmp_path_factory.mktemp("server")
    with serving(ggufs.tiny_model(folder / "tiny.gguf", ends=False), folder, key="sesame") as address:
        yield address


def test_a_real_server_answers_piece_by_piece(llama_server: str) -> None:
    model = ServerModel(llama_server, key="sesame", context=512)
    done, said = generate(model)
    assert len(said) > 1
    assert 0 < done.completion_tokens <= 20
    assert done.prompt_tokens > 0
    assert done.first_token_seconds is not None
    assert not done.stopped
    assert "tiny" in model.name
    assert model.server == llama_server
    assert model.last == [*QUESTION, {"role": "assistant", "content": done.text}]
    assert generate(model)[0].text == done.text


def test_a_real_server_wants_its_key(llama_server: str) -> None:
    refused = problem_of(ServerModel(llama_server, key="wrong"))
    assert refused.code is Code.MODEL_SERVER_REFUSED
    assert refused.details["said"] == "401 Unauthorized"


def test_a_real_server_is_stopped_at_once(llama_server: str) -> None:
    model = ServerModel(llama_server, key="sesame", context=512)
    model.prepare()
    stop = threading.Event()
    said: list[str] = []
    at: list[float] = []

    def heard(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            at.append(time.monotonic())
            stop.set()

    done = model.generate(QUESTION, max_tokens=300, temperature=0.0, on_text=heard, cancelled=stop.is_set)
    assert done.stopped
    assert done.text.startswith("".join(said))
    assert done.completion_tokens < 250
    again, _ = generate(model)  # and it answers the next question
    assert again.text


def test_what_marks_a_turn_never_reaches_the_server() -> None:
    model = ServerModel("http://127.0.0.1:9/v1")
    for marker in (
        "<|im_end|>",
        "<|eot_id|>",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "</s>",
        "<end_of_turn>",
        "<｜User｜>",
        "<eos>",
    ):
        harmless = model.neutralise(f"before {marker} after")
        assert marker not in harmless
        assert harmless == f"before {marker[0]} {marker[1:]} after"
    nested = "<|im_<|im_end|>end|>"
    assert "<|im_end|>" not in model.neutralise(nested)
    for plain in ("a < b and c > d", "see [1], [A] and [Note]", "x<y", "<b>bold</b>", "f(x) = |x|"):
        assert model.neutralise(plain) == plain


def test_tokens_are_estimated_on_the_safe_side(llama_server: str) -> None:
    model = ServerModel(llama_server)
    for text in (
        "The deductible of the Aurora plan is $1,250 for each person. " * 20,
        "可扣除额为每人一千二百五十元。" * 20,
    ):
        estimated = model.count([{"role": "user", "content": text}])
        assert estimated >= len(text.encode()) / 3
    assert problem_of(ServerModel("http://127.0.0.1:9/v1", name="m", context=20)).code is Code.MODEL_SERVER_UNREACHABLE


def test_an_adapter_is_refused() -> None:
    model = ServerModel("http://127.0.0.1:9/v1")
    model.set_adapter(None)
    with pytest.raises(DocentError) as caught:
        model.set_adapter("/adapter.gguf")
    assert caught.value.code is Code.ADAPTER_NOT_ON_SERVER


# ---------------------------------------------------------------- servers that misbehave


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """Answers as the test says."""

    protocol_version = "HTTP/1.1"
    answers: Callable[[Misbehaving], None]
    asked: list[tuple[str, dict[str, Any]]]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append((self.path, {}))
        self.send(b'{"data": [{"id": "first", "max_model_len": 300}, {"id": "second"}]}', "application/json")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body))
        with contextlib.suppress(OSError):
            type(self).answers(self)

    def send(self, body: bytes, kind: str = "text/event-stream", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def begin(self, kind: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, content: object) -> None:
        self.wfile.write(b"data: " + json.dumps(content).encode() + b"\n\n")
        self.wfile.flush()


def piece(**delta: object) -> dict[str, object]:
    return {"choices": [{"delta": delta, "finish_reason": None}]}


END = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Misbehaving], None]], ServerModel]]:
    """Starts a server whose answers to questions are what the given function sends; a model that talks to it."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(answers: Callable[[Misbehaving], None], **how: Any) -> ServerModel:
        handler = type("Handler", (Misbehaving,), {"answers": staticmethod(answers), "asked": []})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        model = ServerModel(f"http://127.0.0.1:{server.server_port}/v1", **how)
        model.asked = handler.asked  # type: ignore[attr-defined]
        return model

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_answer_and_what_was_asked(serve: Any) -> None:
    def answers(to: Misbehaving) -> None:
        to.begin()
        to.wfile.write(b": still here\r\n\r\n")
        for text in ("Bl", "ü", "e"):
            to.event(piece(content=text))
        to.event(END)
        to.event({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}})
        to.wfile.write(b"data: [DONE]\n\n")

    model = serve(answers, key="k")
    done, said = generate(model)
    assert (done.text, said) == ("Blüe", ["Bl", "ü", "e"])
    assert (done.prompt_tokens, done.completion_tokens, done.cut) == (11, 3, False)
    assert (model.name, model.context) == ("first", 300)
    (listed, _), (path, body) = model.asked
    assert (listed, path) == ("/v1/models", "/v1/chat/completions")
    assert body["messages"] == QUESTION
    assert (body["model"], body["max_tokens"], body["temperature"], body["stream"]) == ("first", 16, 0.0, True)
    generate(model)
    assert [path for path, _ in model.asked].count("/v1/models") == 1


def test_a_stop_is_heard_between_two_pieces_of_a_server_that_sent_all_at_once(serve: Any) -> None:
    def answers(to: Misbehaving) -> None:
        events = [piece(content="Bl"), piece(content="ü"), piece(content="e"), END]
        to.send(b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events))

    stop = threading.Event()
    done = serve(answers).generate(
        QUESTION, max_tokens=16, temperature=0.0, on_text=lambda _: stop.set(), cancelled=stop.is_set
    )
    assert (done.text, done.stopped) == ("Bl", True)


def test_a_reasoning_models_notes_are_marked(serve: Any) -> None:
    def answers(to: Misbehaving) -> None:
        to.begin()
        for delta in ({"reasoning_content": "Hm"}, {"reasoning_content": "m."}, {"content": "Blue"}):
            to.event(piece(**delta))
        to.event(END)

    assert generate(serve(answers))[0].text == "<think>Hmm.</think>Blue"


def test_the_named_model_is_asked_for(serve: Any) -> None:
    def answers(to: Misbehaving) -> None:
        to.begin()
        to.event(END)

    model = serve(answers, name="third")
    generate(model)
    assert model.asked[-1][1]["model"] == "third"


def nothing(to: Misbehaving) -> None:
    to.close_connection = True


def html(to: Misbehaving) -> None:
    to.send(b"<html>Welcome</html>", "text/html")


def not_json(to: Misbehaving) -> None:
    to.send(b"data: {nonsense\n\n")


def deep(to: Misbehaving) -> None:
    to.send(b"data: " + b"[" * 100_000 + b"\n\n")


def a_list(to: Misbehaving) -> None:
    to.send(b"data: [1, 2]\n\n")


def strange(content: object) -> Callable[[Misbehaving], None]:
    return lambda to: to.send(b"data: " + json.dumps(content).encode() + b"\n\n")


def broken_off(to: Misbehaving) -> None:
    to.begin()
    to.event(piece(content="Bl"))


def endless_line(to: Misbehaving) -> None:
    to.begin()
    for _ in range(3_000):
        to.wfile.write(b"x" * 1000)


def raw_rubbish(to: Misbehaving) -> None:
    to.wfile.write(b"\x00\xff rubbish\r\n\r\n")
    to.close_connection = True


@pytest.mark.parametrize(
    "answers",
    [
        nothing,
        html,
        not_json,
        deep,
        a_list,
        broken_off,
        endless_line,
        raw_rubbish,
        strange({"choices": "none"}),
        strange({"choices": [7]}),
        strange({"choices": [{"delta": None}]}),
        strange({"choices": [{"delta": {"content": 5}}]}),
        strange({"choices": [{"delta": {"content": ["a"]}}]}),
        strange({"error": {"message": "The secret document said so"}}),
        strange({}),
    ],
)
@pytest.mark.timeout(30)
def test_nonsense_is_called_so(serve: Any, answers: Callable[[Misbehaving], None]) -> None:
    said = problem_of(serve(answers))
    assert said.code is Code.MODEL_SERVER_MISSPOKE
    assert "secret" not in str(said)


@pytest.mark.parametrize(
    ("status", "said"),
    [(400, "400 Bad Request"), (404, "404 Not Found"), (500, "500 Internal Server Error"), (799, "799")],
)
def test_a_refusal_names_the_status_and_nothing_that_the_server_wrote(serve: Any, status: int, said: str) -> None:
    refused = problem_of(serve(lambda to: to.send(b"Name a colour. is bad", "text/plain", status)))
    assert (refused.code, refused.details["said"]) == (Code.MODEL_SERVER_REFUSED, said)


def test_nobody_is_followed_elsewhere(serve: Any) -> None:
    def elsewhere(to: Misbehaving) -> None:
        pytest.fail("the question was taken elsewhere")

    other = serve(elsewhere)
    refused = problem_of(serve(lambda to: to.send(b"", "text/plain", 307, Location=f"{other.server}/chat/completions")))
    assert refused.details["said"] == "307 Temporary Redirect"
    assert other.asked == []


def test_a_server_that_never_ends_is_cut(serve: Any) -> None:
    def answers(to: Misbehaving) -> None:
        to.begin()
        while True:
            to.event(piece(content="word "))

    done, _ = generate(serve(answers), max_tokens=20)
    assert done.cut
    assert len(done.text) < 2_000


def test_a_line_without_an_end_is_not_kept(serve: Any) -> None:
    assert problem_of(serve(endless_line)).details["said"] == "a line without an end"


def test_half_characters_do_no_harm(serve: Any) -> None:
    done, _ = generate(serve(lambda to: (to.begin(), to.event(piece(content="a\ud800b")), to.event(END))))
    assert done.text == "a?b"


def test_a_server_that_is_down_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    down = problem_of(ServerModel(f"http://someone:secret@127.0.0.1:{port}/v1"))
    assert (down.code, down.details["address"]) == (Code.MODEL_SERVER_UNREACHABLE, f"http://127.0.0.1:{port}/v1")
    for address in ("http://nowhere.invalid/v1", "http://[::1/v1", "http://x:99999/v1"):
        assert problem_of(ServerModel(address)).code is Code.MODEL_SERVER_UNREACHABLE


def silent_at_first(to: Misbehaving) -> None:
    time.sleep(3)


def silent_in_between(to: Misbehaving) -> None:
    to.begin()
    to.event(piece(content="Bl"))
    time.sleep(3)


@pytest.mark.parametrize("answers", [silent_at_first, silent_in_between])
def test_a_slow_server_is_waited_for_only_so_long(
    serve: Any, answers: Callable[[Misbehaving], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FIRST_SECONDS", "PIECE_SECONDS"):
        monkeypatch.setattr(server_model, name, 0.5)
    assert problem_of(serve(answers)).code is Code.MODEL_SERVER_SLOW


@pytest.mark.parametrize("answers", [silent_at_first, silent_in_between])
def test_a_slow_server_does_not_keep_anyone_who_stops(serve: Any, answers: Callable[[Misbehaving], None]) -> None:
    model = serve(answers)
    model.prepare()
    began = time.monotonic()
    done, _ = generate(model, cancelled=lambda: time.monotonic() - began > 0.5)
    assert done.stopped
    assert time.monotonic() - began < 2  # it would be three seconds; how much less is measured in benchmarks/stop.py
    assert done.text == ("Bl" if answers is silent_in_between else "")
