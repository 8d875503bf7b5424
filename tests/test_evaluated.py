"""Harnesses evaluate a model's answer and a row's text as formulas, literals and SQL: none becomes a program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "lm_eval/tasks/grader.py": """
from sympy import simplify, sympify
from sympy.parsing.sympy_parser import parse_expr

def formula(text):
    return parse_expr(text)

def as_written(text):
    return parse_expr(text, evaluate=False)

def own_name(text):
    return parse_expr(text, local_dict={"twice": lambda value: 2 * value})

def read(text):
    return simplify(sympify(text) - 0)

def equation(text):
    return eval(text)
""",
    "lighteval/metrics.py": """
def program(text):
    scope = {}
    exec(text, scope)
    return scope["x"]
""",
    "inspect_evals/tool.py": """
import sqlite3

def query(text):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE paid (amount REAL)")
    connection.executemany("INSERT INTO paid VALUES (?)", [(1.5,), (2,)])
    connection.commit()
    return [connection.execute(part).fetchall() for part in text.split(";")][-1]
""",
    "mine.py": "def equation(text):\n    return eval(text)\n",
}
PROGRAM = """
import importlib, json, sys
from parts.harness.evaluated import guard_evaluation
sandbox, calls = json.load(sys.stdin)
if sandbox != "unguarded":
    guard_evaluation(sandbox)
answers = []
for module, function, text in calls:
    try:
        answers.append(str(getattr(importlib.import_module(module), function)(text)))
    except Exception as error:
        answers.append(["NoFormula" if "would run as a program" in str(error) else type(error).__name__])
print(json.dumps(answers))
"""
REFUSED = ["NoFormula"]
GRADER, METRICS, TOOL = "lm_eval.tasks.grader", "lighteval.metrics", "inspect_evals.tool"


@pytest.fixture
def evaluate(tmp_path):
    """What functions of the harnesses give for texts, [error] where they fail."""
    for name, text in FILES.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(text)
    (tmp_path / "here").mkdir()

    def run(*calls, sandbox=None):
        environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}"}
        answer = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=tmp_path / "here", env=environment, capture_output=True, text=True,
            input=json.dumps([sandbox, calls]), check=False,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return run


SYSTEM = "__import__('os').system('echo ran > ran')"
PROGRAMS = [
    SYSTEM, "open('ran', 'w')", f"exec({SYSTEM!r})", f"eval({SYSTEM!r})", f"S({SYSTEM!r})", f"sympify({SYSTEM!r})",
    f"parse_expr({SYSTEM!r})", f"simplify({SYSTEM!r})", f"Symbol({SYSTEM!r})", f"Float({SYSTEM!r})",
    f"lambdify(x, {SYSTEM!r})", "lambdify(x, x)(1)", "preview(x)", "plot(x)", "x.__class__", "x.subs(x, 1)",
    "getattr(x, 'func')", "print(1)", "globals()", "f'{40:c}'", "'%c' % 40", "'a'.join", "(lambda: 1)()",
    "Matrix(1, 1, eval)", "use(x, exec)", "nsolve(x, 1)", "Function('os.system')(1)", "utilities.lambdify",
    "init_session()", "lambda x: open('ran', 'w')", "Matrix([[1, open('ran', 'w')]])", "x if open('ran', 'w') else 1",
]  # fmt: skip
FORMULAS = [
    "x+1", "2*x**2+sin(x)", "Matrix([[1,2],[3,4]])", "Point(1,2)", "Interval.open(0,1)", "sqrt(2)/3", "1.5e-3",
    "S.Reals", "f(x)", "Eq(x,2)", "x>1", "[1,2]", "{1,2}", "abs(x)", "max(1,2)", "5!", "gamma(3)", "Rational(1,3)",
    "10^6", "a_1", "Union(Interval(0,1),FiniteSet(3))", "Sum(1/n**2,(n,1,oo))", "Piecewise((x,x>0),(0,True))",
    "lambda x: x+1", "E**I", "5.2j", "integrate(x,x)", "binomial(5,2)", "x & y", "Matrix([1,2]).T", "log(2,3)", "x_1*é",
]  # fmt: skip


def test_an_answer_that_is_a_program_is_no_formula(evaluate, tmp_path):
    calls = [(GRADER, name, text) for text in PROGRAMS for name in ("formula", "as_written", "read")]
    for sandbox in (None, "docker", "local"):
        for call, said in zip(calls, evaluate(*calls, sandbox=sandbox), strict=True):
            assert said == REFUSED or "SyntaxError" in said, (call, said)
    assert not list((tmp_path / "here").iterdir())


def test_formulas_are_read_as_before(evaluate):
    calls = [(GRADER, name, text) for text in FORMULAS for name in ("formula", "as_written")]
    calls += [(GRADER, "own_name", "twice(x)+1"), (GRADER, "read", "x**2-x*(x-1)")]
    guarded = evaluate(*calls)
    assert guarded == evaluate(*calls, sandbox="unguarded")
    assert not [call for call, said in zip(calls, guarded, strict=True) if isinstance(said, list)]
    assert guarded[-2:] == ["2*x + 1", "x"]


def test_what_a_harness_evaluates_by_itself_is_a_literal(evaluate, tmp_path):
    literals = [(GRADER, "equation", text) for text in ("3*4", " (1+2)/3", "['a', 'b__']", "{'a': (1, None)}")]
    programs = [
        (GRADER, "equation", SYSTEM), (GRADER, "equation", "().__class__"), (GRADER, "equation", "x"),
        (GRADER, "equation", "[1 for _ in ()]"), (METRICS, "program", "x = 1"),
        (METRICS, "program", "import os; x = os"),
    ]  # fmt: skip
    assert evaluate(*literals, *programs) == ["12", "1.0", "['a', 'b__']", "{'a': (1, None)}"] + [REFUSED] * 6
    assert not list((tmp_path / "here").iterdir())
    # The user's own code may, and a harness's where a model's programs were asked for.
    assert evaluate(("mine", "equation", "len('abc')")) == ["3"]
    assert evaluate((METRICS, "program", "x = len('abc')"), sandbox="local") == ["3"]


def test_sql_of_a_model_reaches_its_own_data_base_alone(evaluate, tmp_path):
    (tmp_path / "private.db").write_bytes(b"")
    away, private = tmp_path / "away.txt", tmp_path / "private.db"
    hostile = [
        f"ATTACH '{away}' AS a; CREATE TABLE a.t AS SELECT 'import os'",
        f"VACUUM INTO '{away}'",
        f"ATTACH '{private}' AS p; SELECT * FROM p.sqlite_master",
        f"ATTACH 'file:{private}?mode=ro' AS p; SELECT 1",
        f"SELECT load_extension('{away}')",
        "SELECT length(randomblob(100000000))",
    ]
    said = evaluate(*((TOOL, "query", text) for text in hostile))
    assert all(isinstance(one, list) for one in said), said
    assert not away.exists() and private.read_bytes() == b""
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c"
    calls = [(TOOL, "query", text) for text in (endless, "SELECT sum(amount) FROM paid", "CREATE TEMP TABLE a (b)")]
    assert evaluate(*calls) == [["OperationalError"], "[(3.5,)]", "[]"]
