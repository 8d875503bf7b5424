#!/usr/bin/env bash
# The best checkpoint from few items: measure what the race asks for, until it is decided.
#
#   bash examples/race.sh [RESULTS]
#
# For a race of your own change RUN and TASKS. It may be stopped and started again: finished work is skipped.
# Exit codes: 0 decided; 1 something could not be measured; 2 it could not be done.
set -euo pipefail
cd "$(dirname "$0")/.."

RUN=examples/tiny_run/checkpoints
TASKS=(--tasks all --custom-tasks examples/tiny_run/tasks.py)
RESULTS=${1:-race_results}

# One item of each task on one checkpoint: from then on the records say what the tasks are and how large.
uv run scripts/lighteval_vllm_uv.py --model "$RUN/step_100" "${TASKS[@]}" --limit 1 --output-dir "$RESULTS"

before=
while true; do
    code=0
    plan=$(uv run scripts/benchmark_calculator.py "$RUN" --results "$RESULTS" --plan-next) || code=$?
    printf '%s\n' "$plan"
    [[ $code -eq 3 ]] || exit "$code"
    next=$(tail -n 1 <<<"$plan")
    if [[ $next == "$before" || $next != "uv run scripts/lighteval_vllm_uv.py "* ]]; then
        echo "the race does not get on: measure what the last line says by hand" >&2
        exit 2
    fi
    before=$next
    eval "$next" # its words are quoted by benchmark_calculator.py
done
