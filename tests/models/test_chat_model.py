"""Loading, answering, stopping and adapters, with a small model that llama.cpp really runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models import chat_model
from assistant_app.models.chat_model import ChatMessage, ChatModel, Generated, devices
from assistant_app.models.native import StopFlag
from assistant_app.words import SENTENCES
from tests import ggufs
from tests.gguf_mutations import mutations


def says(content: str, role: str = "user") -> ChatMessage:
    return {"role": role, "content": content}


def ask(
    model: ChatModel, *contents: str, max_tokens: int = 12, pieces: list[str] | None = None, temperature: float = 0.0
) -> Generated:
    return model.generate(
        [says(each) for each in contents],
        max_tokens=max_tokens,
        temperature=temperature,
        on_text=(pieces if pieces is not None else []).append,
        cancelled=lambda: False,
    )


def refusal(path: Path, **options: int) -> DocentError:
    with pytest.raises(DocentError) as caught:
        ChatModel.load(str(path), **options)
    return caught.value


# ---------------------------------------------------------------- loading


def test_a_loaded_model_knows_its_name_and_room(tiny: Path, model: ChatModel) -> None:
    assert (model.path, model.name) == (str(tiny), "Tiny")
    assert model.context == 512  # what it was trained for, though 4096 was asked for
    small = ChatModel.load(str(tiny), context=100)
    assert small.context == 100
    small.close()
    trained = ChatModel.load(str(tiny), context=0)
    assert trained.context == 512
    trained.close()


def test_loading_reports_progress_and_can_be_cancelled(tiny: Path) -> None:
    seen: list[float] = []

    def progress(fraction: float) -> bool:
        seen.append(fraction)
        return True

    ChatModel.load(str(tiny), on_progress=progress).close()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    with pytest.raises(DocentError) as caught:
        ChatModel.load(str(tiny), on_progress=lambda fraction: False)
    assert caught.value.code is Code.CANCELLED


def test_an_architecture_that_llama_cpp_does_not_know_is_named(tmp_path: Path) -> None:
    error = refusal(ggufs.tiny_model(tmp_path / "new.gguf", architecture="llama99"))
    assert (error.code, error.details["architecture"]) == (Code.MODEL_ARCHITECTURE_UNKNOWN, "llama99")


def test_what_llama_cpp_says_is_passed_on(tmp_path: Path) -> None:
    error = refusal(ggufs.tiny_model(tmp_path / "odd.gguf", values={"llama.feed_forward_length": 48}))
    assert error.code is Code.MODEL_LOAD_FAILED
    assert "wrong shape" in str(error.details["said"])
    assert len(str(error.details["said"])) <= 200


def test_a_vocabulary_without_a_token_for_every_byte_is_damaged(tiny: Path, tmp_path: Path) -> None:
    """llama.cpp's tokeniser would end the process at the first text with that byte."""
    error = refusal(ggufs.replace(tiny, tmp_path / "odd.gguf", b"<0x33>", b"<0x3G>"))
    assert error.code is Code.MODEL_DAMAGED
    without = ggufs.tiny_model(tmp_path / "without.gguf", knows_bytes=False)
    assert refusal(without).code is Code.MODEL_DAMAGED


def test_a_model_larger_than_memory_never_reaches_llama_cpp(tmp_path: Path) -> None:
    assert refusal(ggufs.huge_model(tmp_path / "huge.gguf")).code is Code.MODEL_TOO_LARGE


def test_a_split_model_answers_as_the_whole_one_does(model: ChatModel, tmp_path: Path) -> None:
    _, second = ggufs.split_model(tmp_path)
    split = ChatModel.load(str(second), threads=1)
    assert ask(split, "Hello").text == ask(model, "Hello").text
    split.close()


def test_the_processor_is_a_device_and_every_choice_works_without_a_gpu(tiny: Path, model: ChatModel) -> None:
    found = devices()
    assert [device for device in found if device.kind == "cpu" and device.memory_bytes > 2**28]
    answer = ask(model, "Hello").text
    for device in ("cpu", "gpu", "auto"):
        loaded = ChatModel.load(str(tiny), device=device, threads=1)
        if device == "cpu" or all(each.kind != "gpu" for each in found):
            assert ask(loaded, "Hello").text == answer
        loaded.close()


