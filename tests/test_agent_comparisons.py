"""Comparisons of agents by logs of inspect-ai's own `eval` (tests/agent_cases.py): no verdict that they do not support.

Each case has an old and a new run; the new one is better by 25 points, and made in another way, or with something lost.
"""

from __future__ import annotations

import json
from pathlib import Path

import benchmark_calculator as bc
import compare_results as cr
import pytest
from test_convert_results import convert
from test_inspect_conversion import logs_of
from test_records import checkpoints

GO, NO_GO, OPEN, UNLIKE = "GO", "NO-GO", "INCONCLUSIVE", "NOT COMPARABLE"
# case -> (verdict, what must be said)
CASES = {
    "plain_gain": (GO, ""),
    "plain_loss": (NO_GO, ""),
    "plain_equal": (OPEN, ""),
    "shuffled": (GO, ""),
    "connections": (GO, ""),
    # attempts
    "crashed_once": (UNLIKE, "candidate: 30 of 60 answers without a score"),
    "crashed_few": (GO, "5 of 60 attempts lost (5 failed); 0.833 with all of them wrong, 0.917 with all right"),
    "crashed_few_no_gain": (OPEN, "5 of 60 attempts lost (5 failed)"),
    "ungraded_few": (OPEN, "5 of 60 attempts lost (5 without a grade)"),
    "ungraded_many": (UNLIKE, "candidate: 30 of 60 answers without a score"),
    "nan_few": (OPEN, "5 of 60 attempts lost (5 without a grade)"),
    "died_with_epochs": (UNLIKE, "candidate: 90 of 240 answers without a score"),
    "limits_hit": (GO, "10 of 60 attempts stopped by a limit"),
    "cut_off": (UNLIKE, "60 of 60 answers truncated"),
    "score_on_error": (UNLIKE, "4 of 60 attempts failed and were scored all the same"),
    "retry_on_error": (UNLIKE, "retry_on_error: nothing and 5"),
    # what belongs together
    "repositories": (OPEN, "--cluster-by repo"),
    "declared_repositories": (OPEN, ""),
    "same_prompts": (OPEN, ""),
    # whose judgement
    "other_scorer": (UNLIKE, "scorer: match and lenient"),
    "other_scorer_args": (UNLIKE, "scorer_settings"),
    "other_judge": (UNLIKE, "grader_model: mockllm/judge and mockllm/lenient"),
    "other_judge_by_role": (UNLIKE, "grader_model: mockllm/judge and mockllm/lenient"),
    "other_judge_settings": (UNLIKE, "grader_settings"),
    "other_judge_prompt": (UNLIKE, "grader_prompt_hash"),
    "other_judge_partial": (UNLIKE, "grader_prompt_hash"),
    "overwritten": (UNLIKE, "scorer: match and lenient"),
    # measured how
    "other_solver": (UNLIKE, "solver: agent and other_scaffold"),
    "other_solver_args": (UNLIKE, "solver_args"),
    "other_chain": (UNLIKE, "solver: agent and system_message, agent"),
    "other_prompt": (UNLIKE, "solver: agent and prompt_template, agent"),
    "other_tools": (UNLIKE, "solver: agent and use_tools, agent"),
    "other_sandbox": (UNLIKE, "sandbox: nothing and local"),
    "other_message_limit": (UNLIKE, "message_limit: nothing and 50"),
    "other_token_limit": (UNLIKE, "token_limit: nothing and 50000"),
    "other_time_limit": (UNLIKE, "time_limit: nothing and 600"),
    "other_working_limit": (UNLIKE, "working_limit: nothing and 600"),
    "other_effort": (UNLIKE, "reasoning_effort: nothing and high"),
    "other_extra_body": (UNLIKE, "extra_body"),
    "other_temperature": (UNLIKE, "temperature: nothing and 0.7"),
    "other_max_tokens": (UNLIKE, "max_tokens: nothing and 4000"),
    "other_system": (UNLIKE, "system prompt"),
    "other_task_args": (UNLIKE, 'task_args: nothing and {"attempts": 8}'),
    "other_epochs": (UNLIKE, "metric: accuracy and max"),
    "other_pass_at_k": (UNLIKE, "metric: accuracy and pass_at_2"),
    "approval": (UNLIKE, "approval"),
    "fewer_items": (UNLIKE, "30 items only the baseline has"),
    "other_items": (UNLIKE, "the prompts differ"),
    # one run once, two never mixed
    "one_run_in_two_files": (GO, ""),
    "retried": (OPEN, ""),
    "failed_before": (GO, ""),
    "two_scaffolds": (GO, "1 runs are left out (solver: agent and other_scaffold"),
    "two_limits": (UNLIKE, "message_limit"),
}
# What the old and the new run's checkpoints are then ranked by: never these.
UNRANKED = {name for name, (verdict, _) in CASES.items() if verdict == UNLIKE}


