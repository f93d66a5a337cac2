"""Who imports whom, read off the sources of all files; and what a start-up does not import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "codels"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = """
    cli  __main__
    commands  bench
    lsp  lspclient  evaluate
    runtime
    serving
    examination
    completion  resolve  verdicts  dispatch
    engine  context  postprocess  cache  trigger  checks  request  probe
    prompt  backends  registry  statements  repetition  indent
    settings  clock  hardware
    core
    gate
    generation
    errors  lines  cancel  checkpoints  processes  copyweights  machine  records  seams  sizes  splits  endpoint
"""
"""Downwards only; within a layer only where SIBLINGS draws it."""

SIBLINGS = {
    ("__main__", "cli"),
    ("postprocess", "checks"),
    ("registry", "prompt"),  # cards name families
}

RANK = {name: -rank for rank, line in enumerate(LAYERS.strip().splitlines()) for name in line.split()}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> tuple[str, ...]:
    """The modules that a file names, inside functions and under TYPE_CHECKING as well."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def place(module: str) -> str:
    """The name in LAYERS of a module of ours; empty for the package itself (its version)."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in RANK else ""


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_down(path: Path) -> None:
    here = module_of(path)
    if here == "codels":
        assert not imports(path)
        return
    assert place(here), f"{here} has no place in LAYERS"
    for name in imports(path):
        there = place(name) if name.split(".")[0] == "codels" else ""
        if there and there != place(here) and (place(here), there) not in SIBLINGS:
            assert RANK[there] < RANK[place(here)], f"{here} imports {name}"


def test_siblings_are_drawn_only_where_they_exist() -> None:
    found = {
        (place(module_of(path)), place(name)) for path in FILES for name in imports(path) if name.startswith("codels.")
    }
    assert set(SIBLINGS) <= found


OUTSIDE = [
    # a library, who alone may import it; of the one that uses the network, who asks the hub, and who asks a server
    ("pygls", "codels.lsp."),
    ("lsprotocol", "codels.lsp."),
    ("llama_cpp", "codels.backends."),
    ("numpy", "codels.backends."),
    ("torch", "codels.backends."),
    ("tokenizers", "codels.backends."),
    ("transformers", "codels.backends."),
    ("ctransformers", "codels.backends."),
    ("huggingface_hub", "codels.registry.download"),
    ("httpx2", ("codels.registry.download", "codels.backends.remotehttp")),
    ("ssl", "codels.backends.remotehttp"),
    ("psutil", "codels.hardware"),
    ("socket", "codels.nobody."),  # no other network
    ("urllib.request", "codels.nobody."),
    ("http", "codels.nobody."),
    ("requests", "codels.nobody."),
    ("httpx", "codels.nobody."),
]


@pytest.mark.parametrize(("library", "home"), OUTSIDE)
def test_a_library_has_its_home(library: str, home: str | tuple[str, ...]) -> None:
    users = {module_of(p) for p in FILES for name in imports(p) if (name + ".").startswith(library + ".")}
    assert [user for user in users if not user.startswith(home)] == []


def test_the_libraries_are_found_where_they_live() -> None:
    """So that the test above does not pass for want of finding anything."""
    assert any(name.startswith("pygls.") for name in imports(PACKAGE / "lsp" / "protocol.py"))
    assert "llama_cpp" in imports(PACKAGE / "backends" / "llamanative.py")
    assert "httpx2" in imports(PACKAGE / "registry" / "download.py")
    assert "httpx2" in imports(PACKAGE / "backends" / "remotehttp.py")


WORDS = ("utf_16", "utf-16", "utf16")


def test_only_convert_knows_utf_16() -> None:
    """Others may name an encoding to hand it over (the default of a document); nobody else computes with one."""
    for path in FILES:
        if module_of(path) == "codels.lsp.convert":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("encode", "decode")
            ):
                said = ast.unparse(node).lower()
                assert not any(word in said for word in WORDS), f"{path}: {said}"
        if "lsp" not in path.parts and path.name != "lspclient.py":
            assert not any(word in path.read_text("utf-8").lower() for word in WORDS), path


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 220


@pytest.mark.parametrize("path", sorted((PACKAGE / "lsp").glob("*.py")), ids=module_of)
def test_nothing_is_printed_where_standard_output_is_the_channel(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    prints = [ast.unparse(call) for call in calls if ast.unparse(call.func) == "print"]
    assert [said for said in prints if "file=sys.stderr" not in said] == []


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_module_says_what_it_is(path: Path) -> None:
    assert path.name in ("__main__.py",) or ast.get_docstring(ast.parse(path.read_text("utf-8")))


HEAVY = {
    *("pygls", "lsprotocol", "llama_cpp", "numpy", "torch", "cattrs"),
    *("huggingface_hub", "httpx2", "filelock", "psutil"),
}

STARTS = [
    ("help", "from codels.cli import main; main(['--help'])"),
    ("version", "from codels.cli import main; main(['--version'])"),
    ("a command's help", "from codels.cli import main; main(['complete', '--help'])"),
    ("a bad option", "from codels.cli import main; main(['--nonsense'])"),
    (
        "what doctor says of itself",
        "from codels.commands import doctor; from codels.registry import store\n"
        "print(list(doctor._installed()), list(doctor._described(store.find('codels-tiny'))))",
    ),
    ("a model that does not exist", "from codels.cli import main; main(['complete', 'x.py:1:1', '--model', 'none'])"),
    ("a baseline measured", "from codels.cli import main; main(['evaluate', 'copy', 'line-end', '--data', 'none'])"),
    ("the list of models", "from codels.cli import main; main(['models', 'list'])"),
    ("what a pull is made of", "import codels.registry.pull"),
    ("the keystroke's own modules", "import codels.completion, codels.runtime, codels.registry.store"),
]


@pytest.mark.parametrize("code", [code for _, code in STARTS], ids=[name for name, _ in STARTS])
def test_a_start_imports_nothing_heavy(code: str) -> None:
    tail = f"import sys; print('LOADED', sorted({HEAVY!r} & set(sys.modules)))"
    program = f"try:\n    exec({code!r})\nexcept SystemExit:\n    pass\n{tail}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[-1:] == ["LOADED []"], done.stdout + done.stderr