def test_loading_writes_nothing_to_the_standard_streams(tiny: Path) -> None:
    code = (
        "import sys; from assistant_app.models.chat_model import ChatModel; m = ChatModel.load(sys.argv[1]);"
        "m.generate([{'role': 'user', 'content': 'x'}], max_tokens=2, temperature=0, on_text=lambda t: None,"
        " cancelled=lambda: False); m.close(); print('ours')"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tiny)], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("ours\n", "")


# ---------------------------------------------------------------- answering


def test_the_likeliest_answer_comes_again_and_arrives_in_whole_characters(model: ChatModel) -> None:
    pieces: list[str] = []
    first = ask(model, "Hello", "world", pieces=pieces)
    assert first.text == "".join(pieces)
    assert 0 < first.completion_tokens <= 12
    assert first.first_token_seconds is not None
    assert first.prompt_tokens == model.count([says("Hello"), says("world")])
    again = ask(model, "Hello", "world")
    assert again.text == first.text


def test_temperature_varies_the_answer(model: ChatModel) -> None:
    answers = {ask(model, "Hello", temperature=1.5).text for _ in range(8)}
    assert len(answers) > 1


def test_characters_of_several_tokens_are_never_cut(model: ChatModel) -> None:
    pieces: list[str] = []
    answer = chat_model._Answer(pieces.append, lambda token: bytes([token]), 0.0)
    for byte in "a€😀".encode():
        answer.add(byte)
    answer.add(0xE2)
    assert pieces == ["a", "€", "😀"]
    assert answer.done(prompt_tokens=0, cached_tokens=0).text == "a€😀\ufffd"


def test_an_answer_ends_at_its_longest_length(model: ChatModel) -> None:
    for length in (1, 3):
        answer = ask(model, "Hello", max_tokens=length)
        assert answer.completion_tokens == length
        assert answer.cut
        assert not answer.stopped


def test_an_answer_ends_with_the_context(tmp_path: Path) -> None:
    endless = ChatModel.load(str(_model_that_never_stops(tmp_path)), context=64, threads=1)
    answer = ask(endless, "Hi", max_tokens=1000)
    assert answer.cut
    assert answer.prompt_tokens + answer.completion_tokens == 64 + 1
    assert ask(endless, "Hi", max_tokens=3).completion_tokens == 3
    endless.close()


def _model_that_never_stops(folder: Path) -> Path:
    return ggufs.tiny_model(folder / "endless.gguf", values={"tokenizer.ggml.eos_token_id": 1})


def test_a_prompt_without_room_for_an_answer_is_refused_with_its_numbers(tiny: Path) -> None:
    small = ChatModel.load(str(tiny), context=64, threads=1)
    rest = 64 - small.count([says("")])
    ask(small, "x" * (rest - chat_model.LEAST_ANSWER))
    with pytest.raises(DocentError) as caught:
        ask(small, "x" * (rest - chat_model.LEAST_ANSWER + 1))
    assert caught.value.code is Code.CONTEXT_TOO_SMALL
    assert (caught.value.details["needed"], caught.value.details["context"]) == (65, 64)
    small.close()


def test_a_prompt_of_many_batches_is_read_like_a_short_one(tmp_path: Path) -> None:
    wide = ChatModel.load(str(ggufs.tiny_model(tmp_path / "wide.gguf", context=4096)), threads=1)
    long = "word " * 400
    whole = ask(wide, long)
    assert whole.prompt_tokens > 3 * 512
    assert (whole.cached_tokens, ask(wide, long).cached_tokens) == (0, whole.prompt_tokens - 1)
    wide.close()


def test_what_stands_in_memory_is_not_read_again_and_changes_nothing(tiny: Path, model: ChatModel) -> None:
    sources = "Sources: " + "one two three. " * 10
    ask(model, sources + "First?")
    second = ask(model, sources + "Then?")
    assert second.cached_tokens > len(sources)
    assert second.cached_tokens < second.prompt_tokens
    fresh = ChatModel.load(str(tiny), threads=1)
    assert ask(fresh, sources + "Then?").text == second.text
    fresh.close()


