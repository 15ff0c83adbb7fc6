"""The command line: what each command prints, and one line and a status for everything that can go wrong."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from shlex import split

import numpy as np
import pytest
from scipy.stats import spearmanr

import fastw2v
from fastw2v import KeyedVectors, Word2Vec, cli, cli_options, planted
from fastw2v.cli import main
from fastw2v.losses import LOSSES

WORDS = ["paris", "france", "rome", "italy", "été", "oxen", "zebra"]
WITHOUT_NOISE = ["--size", "8", "--epochs", "1", "--min-count", "2", "--threads", "1"]
FAST = [*WITHOUT_NOISE, "--negative", "2"]


@pytest.fixture
def wv() -> KeyedVectors:
    """Seven words in a plane and a bit; rome - italy = paris - france, nearly."""
    vectors = [
        [1, 0.1, 0],
        [1, 1, 0],
        [0.9, 0.1, 0.5],
        [0.9, 1, 0.5],
        [-1, 0, 0.2],
        [-1, 0.1, 0.3],
        [0, -1, 0],
    ]
    return KeyedVectors.from_arrays(WORDS, np.array(vectors, np.float32), np.arange(7, 0, -1))


@pytest.fixture(params=[".bin", ".txt", ".vec", ".safetensors"])
def vectors_file(request: pytest.FixtureRequest, wv: KeyedVectors, tmp_path: Path) -> Path:
    path = tmp_path / f"vectors{request.param}"
    save(wv, path)
    return path


@pytest.fixture
def bin_file(wv: KeyedVectors, tmp_path: Path) -> str:
    save(wv, tmp_path / "vectors.bin")
    return str(tmp_path / "vectors.bin")


@pytest.fixture
def raw_file(wv: KeyedVectors, tmp_path: Path) -> str:
    """Vectors of words of which one is not UTF-8."""
    words = ["raw\udcff" if word == "oxen" else word for word in WORDS]
    KeyedVectors.from_arrays(words, wv.vectors).save(tmp_path / "raw.safetensors")
    return str(tmp_path / "raw.safetensors")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    planted.write_corpus(path, 2000)
    return str(path)


def save(wv: KeyedVectors, path: Path) -> None:
    if path.suffix == ".safetensors":
        wv.save(path)
    else:
        wv.save_word2vec_format(path, binary=path.suffix == ".bin")


def load(path: Path) -> KeyedVectors:
    if path.suffix == ".safetensors":
        return KeyedVectors.load(path)
    return KeyedVectors.load_word2vec_format(path, binary=path.suffix == ".bin")


def fails(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int) -> str:
    """Run a command that must fail with this status and one line of error, and return that line."""
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"fastw2v: error: [^\n]+\n", err), err
    return err


def start(arguments: list[str], **options) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "fastw2v", *arguments], stderr=subprocess.PIPE, **options)


# --- train ---


@pytest.mark.parametrize("ending", [".bin", ".txt", ".vec", ".safetensors"])
def test_train_writes_the_format_of_the_ending(corpus, tmp_path, capsys, ending):
    output = tmp_path / f"out{ending}"
    assert main(["train", corpus, "-o", str(output), *FAST]) == 0
    out, err = capsys.readouterr()
    trained = load(output)
    assert trained.vectors.shape == (len(trained), 8)
    assert "the" in trained
    assert f"{len(trained):,} in the vocabulary" in out
    assert f"saved {output}" in out
    assert err == ""  # no progress bar: stderr is not a terminal
    start = output.read_bytes()[:200]
    assert bool(re.match(rb".{8}\{\"", start, re.DOTALL)) == (ending == ".safetensors")
    assert bool(re.match(rb"\d+ 8\nthe( -?[\d.e-]+){8}\n", start)) == (ending in (".txt", ".vec"))


def test_a_saved_model_can_be_loaded_and_holds_the_settings_that_were_asked_for(corpus, tmp_path, capsys):
    output = tmp_path / "model.safetensors"
    options = split(
        "--model cbow --loss ns --size 12 --window 3 --negative 4 --epochs 2 --alpha 0.03 --min-alpha 0.002"
        " --sample 0.01 --min-count 3 --max-vocab 200 --ns-exponent 0.5 --cbow-update exact --threads 2"
        " --seed 9 --no-share-noise --memory-budget 1M --quiet"
    )
    assert main(["train", corpus, "-o", str(output), *options]) == 0
    assert capsys.readouterr() == ("", "")
    model = Word2Vec.load(output)
    assert len(model.wv) == 200
    assert model.settings == replace(
        Word2Vec().settings,
        **{"vector_size": 12, "window": 3, "negative": 4, "epochs": 2, "alpha": 0.03, "min_alpha": 0.002},
        **{
            "sample": 0.01,
            "min_count": 3,
            "max_final_vocab": 200,
            "ns_exponent": 0.5,
            "cbow_update": "exact",
        },
        **{"workers": 2, "seed": 9, "share_noise": False, "model": "cbow", "loss": "ns"},
    )


@pytest.mark.parametrize(("model", "loss"), cli_options.BEST_SETTINGS)
def test_without_options_the_best_settings_of_the_model_are_used(model, loss):
    arguments = cli_options.make_parser().parse_args(
        ["train", "corpus", "-o", "out.bin", "--model", model, "--loss", loss]
    )
    settings = Word2Vec(**cli_options.settings_from(arguments)).settings.to_dict()
    assert settings["model"] == model
    assert settings["loss"] == loss
    best = cli_options.BEST_SETTINGS[model, loss]
    assert {name: settings[name] for name in best} == best
    assert settings["share_noise"] is True


def test_every_argument_named_in_the_options_is_one_of_word2vec():
    names = {name for _, name, _, _ in cli_options._OPTIONS}
    names.update(*(settings.keys() for settings in cli_options.BEST_SETTINGS.values()))
    assert names <= set(Word2Vec.__init__.__kwdefaults__) | set(Word2Vec.__init__.__code__.co_varnames)


def test_the_same_seed_and_one_thread_give_the_same_bytes_in_two_processes(corpus, tmp_path, run_python):
    for name in ("a.bin", "b.bin"):
        run = run_python(["-m", "fastw2v", "train", corpus, "-o", str(tmp_path / name), *FAST, "--seed", "5"])
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


def test_train_reports_in_one_line_of_json(corpus, tmp_path, capsys):
    output = tmp_path / "out.vec"
    assert main(["train", corpus, "-o", str(output), *FAST, "--json"]) == 0
    out, _ = capsys.readouterr()
    assert out.count("\n") == 1
    report = json.loads(out)
    assert report["output"] == str(output)
    assert report["format"] == "word2vec text"
    assert report["vocabulary"] == len(load(output))
    assert report["corpus_words"] == len(Path(corpus).read_text().split())
    assert report["settings"]["vector_size"] == 8
    assert len(report["history"]) == 1
    assert set(report["seconds"]) == {"vocabulary", "training", "saving"}


def test_train_takes_several_files_and_standard_input(corpus, tmp_path, run_python):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    lines = Path(corpus).read_text().splitlines(keepends=True)
    first.write_text("".join(lines[:1000]))
    second.write_text("".join(lines[1000:]))
    outputs = [tmp_path / name for name in ("whole.bin", "parts.bin", "stdin.bin")]
    assert main(["train", corpus, "-o", str(outputs[0]), *FAST, "-q"]) == 0
    assert main(["train", str(first), str(second), "-o", str(outputs[1]), *FAST, "-q"]) == 0
    with (
        open(corpus, "rb") as text,
        start(["train", "-", "-o", str(outputs[2]), *FAST, "-q"], stdin=text) as process,
    ):
        assert process.communicate()[1] == b""
    assert [load(output).index_to_key for output in outputs[1:]] == [load(outputs[0]).index_to_key] * 2


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["-o", "out.w2v"], 2, r"out\.w2v.*\.bin.*\.txt.*\.vec.*\.safetensors"),
        (["-o", "out"], 2, "ending"),
        (["-o", "out.bin", "--size", "0"], 2, "--size must be between 1"),
        (["-o", "out.bin", "--size", "ten"], 2, "--size.*'ten'"),
        (["-o", "out.bin", "--threads", "0"], 2, "--threads must be"),
        (["-o", "out.bin", "--window", "-1"], 2, "window must be"),
        (["-o", "out.bin", "--epochs", "0"], 2, "epochs must be"),
        (["-o", "out.bin", "--negative", "0"], 2, "negative=0"),
        (["-o", "out.bin", "--alpha", "nan"], 2, "alpha must be"),
        (
            ["-o", "out.bin", "--alpha", "0.1", "--min-alpha", "0.2"],
            2,
            r"--min-alpha \(0\.2\) must not exceed",
        ),
        (["-o", "out.bin", "--sample", "-0.1"], 2, "sample must be"),
        (["-o", "out.bin", "--max-vocab", "0"], 2, "--max-vocab must be"),
        (["-o", "out.bin", "--ns-exponent", "inf"], 2, "--ns-exponent must be"),
        (["-o", "out.bin", "--cbow-update", "wrong"], 2, "--cbow-update must be one of"),
        (["-o", "out.bin", "--memory-budget", "lots"], 2, "'lots' is not a size such as 500M"),
        (["-o", "out.bin", "--model", "glove"], 2, "--model.*invalid choice: 'glove'"),
        (["-o", "out.bin", "--loss", "hs", "--negative", "5"], 2, "negative=5: leave negative out"),
        (["-o", "out.bin", "--colour", "red"], 2, "--colour"),
        (
            ["-o", "out.bin", "--epo", "3"],
            2,
            "--epo",
        ),  # no abbreviations: a later option would change their meaning
        ([], 2, "-o/--output"),
        (["-o", "missing/out.bin"], 1, "missing/out.bin: cannot write there.*nothing was done"),
        (["-o", "folder.bin"], 1, "is a folder"),
        (["-o", "out.bin", "--min-count", "1000000"], 1, "1000000"),
    ],
)
def test_train_refuses(corpus, tmp_path, monkeypatch, capsys, options, status, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.bin").mkdir()
    assert re.search(says, fails(capsys, ["train", corpus, *options], status))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.bin"]


def test_train_without_its_corpus_keeps_the_old_output(tmp_path, capsys):
    output = tmp_path / "out.bin"
    output.write_bytes(b"precious")
    missing = str(tmp_path / "missing.txt")
    assert "missing.txt" in fails(capsys, ["train", missing, "-o", str(output)], 1)
    assert "missing*.txt" in fails(capsys, ["train", str(tmp_path / "missing*.txt"), "-o", str(output)], 1)
    (tmp_path / "empty.txt").touch()
    fails(capsys, ["train", str(tmp_path / "empty.txt"), "-o", str(output)], 1)
    (tmp_path / "binary.txt").write_bytes(b"one two\0three\n" * 9)
    assert "binary.txt" in fails(capsys, ["train", str(tmp_path / "binary.txt"), "-o", str(output)], 1)
    assert output.read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 3


def test_train_does_not_overwrite_its_corpus_under_any_name(tmp_path, capsys):
    text = tmp_path / "corpus.txt"
    planted.write_corpus(text, 100)
    before = text.read_bytes()
    link = tmp_path / "link.txt"
    link.symlink_to(text)
    for source, output in (
        (text, text),
        (text, link),
        (link, text),
        (tmp_path, text),
        (tmp_path / "c*.txt", link),
    ):
        assert "corpus" in fails(capsys, ["train", str(source), "-o", str(output), *FAST], 2)
    assert text.read_bytes() == before


def test_train_that_diverges_says_what_to_do_and_saves_nothing(corpus, tmp_path, capsys):
    arguments = ["train", corpus, "-o", str(tmp_path / "out.bin"), *FAST, "--alpha", "1e30"]
    assert re.search("diverged in epoch 1.*smaller alpha", fails(capsys, arguments, 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one process on Windows")
def test_ctrl_c_ends_training_within_seconds_with_one_line_and_status_130(corpus, tmp_path):
    output = tmp_path / "out.bin"
    output.write_bytes(b"precious")
    arguments = ["train", corpus, "-o", str(output), "--epochs", "1000000"]
    # A shell that starts the tests in the background makes them, and their children, ignore SIGINT.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    code += "from fastw2v.cli import main; print('ready', flush=True); sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(1.5)  # long enough to be in the C code, which cannot be observed from here
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (130, b"", b"fastw2v: interrupted\n")
    assert output.read_bytes() == b"precious"


def test_ctrl_c_anywhere_is_one_line_and_status_130(bin_file, capsys, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(KeyedVectors, "most_similar", interrupt)
    assert main(["similar", bin_file, "paris"]) == 130
    assert capsys.readouterr() == ("", "fastw2v: interrupted\n")


# --- similar and analogy ---


def test_similar_prints_what_most_similar_finds_whatever_the_format(vectors_file, wv, capsys):
    assert main(["similar", str(vectors_file), "paris", "-n", "3"]) == 0
    out, err = capsys.readouterr()
    expected = "".join(f"{word}\t{cosine:.4f}\n" for word, cosine in wv.most_similar("paris", topn=3))
    assert (out, err) == (expected, "")


def test_similar_gives_each_word_a_list_of_its_own(bin_file, wv, capsys):
    assert main(["similar", bin_file, "paris", "été", "-n", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == ["# paris", "# été"]
    assert lines[1].startswith(wv.most_similar("paris", topn=1)[0][0] + "\t")
    assert lines[3].startswith(wv.most_similar("été", topn=1)[0][0] + "\t")


def test_analogy_answers_a_is_to_b_as_c_is_to(vectors_file, wv, capsys):
    assert main(["analogy", str(vectors_file), "paris", "france", "rome"]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = wv.most_similar(positive=["france", "rome"], negative=["paris"], topn=5)
    assert lines == [f"{word}\t{cosine:.4f}" for word, cosine in expected]
    assert lines[0].startswith("italy\t")


def test_words_that_are_not_utf8_go_in_and_out_as_the_bytes_they_are(raw_file):
    arguments = [b"similar", os.fsencode(raw_file), b"raw\xff", b"\xc3\xa9t\xc3\xa9", b"-n", b"1"]
    command = [os.fsencode(sys.executable), b"-m", b"fastw2v", *arguments]
    run = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONUTF8": "1"})
    lines = run.stdout.splitlines()
    assert lines[0::2] == [b"# raw\xff", b"# \xc3\xa9t\xc3\xa9"]
    assert lines[3].split(b"\t")[0] == b"raw\xff"


def test_letters_that_the_terminal_lacks_are_escaped_and_do_not_fail(raw_file, run_python):
    run = run_python(["-m", "fastw2v", "similar", raw_file, "zebra", "-n", "6"], PYTHONIOENCODING="ascii")
    assert run.returncode == 0, run.stderr
    assert "\\xe9t\\xe9" in run.stdout
    assert "raw\\udcff" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["similar", "{}", "nowhere"], 1, "the word 'nowhere' is not in the vocabulary$"),
        (["similar", "{}", "paris", "Rome"], 1, "'Rome' is not in the vocabulary; there is 'rome'"),
        (["similar", "{}", "3"], 1, "'3' is not in the vocabulary"),  # a word, not row 3
        (["analogy", "{}", "paris", "france", "atlantis"], 1, "'atlantis'"),
        (["analogy", "{}", "paris", "france"], 2, "required: C"),
        (["similar", "{}"], 2, "required: WORD"),
        (["similar", "{}", "paris", "-n", "0"], 2, "-n.*at least 1"),
        (["similar", "{}", "paris", "-n", "x"], 2, "-n.*'x'"),
        (["similar", "missing.bin", "paris"], 1, "missing.bin: No such file"),
        (["similar", "vectors.npy", "paris"], 1, r"vectors\.npy: No such file"),
        (["analogy", "missing.safetensors", "a", "b", "c"], 1, "missing.safetensors: No such file"),
        (["evaluate", "{}"], 2, "nothing to evaluate"),
        (["evaluate", "{}", "--analogies", "missing.txt"], 1, "missing.txt: No such file"),
        (["evaluate", "{}", "--pairs"], 2, "--pairs"),
        (["evaluate", "{}", "--pairs", "missing.txt"], 1, "missing.txt"),
        (["evaluate", "{}", "--pairs", "x", "--restrict", "0"], 2, "--restrict.*at least 1"),
        (["info", "missing.vec"], 1, "missing.vec: No such file"),
        (["info", "."], 1, "directory"),
        (["demo", "-o", "demo.pkl"], 2, r"demo\.pkl.*\.safetensors"),
        (["demo", "-o", "missing/demo.bin"], 1, "cannot write there"),
        (["demo", "--size", "-3"], 2, "--size must be"),
        (["demo", "--loss", "softmaxx"], 2, "--loss.*'softmaxx'"),
        ([], 2, "COMMAND"),
        (["fly"], 2, "'fly'"),
    ],
)
def test_bad_input_is_one_line_and_a_status(bin_file, tmp_path, monkeypatch, capsys, arguments, status, says):
    monkeypatch.chdir(tmp_path)
    line = fails(capsys, [argument.format(bin_file) for argument in arguments], status)
    assert re.search(says, line.rstrip("\n"))
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.bin"]


@pytest.mark.parametrize("ending", [".bin", ".txt", ".safetensors"])
def test_a_damaged_file_is_named(wv, tmp_path, capsys, ending):
    path = tmp_path / f"vectors{ending}"
    save(wv, path)
    path.write_bytes(path.read_bytes()[:-10])
    assert str(path) in fails(capsys, ["similar", str(path), "paris"], 1)
    path.write_bytes(os.urandom(3))
    assert str(path) in fails(capsys, ["info", str(path)], 1)


# --- evaluate ---


@pytest.fixture
def question_files(tmp_path: Path) -> tuple[str, str]:
    questions, pairs = tmp_path / "questions.txt", tmp_path / "pairs.txt"
    questions.write_text(
        ": capitals\nparis france rome italy\nparis france rome oslo\n: gram1\nparis rome france zebra\n"
    )
    pairs.write_text(
        "# a comment\nparis\trome\t9\nparis\tfrance\t7.5\nparis\tété\t1\nparis\toslo\t3\nzebra\titaly\t0\n"
    )
    return str(questions), str(pairs)


def test_evaluate_reports_exact_figures_in_json(vectors_file, wv, question_files, capsys):
    questions, pairs = question_files
    arguments = ["evaluate", str(vectors_file), "--analogies", questions, "--pairs", pairs, pairs, "--json"]
    assert main(arguments) == 0
    out, _ = capsys.readouterr()
    assert out.count("\n") == 1
    report = json.loads(out)
    analogies = report["analogies"]
    assert analogies["total"] == {"accuracy": 0.5, "correct": 1, "covered": 2, "asked": 3}
    assert analogies["semantic"] == {"accuracy": 1.0, "correct": 1, "covered": 1, "asked": 2}
    assert analogies["syntactic"] == {"accuracy": 0.0, "correct": 0, "covered": 1, "asked": 1}
    assert list(analogies["sections"]) == ["capitals", "gram1"]
    scored = [("paris", "rome", 9), ("paris", "france", 7.5), ("paris", "été", 1), ("zebra", "italy", 0)]
    rho = spearmanr([wv.similarity(a, b) for a, b, _ in scored], [score for _, _, score in scored])[0]
    assert len(report["pairs"]) == 2
    assert report["pairs"][0]["spearman"] == pytest.approx(rho)
    assert (report["pairs"][0]["covered"], report["pairs"][0]["asked"]) == (4, 5)
    assert (report["words"], report["dimensions"]) == (7, 3)


def test_evaluate_offers_another_method_and_categories(bin_file, question_files, tmp_path, capsys):
    pytest.importorskip("sklearn")
    kinds = tmp_path / "kinds.txt"
    kinds.write_text("paris city\nrome city\nfrance country\nitaly country\noslo city\n")
    options = ["--analogies", question_files[0], "--method", "3cosmul", "--categories", str(kinds)]
    assert main(["evaluate", bin_file, *options, "--threads", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["analogies"]["method"] == "3cosmul"
    [categories] = report["categories"]
    assert (categories["categories"], categories["covered"], categories["asked"]) == (2, 4, 5)
    assert 0.5 <= categories["purity"] <= 1
    assert main(["evaluate", bin_file, *options]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^kinds\.txt +\d+\.\d +2 +4 +5$", out, re.MULTILINE)


def test_evaluate_prints_a_table_and_a_dash_where_nothing_is_covered(
    bin_file, question_files, tmp_path, capsys
):
    questions, pairs = question_files
    (tmp_path / "unknown.txt").write_text(": family\nhe she king queen\n")
    assert main(["evaluate", bin_file, "--analogies", questions, "--pairs", pairs]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^capitals +100\.0 +1 +1 +2$", out, re.MULTILINE)
    assert re.search(r"^total +50\.0 +1 +2 +3$", out, re.MULTILINE)
    assert re.search(r"^pairs\.txt +-?\d+\.\d +-?\d+\.\d +4 +5$", out, re.MULTILINE)
    assert main(["evaluate", bin_file, "--analogies", str(tmp_path / "unknown.txt")]) == 0
    assert re.search(r"^total +- +0 +0 +1$", capsys.readouterr().out, re.MULTILINE)


def test_evaluate_can_be_restricted_to_the_most_frequent_words(bin_file, question_files, capsys):
    arguments = ["evaluate", bin_file, "--analogies", question_files[0], "--json", "--restrict"]
    for n_words, n_covered in ((7, 2), (4, 1), (3, 0)):
        assert main([*arguments, str(n_words)]) == 0
        assert json.loads(capsys.readouterr().out)["analogies"]["total"]["covered"] == n_covered


def test_a_malformed_question_is_reported_with_its_line(bin_file, tmp_path, capsys):
    questions = tmp_path / "questions.txt"
    questions.write_text(": capitals\nparis france rome italy\nparis france rome\n")
    assert "questions.txt, line 3" in fails(capsys, ["evaluate", bin_file, "--analogies", str(questions)], 1)


# --- info, version, help, streams ---


def test_info_tells_about_the_installation(capsys):
    assert main(["info"]) == 0
    assert capsys.readouterr().out == f"{fastw2v.show_config()}\n"


def test_info_tells_what_a_file_holds(vectors_file, capsys):
    assert main(["info", str(vectors_file)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^words: +7$", out, re.MULTILINE)
    assert re.search(r"^dimensions: +3$", out, re.MULTILINE)
    assert re.search(r"^first words: +paris france rome", out, re.MULTILINE)
    assert f"{vectors_file.stat().st_size:,} bytes" in out


def test_info_tells_the_settings_of_a_model(corpus, tmp_path, capsys):
    output = str(tmp_path / "model.safetensors")
    assert main(["train", corpus, "-o", output, *FAST, "-q", "--seed", "77"]) == 0
    assert main(["info", output]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^kind: +model$", out, re.MULTILINE)
    assert re.search(r"^seed: +77$", out, re.MULTILINE)
    assert re.search(r"^max_final_vocab: +-$", out, re.MULTILINE)


def test_version_and_help_succeed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fastw2v {fastw2v.__version__}\n"
    for command in ([], ["train"], ["similar"], ["analogy"], ["evaluate"], ["info"], ["demo"]):
        assert main([*command, "--help"]) == 0
        assert "usage: fastw2v" in capsys.readouterr().out
    main(["train", "--help"])
    assert "(default sg/ns 0.05" in " ".join(capsys.readouterr().out.split())


def test_the_module_is_the_command_and_passes_the_status_on(run_python):
    good, bad = run_python(["-m", "fastw2v", "--version"]), run_python(["-m", "fastw2v", "fly"])
    assert (good.returncode, good.stdout) == (0, f"fastw2v {fastw2v.__version__}\n")
    assert bad.returncode == 2
    assert bad.stderr.startswith("fastw2v: error: ")
    assert bad.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently on Windows")
def test_a_pipe_that_nobody_reads_any_more_is_no_error(bin_file):
    reading, writing = os.pipe()
    os.close(reading)
    with start(["similar", bin_file, "paris"], stdout=writing) as process:
        os.close(writing)
        assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_results_that_cannot_be_written_are_an_error(bin_file):
    with open("/dev/full", "wb") as full, start(["similar", bin_file, "paris"], stdout=full) as process:
        assert process.communicate(timeout=60)[1] == b"fastw2v: error: [Errno 28] No space left on device\n"
    assert process.returncode == 1


def test_an_error_that_is_ours_shows_its_traceback(bin_file, monkeypatch):
    """What a user or the machine can cause is put into one line; a bug must be reported with all there is."""

    def bug(*_: object, **__: object) -> None:
        raise AttributeError("a bug")

    monkeypatch.setattr(KeyedVectors, "most_similar", bug)
    with pytest.raises(AttributeError, match="a bug"):
        main(["similar", bin_file, "paris"])


def test_main_leaves_a_stream_that_is_no_terminal_alone(bin_file, monkeypatch):
    stdout = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["similar", bin_file, "paris", "-n", "1"]) == 0
    assert stdout.getvalue().count("\n") == 1


def test_sizes_are_powers_of_1024():
    sizes = {"4096": 4096, "1K": 1024, "2m": 2 << 20, "1.5GB": 3 << 29, "1TiB": 1 << 40, "0": 0}
    assert {text: cli_options._byte_count(text) for text in sizes} == sizes


def test_every_command_of_the_parser_can_be_run():
    actions = cli_options.make_parser()._subparsers._group_actions
    assert set(actions[0].choices) == set(cli._COMMANDS)


@pytest.mark.parametrize("loss", ["nce", "sampled_softmax", "blackout", "softmax"])
def test_the_losses_that_learn_in_batches_can_be_chosen(corpus, tmp_path, capsys, loss):
    output = tmp_path / "out.safetensors"
    noise = [] if loss == "softmax" else ["--negative", "5"]
    options = [*WITHOUT_NOISE, *noise, "--batch-size", "32", "--loss", loss, "--json"]
    assert main(["train", corpus, "-o", str(output), *options]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert (settings["loss"], settings["batch_size"]) == (loss, 32)
    assert settings["alpha"] == LOSSES[loss].alpha
    assert Word2Vec.load(output).loss == loss


@pytest.mark.parametrize(("which", "size"), [("in", 8), ("out", 8), ("sum", 8), ("concat", 16)])
@pytest.mark.parametrize("ending", ["bin", "safetensors"])
def test_which_vectors_are_saved_can_be_chosen(corpus, tmp_path, which, size, ending):
    output = tmp_path / f"out.{ending}"
    options = [*WITHOUT_NOISE, "--size", "8", "--vectors", which, "--quiet"]
    assert main(["train", corpus, "-o", str(output), *options]) == 0
    wv = (
        KeyedVectors.load_word2vec_format(output, binary=True)
        if ending == "bin"
        else KeyedVectors.load(output)
    )
    assert wv.vector_size == size


def test_output_vectors_of_a_tree_are_refused_before_training(corpus, tmp_path, capsys):
    output = tmp_path / "out.bin"
    assert main(["train", corpus, "-o", str(output), *WITHOUT_NOISE, "--loss", "hs", "--vectors", "out"]) == 2
    assert "--vectors 'out': the output vectors of hierarchical softmax" in capsys.readouterr().err
    assert not output.exists()