@pytest.fixture(scope="session")
def agents() -> Path:
    """The logs of all cases; made once, in a minute."""
    return logs_of(Path(__file__).with_name("agent_cases.py"))


class Compared:
    """A case converted: the old run as run/step_1, the new one as run/step_2."""

    def __init__(self, folder: Path, logs: Path, capsys) -> None:
        self.folder, self.logs, self.capsys = folder, logs, capsys
        self.root, self.results = checkpoints(folder / "run", "step_1", "step_2"), folder / "results"

    def read(self, case: str) -> int:
        code = 0
        for side, step in (("old", "step_1"), ("new", "step_2")):
            code |= convert(self.logs / case / side, output=self.results, options=["--model-id", f"run/{step}"])
        for path in self.results.rglob("*.json"):
            record = json.loads(path.read_text())
            step = record["model_info"]["id"].split("/")[1]
            record["model_info"].setdefault("additional_details", {})["path"] = str(self.root / step)
            path.write_text(json.dumps(record))
        self.capsys.readouterr()
        return code

    def call(self, script, *arguments) -> tuple[int, dict, str]:
        code = script.main([str(argument) for argument in (*arguments, "--results", self.results, "--json")])
        captured = self.capsys.readouterr()
        return code, json.loads(captured.out) if captured.out.startswith("{") else {}, captured.err

    def compare(self, *more) -> tuple[int, dict, str]:
        return self.call(cr, "--baseline", "run/step_1", "--candidate", "run/step_2", *more)


@pytest.fixture
def compared(agents, tmp_path, capsys) -> Compared:
    return Compared(tmp_path, agents, capsys)


@pytest.mark.parametrize("case", list(CASES))
def test_a_verdict_is_what_the_logs_support(compared, case):
    wanted, said = CASES[case]
    compared.read(case)
    code, document, err = compared.compare()
    (row,) = document["benchmarks"]
    assert row["verdict"] == wanted, (row["notes"], err)
    assert code == {GO: 0, NO_GO: 1}.get(wanted, 3)
    assert said in "; ".join(row["notes"])


@pytest.mark.parametrize("case", sorted(UNRANKED))
def test_what_is_not_comparable_is_not_ranked_as_better(compared, case):
    """The ranking asks, or leaves one of the two out and says why."""
    compared.read(case)
    code, document, err = compared.call(bc, compared.root)
    ranked = [row["name"] for row in document.get("checkpoints", []) if row.get("eval_accuracy") is not None]
    assert code == 3 or len(ranked) < 2, (case, ranked, err)


def test_items_of_a_repository_compared_by_it(compared):
    compared.read("repositories")
    code, document, _ = compared.compare("--cluster-by", "none")
    assert code == 0 and document["benchmarks"][0]["verdict"] == GO  # what was asked about matters
    code, document, _ = compared.compare("--cluster-by", "repo")
    assert code == 3 and document["benchmarks"][0]["verdict"] == OPEN


@pytest.mark.parametrize(
    ("case", "groups"), [("declared_repositories", "12 clusters"), ("same_prompts", "12 clusters")]
)
def test_declared_clusters_and_repeated_prompts_are_used(compared, case, groups):
    compared.read(case)
    _, document, _ = compared.compare()
    assert groups in document["benchmarks"][0]["method"]
    _, document, _ = compared.compare("--cluster-by", "none")
    assert document["benchmarks"][0]["verdict"] == GO


def test_a_retry_counts_what_it_retried(compared):
    compared.read("retried")
    _, document, _ = compared.compare()
    assert document["benchmarks"][0]["score"]["score"] == pytest.approx(35 / 60)


def test_a_metric_of_no_known_direction_is_asked_about(compared):
    compared.read("unknown_direction")
    code, _, err = compared.compare("--result-id", "toy/hallucination")
    assert code == 3 and "nothing says whether more hallucination" in err


def test_two_models_are_not_called_one(compared):
    assert compared.read("two_models") != 0
    assert not list(compared.results.rglob("step_2"))


def test_two_states_of_a_model_are_asked_about(compared):
    compared.read("two_nights")
    code, _, err = compared.compare()
    assert code == 3 and "measured 2 times" in err and "--latest" in err


def test_a_run_is_named_by_what_differs(compared):
    compared.read("two_limits")
    baseline = ("--baseline", "run/step_2[message_limit=10]", "--candidate", "run/step_2[message_limit=100]")
    code, document, err = compared.call(cr, *baseline)
    assert code == 3 and "message_limit: 10 and 100" in "; ".join(document["benchmarks"][0]["notes"]), err
