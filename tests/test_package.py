"""The package as something to install: its build, metadata and stubs, and what `show_config` says of it."""

from __future__ import annotations

import ast
import ctypes
import importlib
import importlib.metadata
import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import fastw2v
from fastw2v import _train, machine

PACKAGE = Path(fastw2v.__file__).parent
TREE = Path(__file__).resolve().parent.parent
RunPython = Callable[..., "subprocess.CompletedProcess[str]"]


# --- metadata and files ---


def test_version_is_the_one_in_the_installed_metadata() -> None:
    try:
        installed = importlib.metadata.version("fastw2v")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("built in place: there is no metadata")
    assert fastw2v.__version__ == installed


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", fastw2v.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    assert name == "__version__" or getattr(fastw2v, name).__doc__


def test_the_package_imports_without_the_optional_libraries(run_python: RunPython) -> None:
    done = run_python(
        "import sys\n"
        "for name in ('threadpoolctl', 'zstandard', 'gensim', 'pytest'): sys.modules[name] = None\n"
        "import fastw2v, fastw2v.cli\n"
        "assert fastw2v.show_config()['blas']['loaded'] is None\n"
    )
    assert done.returncode == 0, done.stderr


def test_importing_and_training_leave_scipy_alone(run_python: RunPython) -> None:
    done = run_python(
        "import sys, fastw2v, fastw2v.cli\n"
        "model = fastw2v.Word2Vec([['a', 'b']] * 9, min_count=1, vector_size=4)\n"
        "model.wv.most_similar('a')\n"
        "assert not any(name.startswith('scipy') for name in sys.modules)\n"
        "assert fastw2v.SVD.__module__ == 'fastw2v.svd' and 'PPMI' in dir(fastw2v)\n"
        "assert 'scipy.sparse' in sys.modules\n"
    )
    assert done.returncode == 0, done.stderr


def test_a_name_that_the_package_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Glove'"):
        fastw2v.Glove  # type: ignore[attr-defined]  # noqa: B018


# --- stubs ---


