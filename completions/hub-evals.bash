# What bash offers behind `uv run scripts/NAME.py`. In ~/.bashrc, behind uv's own completion:
#   source PLACE/completions/hub-evals.bash
# In zsh first: autoload -U +X bashcompinit && bashcompinit
# Written by parts/completion.py.

_hub_evals_words() {
    case "$1" in
        'benchmark_calculator.py --scoring=') echo 'auto measured step-formula' ;;
        'benchmark_calculator.py --tie-break=') echo 'earliest latest smallest' ;;
        'benchmark_calculator.py --card-unit=') echo 'percent proportion' ;;
        benchmark_calculator.py) echo '--help --version --help-all --results --scoring --mapping --benchmarks --result-id --weights --score-function --tie-break --baseline-model --baseline-step --smooth --exclude --allow-unlike --cluster-by --draws --seed --plan-next --race-alpha --race-budget --custom-tasks --history --json --full --report --force --figures --prepare --card --card-unit --card-column --unmarked --assets --keep-training-state --push --public --private --create-pr --token-file --dry-run' ;;
        'check_contamination.py --rule=') echo 'longest 13-gram 8-gram 50-char' ;;
        'check_contamination.py --gap=') echo '0 1 2 3 4 5 6' ;;
        check_contamination.py) echo '--help --version --help-all --training --items --text-field --item-fields --rule --min-words --min-share --boilerplate-items --gap --no-filter --results --mapping --model-id --min-items --skip-broken --workers --report --show-text --clean-items --output --force --json' ;;
        'compare_results.py --rule=') echo 'release finetune select choose' ;;
        compare_results.py) echo '--help --version --help-all --baseline --candidate --items-for --tried --results --rule --facts --target --policy --mapping --benchmarks --metric --result-id --cluster-by --by --only-items --history --latest --aa --assume --allow-unlike --report --output --junit --github --force --json' ;;
        'convert_results.py --format=') echo 'lighteval lm-eval inspect helm lmms-eval evalchemy evalscope mteb olmes nemo opencompass evalplus swe-bench simple-evals trainer every-eval-ever' ;;
        convert_results.py) echo '--help --version --help-all --output-dir --model-id --checkpoints --data --task --format --harness-version --json --dry-run' ;;
        'evaluation_manager.py inspect-tables') echo '--help --version --repo-id --card --json --revision --table --around --draft --output --force' ;;
        'evaluation_manager.py --format=') echo 'model-index eval-results both' ;;
        'evaluation_manager.py extract-readme') echo '--help --version --repo-id --card --json --revision --table --selection --model-column-index --model-row-index --model-name-override --force-table --all-tables --metric --dataset-name --output --force --task-type --format --counts-as --own-harness --scale --apply --create-pr --update-pr --allow-duplicate-pr --again --replace --beside --commit-message --token-file --dry-run' ;;
        'evaluation_manager.py import-aa') echo '--help --version --repo-id --card --json --creator-slug --model-name --list --save-raw-json --input-json --output --force --task-type --format --counts-as --own-harness --scale --apply --create-pr --update-pr --allow-duplicate-pr --again --replace --beside --commit-message --token-file --dry-run' ;;
        'evaluation_manager.py add') echo '--help --version --repo-id --card --json --results --value --source --model-id --benchmark --allow-partial --allow-invalid --latest --mapping --output --force --task-type --format --counts-as --own-harness --scale --apply --create-pr --update-pr --allow-duplicate-pr --again --replace --beside --commit-message --token-file --dry-run' ;;
        'evaluation_manager.py apply') echo '--help --version --repo-id --card --json --output --force --mapping --adopt --task-type --format --dataset-name --counts-as --own-harness --scale --apply --create-pr --update-pr --allow-duplicate-pr --again --replace --beside --commit-message --token-file --dry-run' ;;
        'evaluation_manager.py show') echo '--help --version --repo-id --card --json --revision' ;;
        'evaluation_manager.py validate') echo '--help --version --repo-id --card --json --revision --eval-results' ;;
        'evaluation_manager.py check') echo '--help --version --repo-id --card --json --revision --table --selection --model-column-index --model-row-index --model-name-override --force-table --results --model-id --benchmark --mapping --latest --another-run --report --force' ;;
        'evaluation_manager.py get-prs') echo '--help --version --repo-id --json' ;;
        'evaluation_manager.py contribute') echo '--help --version --results --model-id --repo-id --dataset --allow-partial --allow-invalid --create-pr --again --token-file --dry-run --json' ;;
        'evaluation_manager.py benchmarks') echo '--help --version --results --refresh --workers --json' ;;
        'evaluation_manager.py batch') echo '--help --version --repo-ids --trending --author --benchmarks --from --save-raw-json --input-json --output-dir --resume --workers --json --task-type --format --counts-as --own-harness --scale --create-pr --max-prs --token-file --dry-run' ;;
        evaluation_manager.py) echo '--help --version --help-all inspect-tables extract-readme import-aa add apply show validate check get-prs contribute benchmarks batch' ;;
        'inspect_eval_uv.py --write-task=') echo 'lighteval lm_eval inspect' ;;
        'inspect_eval_uv.py --sandbox=') echo 'docker local' ;;
        inspect_eval_uv.py) echo '--help --version --help-all --model --task --tasks --questions --map --score --template --shots-from --shots --show --write-task --provider --base-url --limit --max-samples --max-connections --temperature --max-tokens --system-prompt --seed --repeats --reasoning-tags --sandbox --output-dir --model-id --results-repo --list-tasks --json --dry-run' ;;
        'inspect_vllm_uv.py --write-task=') echo 'lighteval lm_eval inspect' ;;
        'inspect_vllm_uv.py --backend=') echo 'auto vllm hf' ;;
        'inspect_vllm_uv.py --dtype=') echo 'auto float32 bfloat16 float16' ;;
        'inspect_vllm_uv.py --sandbox=') echo 'docker local' ;;
        'inspect_vllm_uv.py --stop-when=') echo declining ;;
        inspect_vllm_uv.py) echo '--help --version --help-all --model --task --tasks --questions --map --score --template --shots-from --shots --show --write-task --backend --limit --max-samples --max-connections --dtype --device --tensor-parallel-size --data-parallel-size --gpu-memory-utilization --max-model-len --temperature --max-tokens --use-chat-template --system-prompt --trust-remote-code --seed --repeats --reasoning-tags --sandbox --output-dir --model-id --results-repo --base-model --keep-downloads --watch --until-step --stop-when --list-tasks --json --dry-run' ;;
        'leaderboard.py collect') echo '--help --version --trending --repo-ids --author --official --every-eval-ever --leaderboard-data --results --latest --mapping --benchmarks --primary --runs --keep-own-runs --adopt --no-prs --output-dir --workers --dry-run --json' ;;
        'leaderboard.py --source=') echo 'verified author_metadata merged_community on_leaderboard open_pr own_run reported' ;;
        'leaderboard.py show') echo '--help --version --data --benchmark --model --source --primary --top --json' ;;
        'leaderboard.py diff') echo '--help --version --top --json' ;;
        'leaderboard.py serve') echo '--help --version --data --primary --adopt --host --port' ;;
        'leaderboard.py export') echo '--help --version --data --primary --adopt --output-dir' ;;
        'leaderboard.py push') echo '--help --version --data --dataset --space --public --private --adopt --hardware --token-file --apply --dry-run --json' ;;
        leaderboard.py) echo '--help --version --help-all collect show diff serve export push' ;;
        'lighteval_vllm_uv.py --write-task=') echo 'lighteval lm_eval inspect' ;;
        'lighteval_vllm_uv.py --backend=') echo 'auto accelerate vllm' ;;
        'lighteval_vllm_uv.py --dtype=') echo 'auto float32 bfloat16 float16' ;;
        'lighteval_vllm_uv.py --sandbox=') echo 'docker local' ;;
        'lighteval_vllm_uv.py --stop-when=') echo declining ;;
        lighteval_vllm_uv.py) echo '--help --version --help-all --model --tasks --task --questions --map --score --template --shots-from --shots --show --write-task --custom-tasks --backend --limit --max-samples --batch-size --max-tokens --max-model-len --gpu-memory-utilization --tensor-parallel-size --dtype --device --use-chat-template --system-prompt --trust-remote-code --temperature --repeats --reasoning-tags --sandbox --seed --output-dir --results-repo --model-id --base-model --keep-downloads --watch --until-step --stop-when --list-tasks --json --dry-run' ;;
        'lm_eval_vllm_uv.py --write-task=') echo 'lighteval lm_eval inspect' ;;
        'lm_eval_vllm_uv.py --backend=') echo 'auto hf vllm' ;;
        'lm_eval_vllm_uv.py --dtype=') echo 'auto float32 bfloat16 float16' ;;
        'lm_eval_vllm_uv.py --sandbox=') echo 'docker local' ;;
        'lm_eval_vllm_uv.py --stop-when=') echo declining ;;
        lm_eval_vllm_uv.py) echo '--help --version --help-all --model --tasks --task --questions --map --score --template --shots-from --shots --show --write-task --custom-tasks --backend --limit --max-samples --batch-size --max-tokens --dtype --device --tensor-parallel-size --data-parallel-size --gpu-memory-utilization --max-model-len --use-chat-template --system-prompt --reasoning-tags --temperature --repeats --trust-remote-code --sandbox --seed --output-dir --results-repo --model-id --base-model --keep-downloads --watch --until-step --stop-when --list-tasks --json --dry-run' ;;
        'run_eval_job.py --split=') echo 'model task both' ;;
        'run_eval_job.py status') echo '--help --version --runs-dir --json --adopt' ;;
        'run_eval_job.py logs') echo '--help --version --runs-dir --json --adopt --job --tail --follow' ;;
        'run_eval_job.py wait') echo '--help --version --runs-dir --json --adopt' ;;
        'run_eval_job.py cancel') echo '--help --version --runs-dir --json --adopt --job' ;;
        'run_eval_job.py collect') echo '--help --version --runs-dir --json --adopt --output-dir' ;;
        run_eval_job.py) echo '--help --version --help-all --model --task --tasks --provider --hardware --max-connections --temperature --max-tokens --questions --map --score --template --shots-from --shots --limit --max-samples --timeout --namespace --results-repo --max-cost --max-parallel --split --run-id --canceled --image --yes --wait --dry-run --runs-dir --json --adopt status logs wait cancel collect' ;;
        'run_vllm_eval_job.py --framework=') echo 'lighteval inspect lm_eval' ;;
        'run_vllm_eval_job.py --backend=') echo 'vllm accelerate hf' ;;
        'run_vllm_eval_job.py --split=') echo 'model task both' ;;
        'run_vllm_eval_job.py status') echo '--help --version --runs-dir --json --adopt' ;;
        'run_vllm_eval_job.py logs') echo '--help --version --runs-dir --json --adopt --job --tail --follow' ;;
        'run_vllm_eval_job.py wait') echo '--help --version --runs-dir --json --adopt' ;;
        'run_vllm_eval_job.py cancel') echo '--help --version --runs-dir --json --adopt --job' ;;
        'run_vllm_eval_job.py collect') echo '--help --version --runs-dir --json --adopt --output-dir' ;;
        run_vllm_eval_job.py) echo '--help --version --help-all --model --upload --task --tasks --framework --backend --hardware --tensor-parallel-size --gpu-memory-utilization --max-model-len --dtype --batch-size --custom-tasks --use-chat-template --trust-remote-code --force --questions --map --score --template --shots-from --shots --limit --max-samples --timeout --namespace --results-repo --max-cost --max-parallel --split --run-id --canceled --image --yes --wait --dry-run --runs-dir --json --adopt status logs wait cancel collect' ;;
        'score_predictions.py --unicode=') echo 'NFC NFKC none' ;;
        'score_predictions.py --empty-cells=') echo 'answer missing' ;;
        'score_predictions.py --tokenize=') echo '13a intl char zh none ja-mecab ko-mecab flores101 flores200 spm' ;;
        'score_predictions.py --normalize=') echo 'basic whisper whisper-en' ;;
        'score_predictions.py --level=') echo 'nominal ordinal interval ratio' ;;
        score_predictions.py) echo '--help --version --help-all --map --references --metric --custom-metric --benchmark --model-id --model --shots --temperature --sampling-seed --dataset --split --dataset-revision --items-of --output-dir --json --dry-run --figure --parse --reasoning-tags --unicode --unparsed-as-wrong --empty-cells --positive --qrels --tokenize --stemmer --normalize --bins --clip --classifier --toxic-label --threshold --system --rating-range --hidden-reference --mid-anchor --no-screening --without-raters --level --opponent --anchor --draws --seed' ;;
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

complete -o default -F _hub_evals uv benchmark_calculator.py check_contamination.py compare_results.py convert_results.py evaluation_manager.py inspect_eval_uv.py inspect_vllm_uv.py leaderboard.py lighteval_vllm_uv.py lm_eval_vllm_uv.py run_eval_job.py run_vllm_eval_job.py score_predictions.py
