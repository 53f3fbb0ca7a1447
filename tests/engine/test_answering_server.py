"""A server of the person's own answers in place of the model: off by default, marked, and with a key for it alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.protocol import messages
from assistant_app.protocol.messages import Ask
from tests import ggufs
from tests.llama_server import llama_server

pytestmark = pytest.mark.models

DEDUCTIBLE = "What is the deductible of the Aurora plan?"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    model = ggufs.tiny_model(folder / "tiny.gguf", context=4096)
    with llama_server(model, folder, key="sesame", context=4096) as served:
        yield served


@pytest.fixture
def shelf() -> Iterator[dict[tuple[str, str], str]]:
    """What the system's keyring holds: one of this test, because the real one belongs to the person who runs it."""
    import keyring
    from keyring.backend import KeyringBackend

    held: dict[tuple[str, str], str] = {}

    class Shelf(KeyringBackend):  # type: ignore[misc]  # keyring has no types
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            held[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del held[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(Shelf())
    yield held
    keyring.set_keyring(before)


@pytest.fixture
def serving(service: Service, address: str, shelf: dict[tuple[str, str], str]) -> Iterator[Service]:
    service.change_settings({"model.server": address, "answer.max_tokens": 16})
    service.keep_server_key("sesame")
    yield service
    service.change_settings({"model.server": "", "model.server_model": "", "answer.max_tokens": 400})


def test_an_answer_of_a_server_is_marked(serving: Service, address: str) -> None:
    events: list[messages.Event] = []
    answered = serving.talk.ask(Ask(question=DEDUCTIBLE, conversation=0), events.append, lambda: False)
    assert answered.answer.server == address
    assert "tiny" in answered.answer.model
    assert answered.answer.adapter is None
    assert answered.answer.tokens.prompt > 50
    assert any(isinstance(event, messages.SourcesFound) for event in events)
    assert answered.turn is not None
    kept = serving.conversations.inspection(answered.turn.id)
    assert kept.budget is not None
    assert kept.budget.context == 4096
    assert "1,250" in kept.prompt
    assert "sesame" not in kept.prompt


def test_a_whole_document_is_read_by_the_server(serving: Service, address: str, plan: Path) -> None:
    request = messages.ReadWhole(paths=[str(plan)])
    answered = serving.talk.read_whole(request, lambda event: None, lambda: False)
    assert answered.answer.server == address
    assert answered.answer.citations  # what the tiny model writes is nonsense: the document speaks itself
    assert all(citation.verified for citation in answered.answer.citations)


def test_the_key_is_for_one_address_and_can_be_forgotten(
    serving: Service, address: str, shelf: dict[tuple[str, str], str]
) -> None:
    assert list(shelf.values()) == ["sesame"]
    assert all(address not in name for _, name in shelf)
    assert "sesame" not in serving.paths.settings.read_text()
    assert b"sesame" not in serving.paths.catalog.read_bytes()
    serving.change_settings({"model.server": "http://127.0.0.1:9/v1"})
    assert serving.passwords.get(serving.server_entry()) is None
    with pytest.raises(DocentError) as caught:
        serving.ask(DEDUCTIBLE)
    assert caught.value.code is Code.MODEL_SERVER_UNREACHABLE
    serving.change_settings({"model.server": address})
    serving.keep_server_key("")
    assert shelf == {}
    with pytest.raises(DocentError) as caught:
        serving.ask(DEDUCTIBLE)
    assert caught.value.code is Code.MODEL_SERVER_REFUSED


def test_an_adapter_is_refused_where_it_is_asked_for(serving: Service, tmp_path: Path) -> None:
    adapter = tmp_path / "any.gguf"
    adapter.write_bytes(b"GGUF")
    with pytest.raises(DocentError) as caught:
        serving.ask(DEDUCTIBLE, adapter=str(adapter))
    assert caught.value.code is Code.ADAPTER_NOT_ON_SERVER


def test_a_model_that_is_named_for_one_question_answers_itself(serving: Service) -> None:
    answer = serving.ask(DEDUCTIBLE, model="starter").answer
    assert answer.server == ""
    assert "SmolLM2" in answer.model


def test_without_a_keyring_the_key_is_used_until_docent_ends(service: Service) -> None:
    import keyring
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    service.change_settings({"model.server": "http://127.0.0.1:9/v1"})
    try:
        with pytest.raises(DocentError) as caught:
            service.keep_server_key("sesame")
        assert caught.value.code is Code.SERVER_KEY_NOT_KEPT
        assert service.passwords.get(service.server_entry()) == "sesame"
    finally:
        service.change_settings({"model.server": ""})
        keyring.set_keyring(before)