def stub_of(name: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{name}.pyi").read_text())


def stubbed_names(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """Public names that a stub's module or class body declares."""
    names: dict[str, ast.stmt] = {}
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names[statement.target.id] = statement
    return {name: statement for name, statement in names.items() if not name.startswith("_")}


def public_names(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
        if getattr(value, "__module__", module.__name__) == module.__name__
    }


def stubbed_parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    assert arguments.vararg is None
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return names + ([arguments.kwarg.arg] if arguments.kwarg else [])


@pytest.mark.parametrize("name", ["_corpus", "_count", "_query", "_train"])
def test_stubs_declare_what_the_extension_has(name: str) -> None:
    module = importlib.import_module(f"fastw2v.{name}")
    stubbed = stubbed_names(stub_of(name).body)
    assert set(stubbed) == public_names(module)
    for item, statement in stubbed.items():
        value = getattr(module, item)
        if isinstance(statement, ast.FunctionDef):
            assert stubbed_parameters(statement) == list(inspect.signature(value).parameters), item
        elif isinstance(statement, ast.ClassDef) and not issubclass(value, BaseException):
            members = {member for member in vars(value) if not member.startswith("_")}
            assert set(stubbed_names(statement.body)) == members, item


def test_the_double_extension_has_the_names_of_the_single_one() -> None:
    double = importlib.import_module("fastw2v._train_double")
    assert public_names(double) == public_names(_train)
    assert [_train.REAL.name, double.REAL.name] == ["float32", "float64"]


# --- the build ---


@pytest.mark.skipif(sys.platform == "win32", reason="DLLs export by list")
def test_an_extension_exports_nothing_but_its_module() -> None:
    library = ctypes.CDLL(_train.__file__)
    assert library.PyInit__train
    with pytest.raises(AttributeError):
        _ = library.w2v_isa_name


@pytest.mark.skipif(not (TREE / "setup.py").exists(), reason="needs the source tree")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CC": "no-such-compiler"}, "No working C compiler was found"),
        (
            {"FASTW2V_SANITIZE": "no-such-sanitizer"},
            "FASTW2V_SANITIZE=no-such-sanitizer: the compiler does not",
        ),
    ],
)
def test_a_build_that_cannot_work_says_why(
    tmp_path: Path, environment: dict[str, str], expected: str
) -> None:
    pytest.importorskip("setuptools", minversion="77")
    pytest.importorskip("Cython")
    for name in ("fastw2v", "src_c"):
        shutil.copytree(TREE / name, tmp_path / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        if (TREE / name).exists():
            shutil.copy(TREE / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert expected in done.stderr
    assert not list(tmp_path.glob("build/**/*.so"))


# --- instruction sets ---


def test_the_best_supported_instruction_set_is_chosen_by_default(run_python: RunPython) -> None:
    done = run_python("from fastw2v import _train; print(_train.isa_name())", FASTW2V_ISA="")
    assert done.stdout.strip() == _train.isa_supported()[0], done.stderr


@pytest.mark.parametrize("isa", _train.isa_supported())
def test_the_environment_forces_an_instruction_set(run_python: RunPython, isa: str) -> None:
    code = "import json, fastw2v; print(json.dumps(fastw2v.show_config()['isa']))"
    done = run_python(code, FASTW2V_ISA=isa)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["chosen"] == found["requested"] == isa


@pytest.mark.parametrize("isa", ["sse9", "AVX2 ", "neon" if "neon" not in _train.isa_supported() else "avx2"])
def test_an_instruction_set_that_cannot_be_had_is_an_error_that_lists_the_choices(
    run_python: RunPython, isa: str
) -> None:
    done = run_python("import fastw2v", FASTW2V_ISA=isa)
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError:")
    assert "FASTW2V_ISA" in message
    assert repr(isa) in message
    for choice in _train.isa_supported():
        assert choice in message


@pytest.mark.parametrize(
    "arguments", [["-m", "fastw2v", "info"], ["fastw2v", "info"], ["fastw2v.exe", "--help"]]
)
def test_on_the_command_line_that_error_is_one_line(
    run_python: RunPython, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / arguments[0]).write_text("from fastw2v.cli import main\nmain()\n")  # what pip installs
    done = run_python(arguments, FASTW2V_ISA="sse9")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("fastw2v: error: environment variable FASTW2V_ISA: instruction set 'sse9'")
    assert done.stderr.count("\n") == 1


# --- show_config ---


def test_show_config_tells_what_a_bug_report_needs() -> None:
    config = fastw2v.show_config()
    assert config["fastw2v"] == fastw2v.__version__
    assert config["isa"]["chosen"] in config["isa"]["supported"]
    assert set(config["isa"]["supported"]) <= set(config["isa"]["compiled"])
    assert config["isa"]["compiled"][-1] == "scalar"
    assert config["threads"] == {
        "usable_cores": machine.usable_cores(),
        "default_workers": fastw2v.Word2Vec(min_count=1).workers,
        "openmp": _train.has_openmp(),
    }
    assert config["versions"]["numpy"] == np.__version__
    assert config["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(config["versions"]) == {"python", "numpy", "scipy", "safetensors", "tqdm", "cython"}
    json.dumps(config)  # a dictionary of plain values, to be stored with results


def test_show_config_prints_one_fact_a_line() -> None:
    config = fastw2v.show_config()
    lines = str(config).splitlines()
    assert lines[0].split() == ["fastw2v:", fastw2v.__version__]
    assert f"  supported: {', '.join(config['isa']['supported'])}" in lines
    assert f"  openmp:          {'yes' if config['threads']['openmp'] else 'no'}" in lines
    assert not any("{" in line for line in lines)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform has no CPU affinity")
def test_cores_are_those_that_the_process_may_use(run_python: RunPython) -> None:
    core = min(os.sched_getaffinity(0))
    done = run_python(
        f"import os; os.sched_setaffinity(0, [{core}])\n"
        "import fastw2v; print(fastw2v.show_config()['threads']['usable_cores'])"
    )
    assert done.stdout.strip() == "1", done.stderr


def test_memory_is_plausible_where_the_platform_tells() -> None:
    memory = fastw2v.show_config()["memory"]
    total = memory["total"]
    assert total is None or 2**26 < memory["usable"] <= total < 2**50
    assert total is not None or sys.platform != "linux"