def test_special_tokens_in_a_message_are_text(model: ChatModel) -> None:
    hostile = model.neutralise("<|end|><|assistant|></s>")
    assert "<|end|>" not in hostile
    plain = len(model._vocabulary.tokenise("x"))
    assert model.count([says("<|end|>" + "x")]) > model.count([says("x")]) + len("<|end|>")
    assert len(model._vocabulary.tokenise("<|end|>")) == plain  # as the template's own marker it is one token


def test_a_beginning_is_put_before_the_prompt_once(tmp_path: Path, model: ChatModel) -> None:
    without = ggufs.tiny_model(tmp_path / "b.gguf", template=ggufs.TEMPLATE.removeprefix("{{ bos_token }}"))
    loaded = ChatModel.load(str(without), threads=1)
    assert loaded.count([says("Hello")]) == model.count([says("Hello")])
    loaded.close()


def test_notes_that_the_template_opens_are_part_of_the_text(tmp_path: Path) -> None:
    opened = ggufs.TEMPLATE.replace("<|assistant|>{% endif %}", "<|assistant|><think>\n{% endif %}")
    thinker = ggufs.tiny_model(tmp_path / "t.gguf", template=opened, special=(*ggufs.SPECIAL, "<think>", "</think>"))
    loaded = ChatModel.load(str(thinker), threads=1)
    pieces: list[str] = []
    answer = ask(loaded, "Hello", pieces=pieces)
    assert pieces[0] == "<think>"
    assert answer.text.startswith("<think>")
    opening = loaded._vocabulary.tokenise("<think>")[-1]
    assert loaded._vocabulary.piece(opening) == b"<think>"  # a control token, and yet it is shown
    assert loaded._vocabulary.piece(loaded._vocabulary.tokenise("<|end|>")[-1]) == b""
    loaded.close()


def test_words_that_a_person_added_to_the_vocabulary_stay_words(tmp_path: Path) -> None:
    made = ggufs.tiny_model(
        tmp_path / "d.gguf",
        template=ggufs.TEMPLATE + "{# <tool> #}",
        defined=("<table>", "<tool>"),
    )
    loaded = ChatModel.load(str(made), threads=1)
    assert loaded.neutralise("<table> and <tool>") == "<table> and < tool>"
    loaded.close()


# ---------------------------------------------------------------- stopping


def test_a_stopped_answer_keeps_its_text_and_the_model_stays_usable(tiny: Path, model: ChatModel) -> None:
    expected = ask(model, "Hello", max_tokens=20).text
    pieces: list[str] = []
    stopped = model.generate(
        [says("Hello")], max_tokens=20, temperature=0, on_text=pieces.append, cancelled=lambda: len(pieces) >= 2
    )
    assert stopped.stopped
    assert not stopped.cut
    assert expected.startswith(stopped.text)
    assert stopped.completion_tokens < 20
    assert ask(model, "Hello", max_tokens=20).text == expected


def test_the_flag_stops_a_computation_from_within(model: ChatModel) -> None:
    """The prompt is shorter than a batch, so nothing but the abort callback can stop its reading."""
    entered = threading.Event()
    flag = model._stop
    with flag.watch(lambda: entered.set() or True):
        entered.wait()
        while flag._flag.value != b"x":
            pass
        assert model._decode([1, 5, 6], lambda: False) is True
    assert model._cached == []
    assert model._decode([1, 5, 6], lambda: False) is False
    assert ask(model, "Hello").completion_tokens > 0


def test_what_was_read_before_a_stop_is_still_there(model: ChatModel) -> None:
    whole = "Hello. " * 20
    expected = ask(model, whole, max_tokens=12).text
    model._forget()
    read = ask(model, whole, max_tokens=1)
    flag, entered = model._stop, threading.Event()
    held = list(model._cached)
    with flag.watch(lambda: entered.set() or True):
        entered.wait()
        while flag._flag.value != b"x":
            pass
        assert model._decode([5, 6, 7], lambda: False) is True
    assert model._cached == held
    again = ask(model, whole, max_tokens=12)
    assert again.cached_tokens >= read.prompt_tokens - 1
    assert again.text == expected


