"""The vectors: a real Chroma store that forgets nothing, and can be thrown away."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_app.errors import Code, DocentError
from assistant_app.library.vectors import MOST_RECORDS, Vectors

SMALL = 8


@pytest.fixture
def vectors(tmp_path: Path) -> Iterator[Vectors]:
    opened = Vectors(tmp_path / "chroma")
    yield opened
    opened.close()


def units(count: int, dimensions: int = SMALL, seed: int = 0) -> NDArray[np.float32]:
    found = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_the_nearest_is_found_with_its_cosine(vectors: Vectors) -> None:
    stored = units(50)
    vectors.put(1, range(1, 51), stored)
    wanted = units(1, seed=1)[0]
    cosines = stored @ wanted
    best = np.argsort(-cosines)[:5]
    found = vectors.nearest(wanted, 5)
    assert [number for number, _ in found] == [int(place) + 1 for place in best]
    assert [cosine for _, cosine in found] == pytest.approx(cosines[best].tolist(), abs=1e-5)


def test_an_empty_store_finds_nothing(vectors: Vectors) -> None:
    assert vectors.nearest(units(1)[0], 5) == []
    assert vectors.nearest(units(1)[0], 5, [1]) == []
    assert vectors.count() == 0
    assert vectors.missing([1, 2]) == [1, 2]
    assert vectors.missing([]) == []
    vectors.remove([1])
    vectors.remove([])
    vectors.remove_all_but([1])
    vectors.put(1, [], units(0))
    assert vectors.count() == 0


def test_putting_again_replaces(vectors: Vectors) -> None:
    stored = units(2)
    vectors.put(1, [1], stored[:1])
    vectors.put(2, [1], stored[1:])
    assert vectors.count() == 1
    assert vectors.nearest(stored[1], 9, [2]) == [(1, pytest.approx(1, abs=1e-5))]
    assert vectors.nearest(stored[1], 9, [1]) == []


def test_only_the_given_documents_are_searched(vectors: Vectors) -> None:
    stored = units(300)
    for document in range(3):
        vectors.put(document, range(document * 100, document * 100 + 100), stored[document * 100 :][:100])
    assert {number // 100 for number, _ in vectors.nearest(stored[0], 80, [1])} == {1}
    assert {number // 100 for number, _ in vectors.nearest(stored[0], 300, [1, 2])} == {1, 2}
    assert len(vectors.nearest(stored[0], 300, [1, 2])) == 200
    assert vectors.nearest(stored[0], 80, []) == []
    assert vectors.nearest(stored[0], 80, [99]) == []


def test_a_filter_of_any_number_of_documents(vectors: Vectors) -> None:
    """Chroma refuses more than some 16,000 values in one filter."""
    stored = units(4)
    for place, document in enumerate((1, 6_000, 19_000, 70_000)):
        vectors.put(document, [place], stored[place : place + 1])
    found = vectors.nearest(stored[2], 3, range(1, 60_000))
    assert found[0][0] == 2
    assert sorted(number for number, _ in found) == [0, 1, 2]
    assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)


def test_more_records_than_chroma_takes_at_once(vectors: Vectors) -> None:
    count = MOST_RECORDS + 600
    stored = units(count)
    vectors.put(1, range(count), stored)
    vectors.put(2, [count], units(1, seed=5))
    assert vectors.count() == count + 1
    assert vectors.missing(range(count + 3)) == [count + 1, count + 2]
    assert vectors.nearest(stored[count - 1], 1)[0][0] == count - 1
    assert vectors.nearest(stored[0], 80, [2])[0][0] == count
    vectors.remove_all_but(range(100, count + 1))
    assert vectors.count() == count - 99
    assert vectors.missing(range(102)) == list(range(100))
    vectors.remove(range(100, count))
    assert vectors.count() == 1


def test_what_was_removed_is_not_found(vectors: Vectors) -> None:
    stored = units(10)
    vectors.put(1, range(10), stored)
    vectors.remove([3, 77])
    assert vectors.missing(range(10)) == [3]
    assert 3 not in {number for number, _ in vectors.nearest(stored[3], 10)}


def test_clearing_forgets_everything_and_goes_on(vectors: Vectors) -> None:
    vectors.put(1, range(10), units(10))
    vectors.clear()
    assert vectors.count() == 0
    vectors.put(1, [1], units(1))
    assert vectors.count() == 1


def test_closing_and_opening_again(vectors: Vectors, tmp_path: Path) -> None:
    stored = units(10)
    vectors.put(1, range(10), stored)
    vectors.close()
    vectors.close()
    assert vectors.nearest(stored[4], 1)[0][0] == 4
    vectors.close()
    again = Vectors(tmp_path / "chroma")
    assert again.count() == 10
    again.close()


def test_a_folder_that_was_deleted_is_an_empty_store(vectors: Vectors, tmp_path: Path) -> None:
    vectors.put(1, range(10), units(10))
    vectors.close()
    shutil.rmtree(tmp_path / "chroma")
    assert vectors.count() == 0
    vectors.put(1, [1], units(1))
    assert vectors.count() == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_damaged_store_says_so_and_can_be_cleared(vectors: Vectors, tmp_path: Path, times: int) -> None:
    vectors.put(1, range(10), units(10))
    vectors.close()
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"noise" * 1000)
    for _ in range(times):
        with pytest.raises(DocentError) as caught:
            vectors.count()
        assert caught.value.code is Code.LIBRARY_DAMAGED
    vectors.clear()
    assert vectors.count() == 0
    vectors.put(1, [1], units(1))
    assert vectors.count() == 1


def test_threads_may_share_it(vectors: Vectors) -> None:
    stored = units(400)
    problems: list[BaseException] = []

    def work(own: int) -> None:
        try:
            for first in range(0, 100, 20):
                ids = range(own * 100 + first, own * 100 + first + 20)
                vectors.put(own, ids, stored[ids.start : ids.stop])
                assert vectors.nearest(stored[ids.start], 1, [own])[0][0] == ids.start
        except BaseException as problem:  # told in the main thread
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert vectors.missing(range(400)) == []
