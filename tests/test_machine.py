"""What a process may use: cores and memory under quotas, masks, limits of the shell and OpenMP's variables."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fastw2v import PPMI, SVD, Cooccurrence, Word2Vec, machine
from fastw2v.corpus import ReadOptions
from fastw2v.settings import check_workers

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]
GIB = 1 << 30


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Files that the system's are replaced with, and eight cores."""

    def plant(files: dict[str, str]) -> None:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)

    monkeypatch.setattr(machine, "_ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    return plant


VERSION_2 = {"proc/self/cgroup": "0::/pods/mine\n"}
VERSION_1 = {"proc/self/cgroup": "5:memory:/pods/mine\n4:cpu,cpuacct:/docker/hidden\n1:name=systemd:/\n"}


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/cpu.max": "max 100000\n"}, 8),
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/cpu.max": "300000 100000\n"}, 3),
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/cpu.max": "250000 100000\n"}, 3),
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/cpu.max": "1000 100000\n"}, 1),
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/cpu.max": "9900000 100000\n"}, 8),
        ({**VERSION_2, "sys/fs/cgroup/pods/cpu.max": "200000 100000\n"}, 2),  # the quota of all pods
        (
            {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"},
            2,
        ),  # a container of its own
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/cpu.max": "nonsense\n"}, 8),
        (
            {
                **VERSION_1,  # docker's folder is one of the host; within, the top one is the container's
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {
                **VERSION_1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
        ({"proc/self/cgroup": "garbage\n"}, 8),
    ],
)
def test_quotas_of_control_groups_bound_the_cores(
    system: Callable[[dict[str, str]], None], files: dict[str, str], cores: int
) -> None:
    system(files)
    assert machine.usable_cores() == machine.default_workers() == cores


@pytest.mark.parametrize(
    ("environment", "workers"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "20"}, 20),  # who asks for more than there are cores gets them
        ({"OMP_NUM_THREADS": "5,2"}, 5),  # a list is for nested regions
        ({"OMP_NUM_THREADS": "0"}, 8),
        ({"OMP_NUM_THREADS": "many"}, 8),
        ({"OMP_NUM_THREADS": ""}, 8),
        ({"OMP_NUM_THREADS": "1000000"}, machine.MAX_WORKERS),
        ({"OMP_THREAD_LIMIT": "2"}, 2),
        ({"OMP_NUM_THREADS": "6", "OMP_THREAD_LIMIT": "4"}, 4),
    ],
)
def test_the_variables_of_openmp_set_the_default(
    system: Callable[[dict[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    workers: int,
) -> None:
    system({})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert machine.usable_cores() == 8
    assert check_workers(None) == Word2Vec().workers == workers
    assert check_workers(7) == 7


def test_every_class_with_workers_checks_them_alike() -> None:
    counts = Cooccurrence([["a", "b"]], min_count=1)
    for make in (
        lambda workers: Word2Vec(workers=workers),
        lambda workers: Cooccurrence([["a", "b"]], min_count=1, workers=workers),
        lambda workers: PPMI(counts, workers=workers),
        lambda workers: SVD(PPMI(counts), 1, workers=workers),
    ):
        with pytest.raises(ValueError, match="workers must be between 1 and 1024, not 0"):
            make(0)
        with pytest.raises(TypeError, match="workers must be a whole number"):
            make("2")


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/memory.max": "max\n"}, None),
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/memory.max": f"{GIB // 4}\n"}, GIB // 4),
        ({**VERSION_2, "sys/fs/cgroup/pods/mine/memory.high": f"{GIB // 8}\n"}, GIB // 8),
        ({**VERSION_2, "sys/fs/cgroup/memory.max": f"{GIB // 4}\n"}, GIB // 4),
        ({**VERSION_1, "sys/fs/cgroup/memory/pods/mine/memory.limit_in_bytes": f"{GIB // 2}\n"}, GIB // 2),
        (
            {**VERSION_1, "sys/fs/cgroup/memory/pods/mine/memory.limit_in_bytes": "9223372036854771712\n"},
            None,
        ),
    ],
)
def test_limits_of_control_groups_bound_memory_and_half_of_it_is_the_budget(
    system: Callable[[dict[str, str]], None], files: dict[str, str], limit: int | None
) -> None:
    before = machine.usable_memory()  # without any group
    system(files)
    usable = limit if limit is not None else before
    assert machine.usable_memory() == usable
    assert ReadOptions().budget == (None if usable is None else usable // 2)
    assert ReadOptions(memory_budget=5).budget == 5


def test_a_limit_of_the_shell_bounds_memory(run_python: RunPython) -> None:
    pytest.importorskip("resource")
    done = run_python(
        "import resource\n"
        "from fastw2v import machine\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 40, resource.RLIM_INFINITY))\n"
        "usable = machine.usable_memory()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 31, resource.RLIM_INFINITY))\n"
        "print(usable >= machine.usable_memory(), machine.usable_memory() <= 1 << 31)\n"
    )
    assert done.stdout == "True True\n", done.stderr


TRAIN = """
import numpy as np
from fastw2v import Word2Vec, planted
text = list(planted.sentences(100))
for loss in ("ns", "softmax"):
    model = Word2Vec(text, min_count=1, vector_size=8, workers=16, epochs=2, loss=loss)
    assert np.isfinite(model.wv.vectors).all()
    assert model.history[-1]["predictions"] > 0
    assert len(model.wv.most_similar(0, topn=3, threads=16)) == 3
print("done")
"""


@pytest.mark.parametrize(
    "environment", [{}, {"OMP_THREAD_LIMIT": "2"}, {"OMP_DYNAMIC": "true"}, {"OMP_NUM_THREADS": "1"}]
)
def test_more_workers_than_cores_or_than_openmp_grants_do_the_work(
    run_python: RunPython, environment: dict[str, str]
) -> None:
    done = run_python(TRAIN, **environment)
    assert done.stdout == "done\n", done.stderr