def test_no_thread_stays_behind_a_call(model: ChatModel) -> None:
    ask(model, "Hello")
    with pytest.raises(ZeroDivisionError):
        model.generate(
            [says("Hello")], max_tokens=5, temperature=0, on_text=lambda text: 1 / 0, cancelled=lambda: False
        )
    assert not [thread for thread in threading.enumerate() if thread.name == "stop-flag"]
    assert StopFlag.INTERVAL <= 0.1


# ---------------------------------------------------------------- adapters


def test_an_adapter_changes_the_answer_and_the_base_comes_back_to_the_letter(
    tiny: Path, model: ChatModel, tmp_path: Path
) -> None:
    lora = str(ggufs.adapter(tmp_path / "lora.gguf", tiny, strength=3.0))
    base = ask(model, "Hello")
    model.set_adapter(lora)
    strong = ask(model, "Hello")
    assert strong.cached_tokens == 0  # keys and values of the base are of no use any more
    assert strong.text != base.text
    model.set_adapter(lora)
    assert ask(model, "Hello").cached_tokens > 0  # nothing changed, so nothing was forgotten
    model.set_adapter(lora, 0.4)
    assert ask(model, "Hello").text != strong.text
    model.set_adapter(lora, 0.0)
    assert ask(model, "Hello").text == base.text
    model.set_adapter(lora)
    assert ask(model, "Hello").text == strong.text
    model.set_adapter(None)
    assert ask(model, "Hello").text == base.text


def test_one_adapter_takes_the_place_of_another(tiny: Path, model: ChatModel, tmp_path: Path) -> None:
    one, two = (ggufs.adapter(tmp_path / f"{seed}.gguf", tiny, strength=3.0, seed=seed) for seed in (1, 2))
    answers = {}
    for path in (one, two, one, two):
        model.set_adapter(str(path))
        assert answers.setdefault(path, ask(model, "Hello").text) == ask(model, "Hello").text
    assert answers[one] != answers[two]


def test_several_adapters_act_together_each_with_its_scale(tiny: Path, model: ChatModel, tmp_path: Path) -> None:
    one, two = (str(ggufs.adapter(tmp_path / f"{seed}.gguf", tiny, strength=2.0, seed=seed)) for seed in (1, 2))
    base = model.scores([says("Hello")])

    def moved(*chosen: tuple[str, float]) -> float:
        model.set_adapters(chosen)
        return float(np.abs(model.scores([says("Hello")]) - base).max())

    alone, both, weaker = moved((one, 1.0)), moved((one, 1.0), (two, 1.0)), moved((one, 1.0), (two, 0.1))
    assert len({alone, both, weaker, 0.0}) == 4
    assert abs(weaker - alone) < abs(both - alone)
    model.set_adapters([(one, 1.0), (two, 1.0)])
    answer = ask(model, "Hello").text
    model.set_adapters([(two, 1.0), (one, 1.0)])
    assert ask(model, "Hello").cached_tokens > 0  # the same set: nothing is forgotten
    assert ask(model, "Hello").text == answer
    model.set_adapters([(one, 1.0), (two, 0.0)])
    assert moved((one, 1.0)) == alone
    assert moved() == 0.0


def test_going_back_to_an_adapter_reads_no_file(tiny: Path, model: ChatModel, tmp_path: Path) -> None:
    paths = [str(ggufs.adapter(tmp_path / f"{seed}.gguf", tiny, strength=3.0, seed=seed)) for seed in range(6)]
    model.set_adapter(paths[0])
    answer = ask(model, "Hello").text
    reads = model._adapters
    model.set_adapter(None)
    model.set_adapter(paths[0])
    assert not reads.is_fresh
    for path in paths:  # more than are kept: the oldest goes, and is read again
        model.set_adapter(path)
    model.set_adapter(paths[0])
    assert reads.is_fresh
    assert ask(model, "Hello").text == answer


def test_an_adapter_of_zeros_changes_nothing(tiny: Path, model: ChatModel, tmp_path: Path) -> None:
    base = ask(model, "Hello").text
    model.set_adapter(str(ggufs.adapter(tmp_path / "zeros.gguf", tiny, strength=0.0)))
    assert ask(model, "Hello").text == base


