#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Write completions/hub-evals.bash: what a shell offers behind the scripts' names, from their own command lines.

  uv run parts/completion.py            write it
  uv run parts/completion.py --check    say whether it is what the scripts' command lines give

Exit codes: 0 written, or as it should be; 1 --check found another text.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "completions" / "hub-evals.bash"
SHELL = r"""# What bash offers behind `uv run scripts/NAME.py`. In ~/.bashrc, behind uv's own completion:
#   source PLACE/completions/hub-evals.bash
# In zsh first: autoload -U +X bashcompinit && bashcompinit
# Written by parts/completion.py.

_hub_evals_words() {
    case "$1" in
@WORDS@
    esac
}

_hub_evals() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" name="" verb="" place
    for ((place = 0; place < COMP_CWORD; place++)); do
        if [[ -n "$name" && -z "$verb" && -n "$(_hub_evals_words "$name ${COMP_WORDS[place]}")" ]]; then
            verb="${COMP_WORDS[place]}"
        fi
        [[ "${COMP_WORDS[place]}" == *.py && -z "$name" ]] && name="$(basename "${COMP_WORDS[place]}")"
    done
    local words=""
    [[ -n "$name" ]] && words="$(_hub_evals_words "$name $previous=")"
    [[ -z "$words" && -n "$name" ]] && words="$(_hub_evals_words "$name${verb:+ $verb}")"
    if [[ -z "$words" ]]; then
        declare -F _uv > /dev/null && [[ "$1" == uv ]] && _uv "$@"
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o default -F _hub_evals uv @NAMES@
"""


def offers(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """What stands behind a script (or "script.py verb"), and behind its options of few values ("script.py --x=")."""
    words = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            words += action.choices
            for verb, below in action.choices.items():
                yield from offers(f"{name} {verb}", below)
        elif action.help is not argparse.SUPPRESS:
            words += [option for option in action.option_strings if option.startswith("--")]
            if action.choices and action.option_strings:
                yield f"{name.split()[0]} {action.option_strings[-1]}=", [str(choice) for choice in action.choices]
    yield name, words


def written() -> str:
    """The file's text."""
    sys.path.insert(0, str(ROOT / "scripts"))
    found: dict[str, list[str]] = {}
    names = sorted(path.name for path in (ROOT / "scripts").glob("*.py"))
    for name in names:
        for place, words in offers(name, importlib.import_module(name.removesuffix(".py")).build_parser()):
            found[place] = list(dict.fromkeys([*found.get(place, []), *words]))  # one option of two verbs: both values
    cases = [f"        {shlex.quote(place)}) echo {shlex.quote(' '.join(words))} ;;" for place, words in found.items()]
    return SHELL.replace("@WORDS@", "\n".join(cases)).replace("@NAMES@", " ".join(names))


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    text = written()
    if parser.parse_args().check:
        return int(not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != text)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    print(f"written: {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
