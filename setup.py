"""Builds the five extension modules; everything static (metadata, dependencies, tools) is in pyproject.toml.

What needs code is here: which C files make up which extension, instruction-set flags on the kernel files only
(the rest of the library must run on the oldest CPU of the platform), whether the compiler has OpenMP, and

    FASTW2V_OPENMP=0                    build without OpenMP: one training thread, same results as workers=1
    FASTW2V_SANITIZE=address,undefined  build with these sanitizers (GCC, clang)
    FASTW2V_DEBUG=1                     no optimisation, debugging symbols, W2V_DEBUG defined
    FASTW2V_COVERAGE=1                  count how often each line is run (GCC; .ci/coverage reports)

It never tunes for the machine it runs on (-march=native): the wheel must run elsewhere. A feature is found by
compiling and linking a test program, never by looking at the platform's name, so cross-compiling works too.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, ExecError, LinkError, PlatformError

try:
    from setuptools.modified import newer_group
except ImportError:
    raise SystemExit("fastw2v is built with setuptools >= 77: pip install --upgrade setuptools") from None

HERE = Path(__file__).resolve().parent
os.chdir(HERE)  # sources are named relative to this folder, as setuptools wants them

# --- which C file belongs to which extension: the only list of them ---

CORPUS_SOURCES = ["counter.c", "ids.c", "word_order.c"]
COUNT_SOURCES = ["cooccur.c", "sparse.c"]
FORMAT_SOURCES = ["decimal.c", "vector_rows.c"]
QUERY_SOURCES = ["nearest.c", "sketch.c", "analogies.c"]
KERNELS = {  # file: (macro that tells dispatch.c, CPU family, GCC and clang flags, MSVC flags)
    "kernels_avx2.c": ("W2V_WITH_AVX2", "x86-64", ["-mavx2", "-mfma"], ["/arch:AVX2"]),
    "kernels_avx512.c": (
        "W2V_WITH_AVX512",
        "x86-64",
        ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma"],
        ["/arch:AVX512"],
    ),
    "kernels_text_avx512.c": (
        "W2V_WITH_TEXT_AVX512",
        "x86-64",
        ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vbmi2"],
        ["/arch:AVX512"],
    ),
    "kernels_neon.c": ("W2V_WITH_NEON", "arm64", [], []),
}
OTHER_SOURCES = {*CORPUS_SOURCES, *COUNT_SOURCES, *FORMAT_SOURCES, *QUERY_SOURCES, *KERNELS}
TRAIN_SOURCES = sorted({path.name for path in Path("src_c").glob("*.c")} - OTHER_SOURCES)

FAMILY_TEST = {  # compiles only for this CPU family
    "x86-64": "#include <immintrin.h>\n#if !(defined(__x86_64__) || defined(_M_X64))\n#error\n#endif\n",
    "arm64": "#include <arm_neon.h>\n#if !(defined(__aarch64__) || defined(_M_ARM64))\n#error\n#endif\n",
}
OPENMP_TEST = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
OPENMP_FLAGS = {  # compiler type: (compile flags, link flags) to try, the first that works is taken
    "msvc": [(["/openmp:llvm"], []), (["/openmp"], [])],
    "unix": [
        (["-fopenmp"], ["-fopenmp"]),
        (["-Xpreprocessor", "-fopenmp"], ["-lomp"]),  # Apple clang with LIBRARY_PATH/CPATH set, as conda does
        *(
            (["-Xpreprocessor", "-fopenmp", f"-I{prefix}/include"], [f"-L{prefix}/lib", "-lomp"])
            for prefix in ("/opt/homebrew/opt/libomp", "/usr/local/opt/libomp", "/opt/local/libomp")
        ),
    ],
}


def switch(name: str) -> str:
    """Value of an environment switch, with the spellings of "off" folded to the empty string."""
    value = os.environ.get(name, "").strip().lower()
    return "" if value in {"", "0", "off", "no", "false"} else value


def extensions() -> list[Extension]:
    """The extension modules without the parts that only the compiler can decide (see BuildExt)."""
    headers = sorted(str(path) for path in Path("src_c").glob("*.h"))
    shared = {"include_dirs": ["src_c"], "libraries": [] if sys.platform == "win32" else ["m"]}
    kernel_files = [str(path) for path in Path("src_c").glob("kernels_*.c")]

    def paths(names: list[str]) -> list[str]:
        return [f"src_c/{name}" for name in names]

    return [
        Extension(
            "fastw2v._corpus",
            ["fastw2v/_corpus.pyx", *paths(CORPUS_SOURCES)],
            depends=headers,
            **shared,
        ),
        Extension(
            "fastw2v._count",
            ["fastw2v/_count.pyx", *paths(COUNT_SOURCES)],
            depends=headers,
            **shared,
        ),
        Extension(
            "fastw2v._formats",
            ["fastw2v/_formats.pyx", *paths(FORMAT_SOURCES)],
            depends=headers,
            **shared,
        ),
        Extension(
            "fastw2v._query",
            ["fastw2v/_query.pyx", *paths(QUERY_SOURCES)],
            depends=headers,
            **shared,
        ),
        Extension(
            "fastw2v._train",
            ["fastw2v/_train.pyx", *paths(TRAIN_SOURCES)],
            depends=[*headers, *kernel_files, "fastw2v/_kernel_seams.pxi"],
            **shared,
        ),
        # The same trainer in double precision, scalar kernels only: the tests check its gradients with it.
        Extension(
            "fastw2v._train_double",
            ["fastw2v/_train_double.pyx", *paths(TRAIN_SOURCES)],
            define_macros=[("W2V_DOUBLE", "1")],
            depends=[*headers, "fastw2v/_train.pyx", "fastw2v/_kernel_seams.pxi"],
            **shared,
        ),
    ]


class BuildExt(build_ext):
    """build_ext that asks the compiler what it can do and gives every extension its own folder of objects."""

    def build_extensions(self) -> None:
        """Settle the flags of all extensions, translate the Cython files, then build one after another."""
        from Cython.Build import cythonize

        self.require_compiler()
        compile_args, link_args = self.base_flags()
        openmp_compile, openmp_link = self.find_openmp()
        self.kernels = self.find_kernels(compile_args)
        kernels = ", ".join(["kernels_scalar.c", "kernels_text.c", *self.kernels])
        print(f"fastw2v: {kernels}; OpenMP {'yes' if openmp_compile else 'no'}; {' '.join(compile_args)}")
        for ext in self.extensions:
            ext.extra_compile_args += compile_args
            ext.extra_link_args += link_args
            if ext.name not in ("fastw2v._corpus", "fastw2v._formats"):
                ext.extra_compile_args += openmp_compile
                ext.extra_link_args += openmp_link
        built = cythonize(
            self.extensions,
            build_dir=os.path.join(self.build_temp, "cython"),
            compiler_directives={"language_level": 3},
            force=bool(self.force),
            quiet=True,
            emit_linenums=bool(switch("FASTW2V_COVERAGE")),  # lines of the .pyx, not of what became of it
        )
        compiler = [str(part) for part in getattr(self.compiler, "compiler_so", [])]
        openmp = openmp_compile + openmp_link
        stamp = self.write_stamp([*compiler, *compile_args, *link_args, *openmp, *self.kernels])
        # The new objects that cythonize returns lack the attributes that setuptools set: keep the old ones.
        for ext, translated in zip(self.extensions, built, strict=True):
            ext.sources = translated.sources
            ext.depends = [*translated.depends, stamp]
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        """Build one extension in its own folder: two of them compile the same files with different macros."""
        command = copy.copy(self)
        command.build_temp = os.path.join(self.build_temp, ext.name.rpartition(".")[2])
        outdated = newer_group([*ext.sources, *ext.depends], self.get_ext_fullpath(ext.name), "newer")
        if ext.name == "fastw2v._train" and (self.force or outdated):
            ext.define_macros += [(KERNELS[name][0], "1") for name in self.kernels]
            for name, flags in self.kernels.items():
                ext.extra_objects += self.compiler.compile(
                    [f"src_c/{name}"],
                    output_dir=command.build_temp,
                    macros=ext.define_macros,
                    include_dirs=ext.include_dirs,
                    debug=self.debug,
                    extra_postargs=[*ext.extra_compile_args, *flags],
                )
        super(BuildExt, command).build_extension(ext)

    # --- what the compiler can do ---

    def base_flags(self) -> tuple[list[str], list[str]]:
        """Compile and link flags of every C file, the sanitizer and debug switches included."""
        sanitizers, debug = switch("FASTW2V_SANITIZE"), switch("FASTW2V_DEBUG")
        if self.compiler.compiler_type == "msvc":
            if sanitizers:
                raise PlatformError("FASTW2V_SANITIZE needs GCC or clang; unset it to build with MSVC")
            common = ["/std:c11", "/utf-8", "/D_CRT_SECURE_NO_WARNINGS"]
            return (common + ["/Od", "/Zi", "/DW2V_DEBUG=1"], ["/DEBUG"]) if debug else (common + ["/O2"], [])
        common = ["-std=c11", "-D_GNU_SOURCE=1", "-fvisibility=hidden", "-Wall"]
        common += ["-fno-math-errno", "-ffp-contract=off"]  # the same bytes from every compiler
        if switch("FASTW2V_COVERAGE"):
            counting = ["-O1", "-g", "--coverage", "-fprofile-update=atomic"]
            return common + counting, ["--coverage"]
        if debug:
            common += ["-O0", "-g3", "-DW2V_DEBUG=1"]
        elif sanitizers:
            common += ["-O1", "-g1"]  # optimising what is instrumented takes minutes
        else:
            common += ["-O3", "-g0"]
        if not sanitizers:
            return common, []
        flags = [f"-fsanitize={sanitizers}", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"]
        if not self.compiles("int main(void) { return 0; }\n", flags, flags):
            raise PlatformError(
                f"FASTW2V_SANITIZE={sanitizers}: the compiler does not take {' '.join(flags)}"
            )
        return common + flags, flags

    def find_openmp(self) -> tuple[list[str], list[str]]:
        """Flags that compile and link an OpenMP program; none when nothing works or it is switched off."""
        if os.environ.get("FASTW2V_OPENMP") is not None and not switch("FASTW2V_OPENMP"):
            return [], []
        kind = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        for compile_args, link_args in OPENMP_FLAGS[kind]:
            if self.compiles(OPENMP_TEST, compile_args, link_args):
                return compile_args, link_args
        if switch("FASTW2V_OPENMP"):
            raise PlatformError("FASTW2V_OPENMP=1, but no OpenMP program could be compiled and linked")
        print("fastw2v: the compiler has no OpenMP: one thread will train (on macOS: brew install libomp)")
        return [], []

    def find_kernels(self, compile_args: list[str]) -> dict[str, list[str]]:
        """Kernel files that this compiler can build for the target, with the flags that each one needs.

        A macOS universal2 build compiles each file for two CPU families at once, so neither family's test
        passes and only the scalar kernels remain; ARCHFLAGS="-arch arm64" (or x86_64) gives a fast build.
        """
        msvc = self.compiler.compiler_type == "msvc"
        found = {}
        for name, (_, family, unix_flags, msvc_flags) in KERNELS.items():
            flags = msvc_flags if msvc else unix_flags
            if self.compiles(FAMILY_TEST[family], [*compile_args, *flags], None):
                found[name] = flags
        return found

    def require_compiler(self) -> None:
        """Stop with one clear message when there is no working C compiler or no Python headers."""
        with tempfile.TemporaryFile("w+b") as log:
            if self.compiles("#include <Python.h>\nint w2v_probe;\n", [], None, log):
                return
            log.seek(0)
            output = log.read().decode(errors="replace").strip()
        if self.compiles("int w2v_probe;\n", [], None):
            advice = (
                "The C compiler works but does not find Python.h: install Debian's python3-dev or the like."
            )
        else:
            advice = (
                "No working C compiler was found. fastw2v needs one to be built from source: "
                "Debian/Ubuntu `apt install gcc python3-dev`, Fedora `dnf install gcc python3-devel`, "
                "macOS `xcode-select --install`, Windows the Microsoft C++ Build Tools; or set CC."
            )
        raise PlatformError(f"{advice}\n{output}" if output else advice)

    def compiles(self, code: str, args: list[str], link: list[str] | None, log: object = None) -> bool:
        """Whether a program compiles with `args` and, unless `link` is None, links with `link`."""
        with tempfile.TemporaryDirectory() as folder, redirected_output(log):
            source = Path(folder, "probe.c")
            source.write_text(code)
            try:
                objects = self.compiler.compile([str(source)], folder, extra_postargs=args)
                if link is not None:
                    self.compiler.link_executable(objects, str(Path(folder, "probe")), extra_postargs=link)
            except (CompileError, ExecError, LinkError, PlatformError, OSError) as problem:
                if log is not None:
                    log.write(f"{problem}\n".encode())
                return False
        return True

    def write_stamp(self, flags: list[str]) -> str:
        """Record the flags in a file that all extensions depend on: changing a switch rebuilds them."""
        stamp, text = Path(self.build_temp, "flags.txt"), "\n".join(flags) + "\n"
        stamp.parent.mkdir(parents=True, exist_ok=True)
        if not stamp.exists() or stamp.read_text() != text:
            stamp.write_text(text)
        return str(stamp)


@contextlib.contextmanager
def redirected_output(log: object) -> Iterator[None]:
    """Send what child processes print to `log`, or nowhere: a failed probe is an answer, not an error."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with contextlib.ExitStack() as stack:
        sink = log or stack.enter_context(open(os.devnull, "wb"))
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExt})