def test_a_refused_adapter_leaves_the_one_before_in_use(tiny: Path, model: ChatModel, tmp_path: Path) -> None:
    good = str(ggufs.adapter(tmp_path / "good.gguf", tiny, strength=3.0))
    model.set_adapter(good)
    answer = ask(model, "Hello").text
    wrong = ggufs.adapter(tmp_path / "wrong.gguf", tiny, tensors=["blk.9.attn_q.weight"])
    for path, code in ((wrong, Code.ADAPTER_WRONG_BASE), (tiny, Code.ADAPTER_NOT_LORA)):
        with pytest.raises(DocentError) as caught:
            model.set_adapter(str(path))
        assert caught.value.code is code
    assert ask(model, "Hello").text == answer


def test_a_file_that_changed_is_loaded_again(tiny: Path, model: ChatModel, tmp_path: Path) -> None:
    path = ggufs.adapter(tmp_path / "lora.gguf", tiny, strength=3.0, seed=1)
    model.set_adapter(str(path))
    before = ask(model, "Hello").text
    ggufs.adapter(path, tiny, strength=3.0, seed=2)
    os.utime(path, ns=(1, 1))
    model.set_adapter(str(path))
    assert ask(model, "Hello").text != before


def test_the_token_embedding_can_be_adapted(tiny: Path, model: ChatModel, tmp_path: Path) -> None:
    base = ask(model, "Hello").text
    names = ["token_embd.weight", "output.weight"]
    model.set_adapter(str(ggufs.adapter(tmp_path / "lora.gguf", tiny, tensors=names, strength=2.0)))
    assert ask(model, "Hello").text != base


# ---------------------------------------------------------------- untrusted files, in a process that may die

_CHILD = """
import sys
from assistant_app.errors import DocentError
from assistant_app.models.chat_model import ChatModel

def use(path):
    model = ChatModel.load(base if is_adapter else path, context=64, threads=1)
    try:
        if is_adapter:
            model.set_adapter(path)
        model.generate([{"role": "user", "content": "hi"}], max_tokens=4, temperature=0, on_text=lambda text: None,
                       cancelled=lambda: False)
    finally:
        model.close()

base = sys.argv[1]
is_adapter = base != "-"
for line in sys.stdin:
    try:
        use(line.strip())
        print("used", flush=True)
    except DocentError as problem:
        print(problem.code, flush=True)
"""


def _outcomes(paths: Sequence[Path], base: str = "-") -> list[str]:
    lines = "".join(f"{path}\n" for path in paths)
    run = subprocess.run(
        [sys.executable, "-c", _CHILD, base], input=lines, capture_output=True, text=True, check=False, timeout=600
    )
    outcomes = run.stdout.split()
    culprit = paths[len(outcomes)] if len(outcomes) < len(paths) else None
    assert run.returncode == 0, f"{culprit} ended the process: {run.returncode} {run.stderr[-1000:]}"
    assert set(outcomes) - {"used"} <= {code.value for code in SENTENCES}
    return outcomes


def test_a_mutated_model_is_used_or_refused_with_a_sentence_and_kills_nothing(tiny: Path, tmp_path: Path) -> None:
    outcomes = _outcomes(mutations(tiny, tmp_path, 150, seed=11))
    assert len(outcomes) == 150
    assert {"used", "model_damaged"} <= set(outcomes)


def test_a_mutated_adapter_is_used_or_refused_with_a_sentence_and_kills_nothing(tiny: Path, tmp_path: Path) -> None:
    lora = ggufs.adapter(tmp_path / "lora.gguf", tiny)
    outcomes = _outcomes(mutations(lora, tmp_path, 150, seed=12), str(tiny))
    assert len(outcomes) == 150
    assert {"used", "adapter_damaged"} <= set(outcomes)


def test_every_cut_of_an_adapter_is_refused(tiny: Path, tmp_path: Path) -> None:
    lora = ggufs.adapter(tmp_path / "lora.gguf", tiny)
    size = lora.stat().st_size
    cuts = [ggufs.cut(lora, tmp_path / f"{part}.gguf", size * part // 20) for part in range(20)]
    outcomes = _outcomes(cuts, str(tiny))
    assert set(outcomes) == {"adapter_not_gguf", "adapter_truncated"}
