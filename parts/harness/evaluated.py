"""What harnesses evaluate in this process is data: a model's answer, a row's text. None of it becomes a program here.

An audit hook sees what `eval` and `exec` are about to run, what is asked for and started, and at whose word. Five
rules: a text that sympy reads as a formula (`parse_expr`, `sympify`: lm-eval's and lighteval's graders give it a
model's answer) names sympy's mathematics alone; a text that the code of lm-eval or lighteval evaluates by itself
(countdown's equations, the endings of Arabic HellaSwag) is a literal or arithmetic of numbers, unless a model's
programs may run here; SQL that a model writes for a task of inspect_evals reaches that task's data base alone; a JSON
schema (of a row, in jsonschema_bench) has all its parts in itself, or in the standard; and what reads a row's picture
or sound starts no program for it (PostScript is one: Pillow gives it to Ghostscript). Not seen: what runs in a child
that is no fork of this process.
"""

from __future__ import annotations

import dis
import functools
import re
import sys
from types import CodeType
from typing import Any

from parts.frame import ScriptError, single_line
from parts.harness.services import Unanswered
from parts.harness.surroundings import DataLoads

EVALUATING = {"lm_eval", "lighteval"}  # whose own `eval` and `exec` get what a model or a row says
# Of sympy's packages those that calculate, without what makes, reads or shows programs.
MATHEMATICS = re.compile(
    r"sympy\.(algebras|calculus|concrete|core|discrete|functions|geometry|integrals|logic|matrices|ntheory|polys|series|"
    r"sets|simplify|solvers|tensor)\b(?!\.(cache|sympify|epathtools)\b)"
)
PURE_BUILTINS = {"abs", "divmod", "len", "max", "min", "pow", "round", "sum"}  # of Python's own functions
NO_FORMULA = re.compile(r"FORMAT_|BUILD_STRING|CONVERT_|STORE_|DELETE_|IMPORT_|MAKE_|LOAD_BUILD_CLASS|LOAD_CLOSURE")
PLAIN_TEXT = re.compile(r"(?!.*__)\w*|[\d.]+(e[+-]?\d+)?j?", re.IGNORECASE)  # the name of a symbol, a number
FORMULA_ATTRIBUTE = re.compile(r"[A-Z]\w*|[LR]?open")  # `S.Reals`, `Interval.open`
# What reads a row's pictures and sounds by what is in them; and the events before a program is started.
DECODERS = {"PIL", "audioread", "imageio", "imageio_ffmpeg", "librosa", "moviepy", "pdf2image", "pydub"}
STARTS = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec")
SQL_STEPS = 200_000_000  # of SQLite's machine in one statement: some seconds


class EvaluatedText:
    """programs: whether `--sandbox local` lets a harness run here what a model wrote."""

    programs = False


class NoFormula(ValueError):
    """A text that would run as a program; graders take it as an answer that they cannot read."""


def guard_evaluation(sandbox: str | None) -> None:
    """From now on harnesses evaluate no programs, but where `--sandbox local` lets them."""
    EvaluatedText.programs = sandbox == "local"
    hook_evaluation()
    guard_sql()


@functools.cache
def hook_evaluation() -> None:
    sys.addaudithook(look_at_evaluation)


def look_at_evaluation(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook; NoFormula or ScriptError for what is refused."""
    rule = EVENT_RULES.get(event)
    if rule:
        rule(arguments[0], sys._getframe(1))


def module_of(frame: Any) -> str:
    return str(frame.f_globals.get("__name__"))


def package_asking(frame: Any) -> str:
    """The package at whose word something is done: of the nearest frame that is not of Python's own library."""
    while frame and module_of(frame).partition(".")[0] in sys.stdlib_module_names:
        frame = frame.f_back
    return module_of(frame).partition(".")[0] if frame else ""


def refuse_text(code: CodeType, frame: Any) -> None:
    """NoFormula for a text that would be run and is no formula, or no literal."""
    if module_of(frame) == "sympy.parsing.sympy_parser" and frame.f_code.co_name == "eval_expr":
        refuse_words(code, frame.f_locals)
    elif not EvaluatedText.programs and module_of(frame).partition(".")[0] in EVALUATING:
        refuse_words(code, None)


def refuse_schema_elsewhere(address: str, frame: Any) -> None:
    """NoFormula where a schema names an address, or a file, as a part of it: what it judges has no score."""
    if package_asking(frame) == "jsonschema":
        reason = f"a schema of the task's data has a part at {single_line(address)[:100]}: nothing is read from there"
        Unanswered.reasons[address] = reason
        raise NoFormula(reason)


def refuse_program(program: Any, frame: Any) -> None:
    """ScriptError (3) where what reads a picture or a sound would start a program for it."""
    if (package := package_asking(frame)) in DECODERS:
        DataLoads.refused = ScriptError(
            f"a picture or a sound of the task's data makes {package} start {single_line(program)[:60]}, as one in "
            "PostScript, which is a program, does: nothing was started; convert it (to PNG, to WAV)",
            code=3,
        )
        raise DataLoads.refused


EVENT_RULES = {"exec": refuse_text, "urllib.Request": refuse_schema_elsewhere} | dict.fromkeys(STARTS, refuse_program)


def refuse_words(code: CodeType, names: dict[str, Any] | None) -> None:
    """NoFormula for code that is no formula; names: sympy's and the caller's own, None: no name is let pass."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            bad = names is None or not may_name(step.argval, names)
        elif "ATTR" in step.opname or "METHOD" in step.opname:
            bad = names is None or not FORMULA_ATTRIBUTE.fullmatch(str(step.argval))
        elif "CONST" in step.opname:
            bad = isinstance(step.argval, CodeType) or (names is not None and not plain_constant(step.argval))
        else:
            bad = NO_FORMULA.search(step.opname)
        if bad:
            raise NoFormula(
                f"a text of the task's data or of a model would run as a program ({step.argval!r:.60}): not evaluated"
            )


def may_name(name: str, names: dict[str, Any]) -> bool:
    """Whether a formula may name this: what the caller of the parser gave, mathematics of sympy, `abs` and its like."""
    if name in (names.get("local_dict") or {}):
        return True
    value = (names.get("global_dict") or {}).get(name)
    if name.startswith("_") or name == "nsolve" or value is None:
        return False
    owner = getattr(value, "__module__", None)
    return name in PURE_BUILTINS or bool(MATHEMATICS.match(owner if isinstance(owner, str) else type(value).__module__))


def plain_constant(value: Any) -> bool:
    """Whether a constant of a formula is a number, or a name or number as text."""
    if isinstance(value, tuple | frozenset):
        return all(map(plain_constant, value))
    return not isinstance(value, bytes) and (not isinstance(value, str) or bool(PLAIN_TEXT.fullmatch(value)))


@functools.cache
def guard_sql() -> None:
    """Let a task's connection to SQLite take and write no other file, make no huge value, and end what goes on."""
    import sqlite3

    connect = sqlite3.connect

    @functools.wraps(connect)
    def guarded_connect(*rest: Any, **more: Any) -> Any:
        connection = connect(*rest, **more)
        if str(sys._getframe(1).f_globals.get("__name__")).partition(".")[0] == "inspect_evals":
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # `VACUUM INTO` attaches, too
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)
            connection.set_progress_handler(lambda: True, SQL_STEPS)
        return connection

    sqlite3.connect = guarded_connect
