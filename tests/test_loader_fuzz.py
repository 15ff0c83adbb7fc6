"""A short run of tests/loader_fuzz.py, whose long runs are for builds with AddressSanitizer."""

from __future__ import annotations

import loader_fuzz
import pytest


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> loader_fuzz.Fuzzer:
    return loader_fuzz.Fuzzer(tmp_path_factory.mktemp("fuzz"), seed=7)


def test_valid_files_load_so_that_changes_start_from_something(fuzzer: loader_fuzz.Fuzzer) -> None:
    for name, raw in fuzzer.files.items():
        path = fuzzer.folder / "valid"
        path.unlink(missing_ok=True)
        path.write_bytes(raw)
        loader_fuzz.load(name, path, fuzzer.folder / f"other-{fuzzer.others.get(name, name)}")
    path = fuzzer.folder / "mapped"
    path.write_bytes(fuzzer.files["fastw2v"])
    assert loader_fuzz.load_mapped(path).index_to_key == loader_fuzz.small_vectors().index_to_key


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_changed_files_give_vectors_or_a_value_error(fuzzer: loader_fuzz.Fuzzer) -> None:
    fuzzer.run(100 * len(fuzzer.names))
    for name in fuzzer.names:
        assert fuzzer.outcomes[name, "ValueError"] > 0
    assert {outcome for _, outcome in fuzzer.outcomes} == {"ValueError", "vectors"}
