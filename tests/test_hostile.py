"""Files that other hands can touch: whatever stands in them, a command ends soon, in little memory, with an answer.

Each way to spoil a file (hostile/kinds.py) is tried at each place where a script opens one (hostile/slots.py), with the
commands that do, in a child with 10 s of a processor and 1 GB (hostile/cage.py). No file is stored; all are made here.

All pairs take ten minutes: HOSTILE_ALL=1 asks for them. Else every kind, every place and what is no regular file at
every place are tried, and of the rest each fifth pair.
"""

import os
import re
import shutil

import pytest
from hostile.cage import TOKEN, Cage
from hostile.kinds import KINDS
from hostile.slots import PREPARED, SLOTS, copy_run

# C0 but the newline and the tab, DEL, C1, bidirectional controls, line and paragraph separators, lone surrogates.
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udc7f]")
ALL_CASES = [
    (slot, name)
    for slot in SLOTS
    for name, (forms, _) in KINDS.items()
    if (forms is None or slot.form in forms) and name not in slot.skip
]
EVERYWHERE = ("fifo", "link_to_zero", "sparse_3_gb", "escapes_in_strings", "all_null", "card_of_escapes")
SLOW = ("one_line_of_2_gb", "gzip_bomb", "many_keys", "a_million_lines", "long_strings")


def chosen_cases():
    """The pairs of the light tests, the same each time."""
    if os.environ.get("HOSTILE_ALL"):
        return ALL_CASES
    found, seen = [], set()
    for number, (slot, name) in enumerate(ALL_CASES):
        fifth = number % 5 == 0 and name not in SLOW
        if name in EVERYWHERE or fifth or ((slot.form, name) not in seen and name not in {kind for _, kind in seen}):
            found.append((slot, name))
        seen.add((slot.form, name))
    return found


CASES = chosen_cases()


@pytest.fixture(scope="session")
def cage(tmp_path_factory):
    """The process that runs commands, with plans, runs and a board that the scripts made themselves."""
    running = Cage()
    folder = tmp_path_factory.mktemp("prepared")
    copy_run(folder)
    argv = ["add", "--repo-id", "acme/Lumen-7B", "--card", "README.md", "--results", "results"]
    argv += ["--model-id", "tiny_run/step_700", "--output", "plan.json"]
    assert running.run("evaluation_manager", argv, folder).code == 0
    PREPARED["plan"] = (folder / "plan.json").read_text()
    argv = ["--model", "acme/lumen-7b", "--task", "gsm8k|5", "--hardware", "a10g-small", "--dry-run", "--json"]
    argv += ["--namespace", "me", "--run-id"]
    PREPARED["r1"] = running.run("run_vllm_eval_job", [*argv, "r1"], folder).out
    argv = ["--model", "acme/lumen-7b", "--task", "gsm8k", "--dry-run", "--json", "--namespace", "me", "--run-id", "r2"]
    PREPARED["r2"] = running.run("run_eval_job", argv, folder).out
    argv = ["collect", "--results", "results", "--output-dir", "board"]
    assert running.run("leaderboard", argv, folder).code == 0
    PREPARED["board"] = folder / "board"
    yield running
    running.close()


def tree(folder):
    """Each file's place, size and time; what is under out/ may be written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if inside.parts[0] not in ("out", ".lock"):
            found[str(inside)] = (path.lstat().st_size, path.lstat().st_mtime_ns, path.lstat().st_mode)
    return {name: facts for name, facts in found.items() if not (folder / name).is_dir()}


def faults(outcome, json_out=False):
    """What is wrong with how a command ended, whatever it read."""
    found = []
    if outcome.code == 137:
        found.append("no end within its time")
    elif outcome.code not in (0, 1, 2, 3):
        found.append(f"exit code {outcome.code}")
    if "Traceback" in outcome.err:
        found.append("a traceback: " + outcome.lines[-1][:300])
    if outcome.code == 2 and outcome.out:
        found.append("an error with an answer on stdout")
    if outcome.code == 2 and not any(line.startswith("error: ") or ": error: " in line for line in outcome.lines):
        found.append("no error line")
    if max(map(len, outcome.lines), default=0) > 2000:
        found.append("an error of a page")
    for name, text in (("stdout", outcome.out), ("stderr", outcome.err)):
        if raw := RAW.search(text):
            found.append(f"{name} has a raw {raw[0]!r} in {text[max(raw.start() - 30, 0) : raw.end() + 10]!r}")
        if TOKEN in text:
            found.append(f"{name} has the token")
    if outcome.asked:
        found.append(f"asked of the Hub: {outcome.asked}")
    return found


@pytest.mark.parametrize("slot", SLOTS, ids=lambda slot: slot.name)
def test_the_good_folder_is_read(cage, tmp_path, slot):
    slot.lay(tmp_path)
    for script, *argv in slot.commands:
        outcome = cage.run(script, argv, tmp_path)
        assert outcome.code in slot.good_codes, outcome
        assert "Traceback" not in outcome.err


@pytest.mark.parametrize(("slot", "kind"), CASES, ids=lambda value: getattr(value, "name", value))
def test_hostile_file(cage, tmp_path, slot, kind):
    slot.lay(tmp_path)
    place = tmp_path / slot.place
    good = place.read_bytes()
    place.unlink()
    KINDS[kind][1](place, good, slot.form)
    before, found = tree(tmp_path), []
    for script, *argv in slot.commands:
        outcome = cage.run(script, argv, tmp_path)
        found += [f"{script} {' '.join(argv)}: {fault}" for fault in faults(outcome)]
        if (after := tree(tmp_path)) != before:
            found.append(f"{script} {argv[0]}: changed {set(after.items()) ^ set(before.items())}")
            before = after
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert not found, "\n".join(found)
