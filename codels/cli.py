"""The command line. Each command's work and its imports lie in a module of their own, so that help is instant."""

from __future__ import annotations

import argparse
import io
import os
import sys

from codels import __version__
from codels.errors import CodelsError

ROLES = ("completion", "docstring", "instruct", "embed")
"""Those of `core.Role`, whose import help can do without."""

EVALUATE_SETS = (
    "line-end, whole-line, block, docstring, replay, latency, infilling-single-line or infilling-random-span-light"
)


def main(argv: list[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a sign that a terminal lacks must not cost the answer
    try:
        code = _run(argv)
    except CodelsError as error:
        print(f"codels: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # `codels … | head`: nobody reads, which is no error to show
    sys.exit(code)


def _run(argv: list[str] | None) -> int:
    try:
        options = _parser().parse_args(argv)
        code: int = options.run(options)
        return code
    finally:
        if sys.stdout:
            sys.stdout.flush()  # that nobody reads shows here, and not when the interpreter ends


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("codels", description="Code completion by a local model, for any editor.")
    parser.add_argument("--version", action="version", version=f"codels {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="the language server, on standard input and output")
    serve.add_argument("--tcp", default="", metavar="HOST:PORT", help="listen on loopback instead, for debugging")
    serve.set_defaults(run=_serve)

    complete = commands.add_parser("complete", help="complete one place in a file")
    complete.add_argument("place", metavar="FILE:LINE:COL", help="both count from 1, COL in characters")
    complete.add_argument("-v", "--verbose", action="store_true", help="each stage with its milliseconds")
    complete.add_argument("--json", action="store_true", help="the answer as JSON")
    complete.add_argument("--model", default="", metavar="ID", help="a model id, or the path of a .gguf file")
    complete.set_defaults(run=_complete)

    try_ = commands.add_parser("try", help="see the built-in model complete real code")
    try_.set_defaults(run=_try)

    doctor = commands.add_parser("doctor", help="what is installed, and whether it works")
    doctor.add_argument("of", nargs="?", default="", metavar="MODEL", help="a model id, or the path of a .gguf file")
    doctor.add_argument("--model", default="", metavar="ID", help="the same")
    doctor.set_defaults(run=_doctor)

    _add_bench(commands.add_parser("bench", help="measure a typist's session through the real server"))

    evaluate = commands.add_parser("evaluate", help="measure a model on code that it has not seen")
    evaluate.add_argument("model", metavar="MODEL", help="a model id, the path of a .gguf file, or a baseline's name")
    evaluate.add_argument("set", metavar="SET", help=EVALUATE_SETS)
    evaluate.add_argument("--data", default="", metavar="PATH", help="a corpus of JSON lines, or a folder of Python")
    evaluate.add_argument("--n", type=_count, default=0, metavar="N", help="how many tasks (the set's own number)")
    evaluate.add_argument("--seed", type=int, default=0, metavar="N")
    evaluate.add_argument("--out", default="", metavar="FILE", help="keep each row there; a later run goes on with it")
    evaluate.add_argument("--typed", action="store_true", help="as while typing: only what would be shown unasked")
    evaluate.add_argument(
        "--without-walls", action="store_true", help="run generated code even where nothing shuts it in"
    )
    evaluate.add_argument("--json", action="store_true", help="the numbers as JSON")
    evaluate.set_defaults(run=_evaluate)

    _add_models(commands.add_parser("models", help="the models there are: see, fetch, check, remove"))
    return parser


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="", metavar="ID", help="a model id, or the path of a .gguf file")
    parser.add_argument("--only", default="", choices=("startup", "typing", "sizes", "cancel", "speed"))
    parser.add_argument(
        "--shape", default="", metavar="SIZE", help="random weights in the shape of a 0.5b, 1.5b, 3b or 7b"
    )
    parser.add_argument("--keys", type=_count, default=60, metavar="N", help="keystrokes in each file (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--json", action="store_true", help="the numbers as JSON")
    parser.set_defaults(run=_bench)


def _add_models(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    one = argparse.ArgumentParser(add_help=False)
    one.add_argument("model", metavar="ID", help="a model id, or ID:QUANTISATION")
    json_ = argparse.ArgumentParser(add_help=False)
    json_.add_argument("--json", action="store_true", help="the answer as JSON")
    commands.add_parser("list", parents=[json_], help="all models; a check mark: it is on this machine")
    commands.add_parser("info", parents=[one, json_], help="what is known of a model")
    pull = commands.add_parser("pull", parents=[one, json_], help="fetch a model from the Hugging Face hub")
    pull.add_argument("--offline", action="store_true", help="fetch nothing, and say what would be needed")
    verify = commands.add_parser("verify", parents=[json_], help="check the hashes of the files")
    verify.add_argument("models", metavar="ID", nargs="*", help="a model id (all that are on this machine)")
    commands.add_parser("path", parents=[one, json_], help="where the file of a model lies")
    add = commands.add_parser("add", parents=[json_], help="make a .gguf file, or a repository of the hub, a model")
    add.add_argument("name", metavar="PATH|REPO", help="a file; or owner/name, owner/name:Q4_K_M, or its address")
    add.add_argument("--id", default="", help="what it is to be called (the name of the file or the repository)")
    add.add_argument("--offline", action="store_true", help="fetch nothing")
    use = commands.add_parser("use", parents=[json_], help="choose the model that editors work with, from now on")
    use.add_argument("model", metavar="ID", help="a model id, the path of a .gguf file, or auto: codels chooses")
    use.add_argument("--role", default="completion", choices=ROLES, help="what it is for (%(default)s)")
    commands.add_parser("rm", parents=[one, json_], help="remove what was pulled of a model, and what `add` wrote")
    parser.set_defaults(run=_models)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text}")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    import asyncio  # which `codels models list` can do without

    async def run() -> int:
        from codels.engine.process import spawn

        engine = await spawn(warm="llama.cpp")  # its imports run beside ours
        from codels.lsp.server import serve

        return await serve(engine, options.tcp)

    code = asyncio.run(run())
    sys.stderr.flush()
    os._exit(code)  # a thread may still wait for input that never comes


def _complete(options: argparse.Namespace) -> int:
    from codels.commands.complete import complete

    return complete(options.place, options.model, options.verbose, options.json)


def _try(_options: argparse.Namespace) -> int:
    from codels.commands.complete import try_out

    return try_out()


def _doctor(options: argparse.Namespace) -> int:
    from codels.commands.doctor import doctor

    return doctor(options.of or options.model)


def _bench(options: argparse.Namespace) -> int:
    from codels.bench import bench
    from codels.bench.shapes import written

    if not options.shape:
        return bench(options.model, options.only, options.keys, options.seed, options.json)
    with written(options.shape) as path:
        return bench(str(path), options.only or "speed", options.keys, options.seed, options.json)


def _evaluate(options: argparse.Namespace) -> int:
    from codels.commands.evaluate import Options, evaluate

    names = {"model": options.model, "set": options.set, "data": options.data, "out": options.out}
    flags = {"is_json": options.json, "is_typed": options.typed, "is_unwalled": options.without_walls}
    return evaluate(Options(**names, **flags, n=options.n, seed=options.seed))


def _models(options: argparse.Namespace) -> int:
    from codels.commands import models

    if options.command == "list":
        return models.list_(options.json)
    if options.command == "verify":
        return models.verify(options.models, options.json)
    if options.command == "pull":
        from codels.commands.pull import pull_model

        return pull_model(options.model, options.offline, options.json)
    if options.command == "add":
        from codels.commands.add import add

        return add(options.name, options.id, options.offline, options.json)
    if options.command == "use":
        from codels.commands.use import use

        return use(options.model, options.role, options.json)
    if options.command == "rm":
        from codels.commands.remove import remove

        return remove(options.model, options.json)
    return {"info": models.info, "path": models.path}[options.command](options.model, options.json)
