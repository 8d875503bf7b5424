#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "huggingface_hub>=2.2,<3",
#     "lxml>=6,<7",
#     "markdown-it-py>=4,<5",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
# ]
# ///
"""Read the evaluation tables of a model card: find this model in them and return its scores, and no others.

Reads a card from the Hub (--repo-id) or from disk (--card FILE, no network). Writes to stdout or --output FILE only.

examples:
  uv run scripts/evaluation_manager.py inspect-tables --repo-id acme/Lumen-7B-Instruct \
      --card examples/cards/lumen-7b.md
  uv run scripts/evaluation_manager.py extract-readme --repo-id acme/Lumen-7B-Instruct \
      --card examples/cards/lumen-7b.md --all-tables --json
  uv run scripts/evaluation_manager.py extract-readme --repo-id acme/Lumen-7B-Instruct --table 2 --output scores.yaml
  uv run scripts/evaluation_manager.py extract-readme --repo-id acme/Lumen-7B-Instruct --table 2 \
      --model-name-override "Lumen 7B (ours)"

Exit codes: 0 the scores (or the tables) are on stdout; 1 no evaluation table, or this model is in none: the names that
are there are listed; 2 it could not be done: usage, unreadable card, no README, no access, hostile input (stdout is
empty); 3 undecided: several tables or candidates, all listed with the next command.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import html
import itertools
import json
import os
import re
import shlex
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = "0.1.0"
MAX_CARD = 20_000_000  # characters of a card; the Hub shows at most a few MB
MAX_CELLS = 2_000_000  # grid positions of one table after its spans are expanded
MAX_CELL_TEXT = 4_000  # characters of a cell that are looked at
MAX_PARAGRAPH = 600  # characters of the text around a table that are looked at
WARN_COLUMNS = 40  # columns that inspect-tables prints; --json has all


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- Words: what headers and labels say -------------------------------------------------------------------------

# Header of a column that names the rows, not a score.
HEAD_WORDS = re.compile(
    r"(?i)(?:the )?(?:models?|model ?names?|benchmarks?|bench|tasks?|sub-?tasks?|data ?sets?|test ?sets?|"
    r"eval(?:uation)?s?|"
    r"tests?|metrics?|measures?|names?|methods?|systems?|category|categories|capabilit(?:y|ies)|domains?|topics?|"
    r"areas?|types?|languages?|langpair|language pair|settings?|checkpoints?|variants?|baselines?|llms?|agents?|"
    r"(?:task|benchmark|dataset|model|metric)s?\s*[/\\|&]+\s*(?:task|benchmark|dataset|model|metric)s?|"
    r"evaluation (?:metric|benchmark|task|dataset|set)s?|benchmark (?:name|dataset)s?|task name|"
    r"模型|模型名称|数据集|任务|评测集|评测|基准|类别|指标|模型/数据集|能力|モデル|ベンチマーク|모델|벤치마크|modelo|modell|modèle|тест|модель)"
    r"(?:\s*[(\[（].*)?(?:\s+\d+-shot)?[:：]?"
)
BENCHMARK_HEAD = re.compile(
    r"(?i)(?:.*\b)?(?:benchmarks?|bench|tasks?|data ?sets?|test ?sets?|evaluations?|evals?|tests?|数据集|评测集|基准|"
    r"任务)\b.*|.*(?:数据集|评测集|基准|任务).*"
)
MODEL_HEAD = re.compile(
    r"(?i)(?:models?|model ?names?|methods?|systems?|llms?|checkpoints?|variants?|agents?|(?:base|vision|"
    r"language) models?|"
    r"模型|模型名称|モデル|모델|modelo|modell|modèle|модель)(?:\s*[(\[（].*)?(?:\s+\d+-shot)?"
)
GROUP_HEAD = re.compile(
    r"(?i)(?:category|categories|capabilit(?:y|ies)(?: dimension)?|domains?|topics?|areas?|types?|task types?|"
    r"model types?|modality|"
    r"groups?|sections?|skills?|fields?|subjects?|suite|ability|类别|能力(?:维度)?|类型|分类|领域)"
)
SHOTS_HEAD = re.compile(
    r"(?i)(?:#\s*)?(?:(?:num(?:ber)?|no\.?)[ _]?(?:of[ _])?)?(?:n[- ]?|few[- _]?)?shots?(?: ?\(.*\))?|"
    r"num_fewshot|prompting"
)
METRIC_HEAD = re.compile(
    r"(?i)(?:eval(?:uation)? )?(?:metrics?|measures?|scoring|indicator|filter|指标|评价指标|メトリック)(?: ?\([^)]*\))?"
)
EXTRA_HEAD = re.compile(
    r"(?i)(?:languages?|lang|split|subsets?|settings?|config(?:uration)?|modes?|variants?|prompt(?:s|ing)?|"
    r"methods?|strategy|subtask|语言)"
)
# A value column's header in a table about one model.
VALUE_HEAD = re.compile(
    r"(?i)(?:scores?|values?|results?|performance|average|avg\.?|overall|total|mean|ours?|our model|this model|"
    r"the model|"
    r"得分|分数|结果|成绩|score ?\(.*\)|results? ?\(.*\)|performance ?\(.*\)|value ?\(.*\)|quality|measured|"
    r"(?:test|val(?:idation)?|dev|eval(?:uation)?)(?:[ -]?set)?(?: (?:scores?|results?|accuracy|acc\.?|f1))?)"
)
# Measures, alone or with a cut-off: "Pass@1", "macro_avg/acc_char", "LC win rate", "em_maj1@1".
_MEASURE = (
    r"(?:(?:prompt|inst(?:ruction)?|relaxed|exact|quasi[- ]?exact|macro|micro|weighted|balanced|average|avg|"
    r"mean|final|top|strict|loose|"
    r"length[- ]controlled|lc|sacre|normalized|norm|overall|unweighted|raw|corpus|sentence|char|greedy|zero|"
    r"answer|execution|exec)[ _./-]*)*"
    r"(?:acc(?:uracy)?\.?|em|exact[ _-]?match|match|f1|f[- ]?score|f1[- ]score|precision|recall|specificity|"
    r"sensitivity|"
    r"s?bleu|bleu[- ]?\d|s?bleurt|chr[- ]?f\d?(?:\+\+)?|rouge(?:[- ]?(?:l(?:sum)?|\d))?|ter|wer|cer|mer|"
    r"comet(?:[- ]?(?:kiwi|\d\d))?|meteor|bert[- ]?score|"
    r"ppl|perplexity|bpb|bits[- ]per[- ](?:byte|character)|mcc|matthews(?: corr(?:elation|\.)?)?|auc|auroc|"
    r"roc[- ]auc|map|mrr|ndcg|"
    r"anls\*?|win[- ]?rates?|wr|elo(?: (?:score|rating))?|ratings?|percentile|resolved|resolve(?:d)? rate|"
    r"correct|success(?: rate)?|sr|rmse|mae|mse|"
    r"r2|r²|pearson(?:r|[- ]r)?|spearman(?:r|[- ]r)?|cider|spice|fid|clip[- ]?score|iou|miou|dice|kappa|mos|"
    r"ssim|psnr|lpips|der|eer|"
    r"strict|loose|macro|micro|avg|average|judge|gpt-?4(?:[- ]?eval)?|hit(?:s|[- ]rate)?|"
    r"acc(?:uracy)?[ _/](?:norm|char)|mc[12]|(?:prompt|inst)[ -]level[ -](?:strict|loose)(?:[ -]acc)?|"
    r"error rate|executable rate|correlation)"
)
_AT_K = (
    r"(?:[a-z_\d]{0,20}(?:pass|maj(?:ority)?|cons|avg|average|mean|best|em|acc(?:uracy)?|r|recall|p|precision|"
    r"ndcg|map|mrr|"
    r"hits?|g-pass|worst|prm|rm|bon|bo)[ _]?\d*(?:@|\^|_at_)[ ]?\d+(?:[,/]\d+)*(?:@\d+)?)"
)
METRIC = re.compile(rf"{_AT_K}|{_MEASURE}(?:[ _./-]+(?:{_MEASURE}|\d))*(?:[@]\d+)?(?:\s*\(?%\)?)?")
AT_K = re.compile(rf"(?i)(?<![\w@]){_AT_K}(?!\w)|(?<=\s)ratings?$")
SLASH_METRIC = re.compile(r"(?i)/(acc(?:_norm|uracy)?|em|exact_match|f1|pass@\d+|mcc|bleu|mc\d)$")
SHOT = re.compile(
    r"(?i)(?<![\w.])(\d{1,3}(?:\s?[-–~]\s?\d{1,3})?|zero|one|two|three|five|few|many)[\s_-]*shots?(?:@\d+)?(?![a-z])"
)
SHOT_NUMBER = {"zero": "0", "one": "1", "two": "2", "three": "3", "five": "5"}
COT = re.compile(
    r"(?i)(?<![a-z\d])(?:w/o?\s*|with(?:out)?\s+|no[- ])?(?:cot|"
    r"chain[- ]of[- ]thoughts?)(?:\s+prompt(?:ing)?)?(?![a-z\d])"
)
SPLIT = re.compile(
    r"(?i)(?:val(?:idation)?|test(?:[-_ ]?(?:mini|dev|std|clean|other|[ab]|set))?|dev(?:[-_ ]?(?:clean|other|"
    r"set))?|testmini|mini|full|train|all|"
    r"text[- ]only|easy|medium|hard|diamond|main|extended|en|zh|cn|eng?|english|chinese|clean|other|public|"
    r"private|image|images|"
    r"[a-z]{2}(?:[-_>→][a-z]{2})?|\d[\d.kK]*)"
)
# Whole headers or row labels that are facts about a model, a run or a file, never a score.
FACT = re.compile(
    r"""(?x)
    .*(?:速度|延迟|吞吐|显存|内存|字符/秒|tokens/秒).*
  | (?:\#|no\.?|num(?:ber)?|n)?[ _]*(?:of[ ])?(?:total|activated|active|activate|act\.?|trainable|model|
      non-?embedding|learnable|embedding|dense|expert)?[ _-]*
        (?:\#[ ]*)?(?:total[ ])?(?:params?\.?|parameters?|参数量?|参数规模|파라미터|パラメータ数?)
        (?:[ ]*(?:count|size|number|
            \(.*\)|（.*）|\#|/.*))?
  | \#(?:tp|ap|p|params?|total[ ]?params?|act(?:ivated)?[ ]?params?)
  | (?:(?:model|file|disk|download|checkpoint|weights?|vocab(?:ulary)?|batch|embedding|hidden|llm|encoder|data(?:set)?|
        train(?:ing)?|corpus|tokenizer|cache|kv|img|image|input|crop|patch|window|memory|test|sample|global|
        micro|in|on)[ ]){0,3}
        (?:size|尺寸|大小)s?(?:[ ]*\(.*\))?
  | (?:model[ ])?architectures?|arch\.?|架构|backbone|base[ ]?models?|foundation|vision[ ]encoder|
      language[ ]model|llm[ ]backbone|encoder|decoder|初始化
  | (?:\#|num(?:ber)?(?:[ ]of)?|n)?[ _]*(?:hidden[ ]|transformer[ ]|attention[ ]|kv[ ]|query[ ]|routed[ ]|
      shared[ ]|active[ ]|activated[ ])*(?:layers?|heads?|experts?|blocks?|dims?|dimensions?|
          hidden(?:[ ]dim(?:ension)?)?|d_model|ffn|intermediate)(?:[ ].{0,12})?
  | (?:max(?:imum)?[ ]|native[ ]|training[ ]|input[ ]|output[ ]|average[ ]|avg\.?[ ]|prompt[ ]|seq(?:uence)?[ ]|
      context[ ]|response[ ]|generation[ ]|mean[ ])*
        (?:context|ctx|seq(?:uence)?|length|len|window|seqlen|上下文(?:长度)?|序列长度)
        (?:[ _-](?:length|len|size|window|
            tokens?|limit))?(?:[ ]*\(.*\))?
  | (?:\#|num(?:ber)?(?:[ ]of)?|total|avg\.?|average|mean|max|training|train|pre-?train(?:ing|ed)?|trained|
      visual|vision|image|input|output|generated|consumed|prompt|completion|response|thinking|sft|data)*[ _-]*
        (?:\#|of[ ])*[ ]*(?:pre-?train(?:ing|ed)?[ ])?(?:tokens?|tok|words|sents|sentences|samples?|examples|
            instances|prompts|rows|chars|characters)(?:[ ]*(?:count|number|seen|density|used|trained|budget|
                per[ ].*|/.*|\(.*\)))?
  | (?:\#[ ]*(?:of[ ])?|(?:num(?:ber)?|no\.)[ _]?(?:of[ _])?|total[ ]|avg\.?[ ]|max[ ])(?:images|frames|
      questions|problems|items|tasks|turns|classes|labels|languages|cases)
  | (?:tokens?|sample|data|question|problem|item|example)[ ](?:count|density|budget|efficiency|number)|support|
      count|counts|n|training[ ]data|data(?:[ ](?:volume|mix|size|source))?|数据量|数据
  | (?:global[ ]|micro[ ]|per[ -]device[ ]|train[ _]|eval[ _])?(?:batch|bs|mbs|gbs)(?:[ _-]?size)?|(?:peak[ ]|
      max[ ]|min[ ])?(?:learning[ _]rate|lr)(?:[ _].*)?|epochs?|(?:training[ ]|train[ ]|global[ ]|max[ ]|
          warmup[ ])?steps?|(?:training|validation|train|eval|val)[ _]loss|loss|optimizers?|weight[ ]decay|
              random[ ]seeds?|warmup.*|dropout|temperature|top[ _-][pk]|gradient.*
  | hardware|devices?|(?:\#|num(?:ber)?[ ]of|min(?:imum)?|required|recommended|inference|training)*[ ]*(?:gpus?|
      cpus?|npus?|tpus?|gpu[ ]type|cards|nodes|cores)(?:[ ](?:type|count|usage|hours?|model|requirements?))?|
          accelerators?
  | .*\b(?:v?ram|gpu[ ]memory|memory(?:[ ](?:usage|footprint|consumption|cost|required|requirements?|used))|
      peak[ ]memory|mem\.?|显存.*)(?:[ ]*\(.*\))?|memory(?:[ ]*\(.*\))?|显存.*|内存.*
  | .*\b(?:gpu|a100|h100|h800|v100|tpu)[ -]*(?:hours?|days?)\b.*|.*\b(?:training|train|inference|running|run|
      wall[- ]?clock|elapsed|response|generation|decod(?:e|ing)|prefill|processing|eval(?:uation)?|total|avg\.?|
          average|mean)[ ]time\b.*|time(?:[ ]*[(/].*)?|hours?|duration|runtime|days|seconds|minutes|训练时间|时间
  | .*\b(?:carbon|co2|co₂|emissions?|emitted|power[ ]consumption|energy|kwh)\b.*|power(?:[ ]*\(.*\))?|tdp.*
  | .*(?:price|pricing)\b.*|(?:input[ ]|output[ ]|api[ ]|inference[ ]|training[ ]|total[ ]|avg\.?[ ]|
      average[ ])*costs?(?:[ ]*[(/$].*)?|.*[$€¥].*|价格.*|成本.*|(?:monthly[ ])?downloads?(?:[ ].*)?|likes|stars
  | (?:relative[ ]|inference[ ]|generation[ ]|decod(?:e|ing)[ ]|training[ ]|prefill[ ]|output[ ]|avg\.?[ ]|
      average[ ]|token[ ]|max[ ])*(?:speed-?up|speed|throughput|latency|速度|延迟|吞吐.*)(?:[ ]*[(/].*)?|
          .*\b(?:tok(?:en)?s?|samples?|chars?|words|req(?:uest)?s?|imgs?|images|frames)[ ]?/[ ]?(?:s|sec|
              second)\b.*|qps|fps|ttft.*|tpot.*|itl.*|rtfx?|real[- ]time[ ]factor|macs?|g?flops|.*\bflops\b.*|
                  gmacs?|bops
  | (?:download|hf|hugging[ ]?face|🤗|model[ ]?scope|wise[ ]?model|github|git|hub|openxlab|modelers|paper|demo|
      code|project|blog|checkpoint|weights|config|colab|collection|ckpt|log|training[ ]log|wandb|doc(?:s|
          umentation)?|card|model[ ]card|model|gguf|onnx|repo(?:sitory)?|source|arxiv|report|权重|下载|模型|开源|百度|
              链接)?s?[ ]*(?:download(?:s|[ ].*)?|links?|urls?|hf|hugging[ ]?face(?:[ ].*)?|
                  model[ ]?scope(?:[ ].*)?|wise[ ]?model(?:[ ].*)?|github|openxlab(?:[ ].*)?|paper|demo|blog|
                      weights|colab|wandb|arxiv|repo(?:sitory)?|下载.*|链接.*|地址.*)
  | licen[sc]es?|(?:commercial|open|research)[ ](?:use|source|weights?|data)|open-?sourced?\??|
      open-?weights?\??|publisher|organi[sz]ations?|org\.?|vendor|provider|developer|authors?|creator|company|
          affiliation|country|机构|许可.*|协议
  | (?:release|knowledge|publi(?:sh|cation)|training|update|last[ ]update|cut-?off|start|end|launch|
      upload)[ ]?(?:date|time|cut-?off|d|year)?(?:[ ]date)?|dates?|years?|knowledge[ ]cut-?off|updated|created|
          时间|日期|发布(?:日期|时间)
  | (?:model[ ]|transformers[ ]|harness[ ]|dataset[ ]|task[ ])?versions?|revision|commit|status|notes?|
      comments?|remarks?|descriptions?|reference|refs?|备注|说明|描述
  | (?:global[ ]|overall[ ])?rank(?:ing|s)?(?:[ ]*\(.*\))?|place|position|排名|\#|no\.?|id|index|idx|序号|s/n|medal
  | (?:std|s\.?d\.?|std\.?[ _]?(?:err(?:or)?|dev(?:iation)?)|stderr|standard[ ](?:error|deviation)|±|\+/-|ci|
      95%[ ]?ci|confidence(?:[ ]interval)?|variance|var|margin|p-?value|error[ ]bars?)
  | (?:Δ|δ|delta|diff(?:erence)?|improvement|gain|change|gap|degradation|recovery|retention|relative|
      rel\.?)(?:[ ]*(?:\(.*\)|%|rate|vs\.?.*|over.*|from.*|score|to.*))?
  | quant(?:i[sz]ation)?(?:[ ](?:type|method|level|bits?|scheme))?|bits?(?:[ ]width)?|bpw|dtype|data[ ]?type|
      tensor[ ]type|file(?:[ ]?name)?s?|format|group[ ]size|(?:input|output)[ ]modalit(?:y|ies)|gqa|
          tie[ ]embeddings?|tied[ ]embeddings?|attention(?:[ ]type)?|activation(?:[ ]function)?|
              position(?:al)?[ ](?:embeddings?|encoding)|rope.*|vocab(?:ulary)?|tokenizer|resolution|
                  image[ ]size|input[ ]size|hybrid[ ]reasoning|use[ ]case|license.*|compression(?:[ ]ratio)?|
                      sparsity|similarity[ ]function|pooling|max[ ]?(?:positions?|tokens?).*
    """
)
# The starts of all words in FACT: a quick way to see that most labels are none.
_FACT_START = (
    frozenset(word[:3] for word in re.findall(r"[a-z]+", FACT.pattern)) | set("#$") | {"vra", "gfl", "gma", "bop", "hf"}
)
FACT_UNIT = re.compile(
    r"[(\[（]\s*(?:in )?(?:gb|gib|mb|mib|g|ms|s|sec|secs|seconds?|min|minutes|h|hrs?|hours?|days?|w|kw|kwh|b|"
    r"m|k|t|bn|billions?|millions?|trillions?|tokens?|"
    r"tok(?:en)?s?\s*/\s*(?:s|sec|second)|it/s|s/it|[$€¥][^)]{0,20}|usd[^)]{0,12}|tco2(?:eq)?|params?|bits?|hz|"
    r"khz|px|fps|gpu[ -]?hours?|×|x)\s*[)\]）]"
)
# Headings and captions over tables that are about something else than quality.
FACT_HEADING = re.compile(
    r"(?i)\b(?:speed|memory|throughput|latency|hardware|requirements?|download|"
    r"model (?:list|zoo|summary|"
    r"details|information|variants|overview|specs?|specifications?|architecture|family|sizes)|"
    r"hyper-?parameters?|training (?:details?|procedure|hyperparameters|data|config(?:uration)?|cost|time|"
    r"results|setup|infrastructure|arguments)|architecture|deployment|environmental|carbon|"
    r"emissions?|quick ?start|installation|change ?log|released? (?:models|plan)|provided files|files|compatib|"
    r"supported|dataset (?:statistics|structure|composition)|data mix(?:ture)?|"
    r"efficiency|profil(?:e|ing)|cost|pricing|license|tokenizer|vocabulary|usage|limitations|citation)\b|显存|速度|下载|模型列表"
)
DATA_HEADING = re.compile(
    r"(?i)\b(?:training|train|pre-?training|fine-?tuning|sft) (?:data(?:sets?)?|corpus|mix(?:ture)?)\b|"
    r"\bdata(?:set)?s? (?:mix(?:ture)?|composition|statistics|sources?|used)\b"
)
SETTINGS_HEAD = re.compile(
    r"(?i)(?:(?:training |inference |generation |sampling )?(?:hyper-?)?parameters?|arguments?|config(?:uration)?s?|"
    r"options?|"
    r"propert(?:y|ies)|attributes?|features?|spec(?:ification)?s?|library|package|framework|component|field|key|flag)"
    r"(?: name)?"
)
EVAL_HEADING = re.compile(
    r"(?i)\b(?:evaluat\w*|benchmarks?\w*|performance|results?|scores?|leaderboards?|accuracy|comparisons?|"
    r"compared?|metrics?|capabilit\w+|quality|quantitative|eval|experiments?|evals|win ?rate|wer|bleu|mteb|"
    r"pass@\d|performan\w*)\b|评测|评估|性能|结果|效果|榜|성능|평가|評価|性能"
)
# Names of benchmarks by their shape, for those that no vocabulary has.
BENCHMARK_SHAPE = re.compile(
    r"mmlu|gsm-?8k|human-?eval|mbpp|bench\b|bench[-_ ]|eval(?:uation|plus|\+)?\b|(?<![a-z])[a-z]*qa\b|"
    r"qa[-_v]|\barc\b|arc[-_ ](?:c|e|challenge|easy|agi)|hella ?swag|winogrande|truthful|"
    r"\bmath\b|math[-_ ]?(?:500|vista|verse|vision)|\baime|gpqa|ifeval|\bbbh\b|big-?bench|codeforces|"
    r"leaderboard|arena|mt-?bench|\bhle\b|humanity|simpleqa|swe-|squad|\bdrop\b|\brace\b|piqa|siqa|boolq|"
    r"openbook|lambada|"
    r"superglue|\bglue\b|\bmteb|\bbeir|flores|\bwmt|librispeech|fleurs|common ?voice|voxpopuli|covost|coco|"
    r"imagenet|refcoco|vqa|ocr|mmmu|mmbench|mmstar|\bmme\b|ai2d|pope|seed|chartqa|docvqa|textvqa|infovqa|"
    r"c-?eval|cmmlu|agieval|gaokao|ceval|cmath|mgsm|xnli|xcopa|belebele|toxigen|bbq|crows|winobias|realtoxicity|"
    r"advglue|hellas|longbench|ruler|needle|niah|infinitebench|bfcl|tau-?\d?|τ|"
    r"newstest|tatoeba|ntrex|conll|imdb|sst-?\d|\bmnli|qnli|\bcola\b|stsb?|\brte\b|wsc|copa\b|webqs|nq\b|"
    r"triviaqa|natural ?questions|quac|livecode|evalplus|multipl-?e|ds-?1000|spider|crux|apps\b|swag|"
    r"test(?:-clean|-other)|aishell|wenet|gigaspeech|tedlium|earnings|rewardbench|alpaca ?eval|wild ?bench|"
    r"zebra|musr|average|\bavg\b|overall"
)
# Names of models by their shape: a known family, or a size.
FAMILY = re.compile(
    r"^(?:[^\w]*(?:meta|google|openai|anthropic|mistral ?ai|microsoft|nvidia|ibm|alibaba|claude|gpt|chatgpt|"
    r"text-davinci|davinci|codex|gemini|gemma|palm|bard|llama|codellama|llava|vicuna|alpaca|qwen|qwq|qvq|"
    r"mistral|mixtral|ministral|magistral|codestral|pixtral|phi|orca|wizard\w*|deepseek|yi|internlm\w*|"
    r"internvl\w*|intern|falcon|olmo|molmo|tulu|smol\w*|nemotron|granite|bloom\w*|opt|pythia|gpt-?neo\w*|gpt-?j|"
    r"stablelm|starcoder\w*|"
    r"santacoder|codegen|codegeex|glm|chatglm\w*|cogvlm|baichuan\w*|xverse|skywork|aquila|moss|hunyuan|ernie|"
    r"doubao|seed|kimi|moonshot|minimax|step|abab|sensechat|spark|grok|command|aya|cohere|jamba|mamba|rwkv|dbrx|"
    r"mpt|dolly|redpajama|"
    r"openllama|tinyllama|openchat|zephyr|nous|hermes|solar|exaone|kanana|hyperclova|sailor|seallm|typhoon|"
    r"minicpm|mobilellm|whisper|wav2vec\w*|hubert|canary|parakeet|seamless\w*|sensevoice|nllb|m2m|mbart|marian|"
    r"opus|t5|flan|ul2|bert|roberta|"
    r"deberta\w*|distilbert|albert|electra|modernbert|bge|e5|gte|jina|nomic|instructor|gtr|sentence-t5|clip|"
    r"siglip|vit|swin|resnet|convnext|dino\w*|blip|flamingo|idefics|cogagent|florence|paligemma|fuyu|ovis|"
    r"o[134](?:-(?:mini|preview|pro|\d+))?|r1|k2)(?![a-z]))"
)
SIZE = re.compile(r"(?i)(?<![\w.])(?:\d+\s*x\s*)?[ae]?\d+(?:[._]\d+)?\s?[bm](?![a-z\d])")

# --- Vocabulary ---------------------------------------------------------------------------------------------------


class ScriptError(Exception):
    """An expected failure, shown as one line; `code` is the exit code: 1 the answer is no, 2 could not, 3 undecided."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True, eq=False)
class Cell:
    """One cell as written; a spanning cell stands at several places of the grid and stays one object."""

    source: str
    text: str  # as a reader sees it, one line per line break
    header: bool = False


EMPTY = Cell("", "")


@dataclass(slots=True)
class Table:
    """A rendered table: its grid with spans expanded, and the text that stands around it."""

    number: int
    kind: str  # "pipe" or "html"
    rows: list[list[Cell]]
    head: int  # rows that the markup makes header rows
    heading: str | None = None
    headings: tuple[str, ...] = ()  # nearest first
    before: str = ""
    after: str = ""
    caption: str = ""

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0


@dataclass(slots=True)
class Card:
    text: str
    title: str
    tables: list[Table]
    front: dict[str, Any] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)  # what the text says of names, once found

    def find_all(self, pattern: str) -> list[str]:
        if pattern not in self.memo:
            if "" not in self.memo:
                self.memo[""] = self.text.casefold()
            self.memo[pattern] = re.findall(pattern, self.memo[""])
        return self.memo[pattern]


@dataclass(frozen=True, slots=True)
class Value:
    numbers: tuple[float, ...]
    percent: bool = False
    shots: str | None = None
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A benchmark's label, taken apart: "DROP (3-shot F1)" -> DROP, 3-shot, F1."""

    name: str
    shots: str | None = None
    metric: str | None = None


@dataclass(slots=True)
class Score:
    table: int
    benchmark: str
    value: float
    raw: str
    unit: str | None
    shots: str | None
    metric: str | None
    group: str | None
    heading: str | None
    row: int
    column: int
    key: str | None = None
    values: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        record = {name: getattr(self, name) for name in SCORE_KEYS}
        if len(self.values) > 1:
            record["values"] = list(self.values)
        return record


SCORE_KEYS = (
    "table", "benchmark", "value", "raw", "unit", "shots", "metric", "group", "heading", "row", "column", "key"
)  # fmt: skip


@dataclass(slots=True)
class Fit:
    """How one header or row label fits the model's name; a higher level is a closer fit."""

    level: int  # 4 the same tokens, 3 decorated, 2 completed by the text around, 1 the only size, 0 one of its modes
    rule: str
    covered: int  # tokens of the model's name that the label itself has


@dataclass(slots=True)
class Candidate:
    axis: str  # "column" or "row"
    index: int  # grid column, or body row
    text: str
    fit: Fit
    place: tuple[int, str] = (0, "")  # block, and what tells it from the same label elsewhere


@dataclass(slots=True)
class Block:
    """Body rows under one header; a table whose header changes half way down has several."""

    head: list[int]
    body: list[int]
    paths: list[tuple[str, ...]] = field(default_factory=list)  # header texts above each column, top first
    roles: list[str] = field(default_factory=list)
    sections: dict[int, str] = field(default_factory=dict)  # row -> section row above it


@dataclass(slots=True)
class Reading:
    """What was decided about one table, and why."""

    table: Table
    evaluation: bool
    reason: str
    orientation: str | None = None
    status: str = "absent"  # found, absent, ambiguous, or skipped (no evaluation table)
    targets: list[Candidate] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    rule: str = ""
    scores: list[Score] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


# --- Pure core: text -> what a reader sees ---------------------------------------------------------------------

_SPECIAL = re.compile(r"[*_`<&\\\[~$^\n\t{]|  ")
_BOLD_NUMBER = re.compile(r"\s*\*\*([\d.,%\s]+)\*\*\s*")
_BREAK = re.compile(r"(?i)<\s*(?:br|/p|/div|/li|hr)\b[^<>]{0,200}>")
_SUP = re.compile(r"(?is)<sup\b[^<>]{0,200}>(.{0,400}?)</sup\s*>")
_FOOTNOTE = re.compile(r"[\s*†‡§¶#^,]*(?:\d{1,2}|[a-g]|[ivx]{1,4})?[\s*†‡§¶#^,\d]*|\[\d{1,2}\]|\(\d\)")
_HIDDEN = re.compile(r"(?is)<(script|style|del|s|strike)\b[^<>]{0,200}>.{0,2000}?</\1\s*>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,1000}>|<!--.{0,1000}?-->", re.S)
_IMAGE = re.compile(r"!\[[^\[\]]{0,300}\](?:\((?:[^()]|\([^()]{0,200}\)){0,1000}\)|\[[^\[\]]{0,100}\])?")
_LINK = re.compile(r"\[([^\[\]]{0,500})\](?:\((?:[^()]|\([^()]{0,200}\)){0,1000}\)|\[[^\[\]]{0,100}\])")
_FOOTNOTE_REF = re.compile(r"\[\^[^\[\]\s]{1,40}\]")
_LATEX_GROUP = re.compile(
    r"\\(?:text(?:bf|it|rm|sc|tt|sf)?|math(?:bf|rm|it|sf|tt|bb)|boldsymbol|bm|bf|underline|emph|mbox|uline|"
    r"textcolor\{[^{}]{0,30}\}|color\{[^{}]{0,30}\})\s*\{([^{}]{0,300})\}"
)
_LATEX_WORDS = {
    r"\pm": " ± ", r"\ddagger": "‡", r"\uparrow": "↑", r"\downarrow": "↓", r"\times": "×", r"\tau": "τ",
    r"\dagger": "†",    r"\ast": "*", r"\star": "*",
    r"\geq": "≥", r"\leq": "≤", r"\approx": "≈", r"\sim": "~",
    r"\%": "%", r"\,": " ", r"\;": " ", r"\ ": " ",
    r"\Delta": "Δ", r"\alpha": "α", r"\beta": "β", r"\mu": "μ", r"\bf": "", r"\rm": "", r"\quad": " ",
}  # fmt: skip
_LATEX_WORD = re.compile(r"\\(?:[a-zA-Z]+|[%,; ])")
_MATH = re.compile(r"\$\$?([^$\n]{1,400})\$\$?")
_EMPHASIS = re.compile(r"(?<!\\)\*\*(?=\S)|(?<=[^\s\\])\*\*|(?<!\\)~~|(?<![\w\\])__(?=\S)|(?<=[^\s\\])__(?!\w)")
_ITALIC = re.compile(r"(?<![\w*\\])\*([^*\s](?:[^*\n]{0,300}[^*\s\\])?)\*(?![\w*])")
_UNDERLINE = re.compile(r"(?<![\w\\])_([^_\s](?:[^_\n]{0,300}[^_\s\\])?)_(?!\w)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_MARKS = "*†‡§¶^#ᵃᵇᶜ⁎∗＊"
_DECOR = "↑↓⬆⬇⇑⇓↗↘🥇🥈🥉🏆⭐✨🔥🚀🌟📈🎉🤗\ufe0f🆕👑💥"
_LABEL_TAIL = re.compile(rf"(?:[\s{re.escape(_MARKS + _DECOR)}¹²³⁴⁵⁶⁷⁸⁹]|\[\d{{1,2}}\])+$")


def plain_text(source: str) -> str:
    """A cell's or heading's text as rendered: markup, links, footnote marks and LaTeX resolved; lines kept.

    "[**Foo**](u)<br>(5-shot)" -> "Foo\\n(5-shot)"; "$85.2_{\\pm 0.3}$" -> "85.2 ± 0.3"
    """
    if _SPECIAL.search(source) is None:
        return source.strip()
    if match := _BOLD_NUMBER.fullmatch(source):
        return match[1].strip()
    return _plain_text(source[:MAX_CELL_TEXT])


@functools.lru_cache(maxsize=4096)
def _plain_text(text: str) -> str:
    if "<" in text:
        text = _HIDDEN.sub("", text)
        whole = text.strip()
        text = _SUP.sub(lambda m: _superscript(m, whole), text)
        text = _TAG.sub("", re.sub(r"(?i)<su[bp]\b[^<>]{0,200}>", " ", _BREAK.sub("\n", text)))
    if "[" in text:
        text = _FOOTNOTE_REF.sub("", text)
        text = _LINK.sub(r"\1", _IMAGE.sub("", text))
    if "$" in text or "\\" in text:
        text = _MATH.sub(lambda m: _latex(m[1]), text)
        if "\\text" in text or "\\underline" in text or "\\pm" in text:
            text = _latex(text)
    if "*" in text or "_" in text or "~" in text:
        text = _UNDERLINE.sub(r"\1", _ITALIC.sub(r"\1", _EMPHASIS.sub("", text)))
    if "&" in text:
        text = html.unescape(text)
    text = _ESCAPE.sub(r"\1", text.replace("`", ""))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _superscript(match: re.Match[str], whole: str) -> str:
    """A footnote mark goes; a superscript that is part of a word ("τ<sup>2</sup>-Bench") or the whole text stays."""
    inner = _TAG.sub("", match[1]).strip()
    alone = match.start() == 0 and match.end() >= len(whole)
    follows = match.string[match.end() : match.end() + 1]
    inside = bool(follows) and (follows.isalnum() or follows == "-") and match.string[: match.start()][-1:].isalpha()
    if inside and len(inner) <= 3:
        return inner
    return f" {inner}" if alone or not _FOOTNOTE.fullmatch(inner) else " "


def _latex(text: str) -> str:
    """The text of a LaTeX formula as far as score tables use it."""
    for _ in range(3):
        text, changed = _LATEX_GROUP.subn(r"\1", text)
        if not changed:
            break
    text = _LATEX_WORD.sub(lambda m: _LATEX_WORDS.get(m[0], m[0]), text)
    text = re.sub(r"\^\{?([*†‡§, ]+|\\[a-z]+)\}?", "", text)
    text = re.sub(r"_\{([^{}]{0,80})\}", r" \1", text)
    return re.sub(r"\^\{?(\w)\}?|[{}]", lambda m: m[1] or "", text)


def label_text(text: str) -> str:
    """One line without footnote marks, arrows and medals: "MMLU-Pro*↑" -> "MMLU-Pro"."""
    text = " ".join(text.split())
    if text.isascii() and text[-1:].isalnum():
        return text
    for mark in _DECOR:
        if mark in text:
            text = text.replace(mark, " ")
    return " ".join(_LABEL_TAIL.sub("", text).lstrip("*†‡§•●○▪- \u3000").split())


def normalize_name(text: str) -> str:
    """Fold a benchmark's or column's name to its letters and digits, so that spellings of one name compare equal.

    "MMLU-Pro", "mmlu_pro" -> "mmlupro"; "HumanEval+" -> "humanevalplus"
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("+", "plus")
    return re.sub(r"[\W_]+", "", text)


# --- Pure core: values -----------------------------------------------------------------------------------------

MISSING = re.compile(
    r"(?i)[-—–−―/\\.…?✗✘×x❌*\s]*|n\.?/?a\.?|oom|tbd|tba|none|null|nan|err(?:or)?|fail(?:ed)?|n/r|nr|pending|timeout|"
    r"待定|无|暂无"
)
_FAST = re.compile(r"\d+(?:\.\d+)?")
_NUMBER = r"[-+−–]?(?:\d+(?:[.,]\d+)*|[.]\d+)"
# A score cell: marks, a number, then deviations, further numbers, brackets, marks.
_LEAD = re.compile(rf"[~≈><≥≤=≃∼{_DECOR}{_MARKS}✅\s]*({_NUMBER})\s*([%％])?")
_REST = re.compile(
    rf"\s*(?:(?:[↑↓▲▼⬆⬇]\s*|(?<=\s)[-+−]){_NUMBER}\s*[%％]?(?!\w)|(?:±|\+/-|\+-|∓)\s*{_NUMBER}\s*[%％]?|"
    rf"(?P<sep>[/|;,→&]|->|\bvs\.?)\s*(?P<next>{_NUMBER})\s*[%％]?(?![\w.])|"
    rf"(?P<bracket>\([^()]{{0,80}}\)|\[[^\[\]]{{0,80}}\]|（[^（）]{{0,80}}）)|(?P<shots>@?\d+-shot)|(?:pts?|points?|"
    rf"分)\b\.?|"
    rf"[{_MARKS}{_DECOR}¹²³⁴⁵⁶⁷⁸⁹⁰%％✅!]|(?P<line>\n)\s*)"
)


@functools.lru_cache(maxsize=16384)
def parse_value(text: str, decimal_comma: bool = False) -> Value | None:
    """The numbers of a score cell, or None for anything else: "7B", "5-shot", "16.3GB", "2024-05-13", "1e-4", "-".

    "85.2%" -> 85.2 percent; "1,234" -> 1234; "67.2 (68.0)" -> 67.2, 68; "± 0.4" and "(+1.2)" are no values
    """
    text = text.strip()
    if not decimal_comma and _FAST.fullmatch(text):
        return Value((float(text),)) if len(text) < 16 else None
    if len(text) > 160 or not (match := _LEAD.match(text)):
        return None
    first = to_number(match[1], decimal_comma)
    if first is None:
        return None
    numbers, percent, shots, metric, at = [first], bool(match[2]), None, None, match.end()
    while at < len(text):
        rest = _REST.match(text, at)
        if not rest or rest.end() == at:
            return None
        at = rest.end()
        percent = percent or "%" in rest[0]
        if rest["next"]:
            numbers.append(to_number(rest["next"], decimal_comma))
        elif rest["bracket"]:
            label = split_label("x " + rest["bracket"])
            shots, metric = shots or label.shots, metric or label.metric
            if not label.shots and not label.metric:
                numbers.extend(bracket_numbers(rest["bracket"], decimal_comma))
        elif rest["line"] is not None and not text[at:].lstrip().startswith(("(", "[", "±", "+")):
            return None
    if any(number is None for number in numbers):
        return None
    return Value(tuple(numbers), percent, shots, metric)


def bracket_numbers(bracket: str, decimal_comma: bool) -> list[float]:
    """The scores inside a bracket: "(68.0)" has one; "(+1.2)", "(ours)" and "(95% CI)" have none."""
    inner = bracket[1:-1].strip()
    if re.search(r"[↑↓±+]|[^\W\d_]", inner) or inner.startswith(("-", "−")):
        return []
    found = (to_number(part, decimal_comma) for part in re.findall(_NUMBER, inner))
    return [number for number in found if number is not None]


def to_number(token: str, decimal_comma: bool) -> float | None:
    """ "1,234.5" -> 1234.5; "85,2" -> 85.2 in a table with decimal commas; "23.11.30" and "1,2" elsewhere -> None."""
    token = token.replace("−", "-").replace("–", "-")
    if "," in token:
        if decimal_comma and re.fullmatch(r"[-+]?\d+(?:\.\d{3})*,\d+", token):
            token = token.replace(".", "").replace(",", ".")
        elif re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", token):
            token = token.replace(",", "")
        else:
            return None
    elif decimal_comma and re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})+", token):
        token = token.replace(".", "")
    if token.count(".") > 1 or len(token) > 24:
        return None
    return float(token)


def uses_decimal_comma(cells: Sequence[Cell]) -> bool:
    """Whether a table writes 85,2 for 85.2: some cell does, and none has a decimal point."""
    comma = False
    if not any("," in cell.text and re.match(r"[^\w]*\d[\d.]*,\d", cell.text) for cell in cells):
        return False
    for cell in cells:
        if re.match(r"[^\w]*\d+\.(?!\d{3}(?:[.,]\d|(?!\d)))\d+(?![\d.,])", cell.text):
            return False
        comma = comma or bool(re.match(r"[^\w]*(?:\d{1,3},\d{1,2}|0,\d{3,4}|\d{1,3}(?:\.\d{3})+,\d+)(?!\d)", cell.text))
    return comma


# --- Pure core: labels -----------------------------------------------------------------------------------------

_BRACKET = re.compile(r"\s*(?:\(([^()]{0,120})\)|\[([^\[\]]{0,120})\]|（([^（）]{0,120})）)")


@functools.lru_cache(maxsize=8192)
def split_label(text: str, brackets_are_metrics: bool = False) -> Label:
    """Take shots and metric off a benchmark's label; a bracket that names a split or subset stays.

    "MMMU (val, CoT)" -> "MMMU (val)", CoT; "AIME 2024 pass@1" -> "AIME 2024", pass@1; "BBH 3-shot" -> "BBH", 3-shot
    """
    shots: list[str] = []
    metric: list[str] = []

    def bracket(match: re.Match[str]) -> str:
        rest = [part for part in re.split(r"\s*[,;，、]\s*", match[1] or match[2] or match[3] or "") if part]
        rest = [left for part in rest if (left := take_part(part, shots, metric))]
        if rest and brackets_are_metrics and not any(SPLIT.fullmatch(part) for part in rest):
            metric.extend(rest)
            rest = []
        return f"{' ' * match[0][0].isspace()}({', '.join(rest)})" if rest else ""

    text = label_text(text)
    name = label_text(_BRACKET.sub(bracket, text)) if "(" in text or "[" in text or "（" in text else text
    for pattern, found in ((SHOT, shots), (COT_TAIL, shots), (AT_K, metric), (SLASH_METRIC, metric)):
        if (match := pattern.search(name)) and (
            rest := (name[: match.start()] + " " + name[match.end() :]).strip(" ,;:/|_-–@")
        ):
            found.append(shot_name(match[0]) if found is shots else match[0].strip("/ "))
            name = " ".join(rest.split())
    return Label(name or text, ", ".join(dict.fromkeys(shots)) or None, ", ".join(dict.fromkeys(metric)) or None)


COT_TAIL = re.compile(r"(?i)(?<=[\s,_-])(?:w/\s*)?cot$")


def take_part(part: str, shots: list[str], metric: list[str]) -> str:
    """Move what a part of a bracket says about shots and metric into the lists; the rest is returned."""
    rest, found = part, []
    for pattern in (SHOT, COT):
        if match := pattern.search(rest):
            found.append(shot_name(match[0]))
            rest = (rest[: match.start()] + rest[match.end() :]).strip(" -_,:@+&")
    if rest and METRIC.fullmatch(rest.lower()):
        metric.append(rest)
        rest = ""
    elif rest and found:
        if found == ["CoT"] and re.fullmatch(r"[\w.-]+", part):
            return part
        if re.fullmatch(r"(?i)prompt(?:ing)?|setting|with|no|w/?|eval(?:uation)?", rest):
            rest = ""
    shots.extend(found)
    return rest


def shot_name(text: str) -> str:
    """ "zero shot", "0_shot" -> "0-shot"; "cot" -> "CoT"."""
    text = " ".join(text.split())
    if match := SHOT.search(text):
        number = SHOT_NUMBER.get(match[1].lower(), match[1].lower())
        return f"{number}-shot" + (text[text.index("@") :] if "@" in text else "")
    return re.sub(r"(?i)cot", "CoT", text).strip()


# The starts of all words that say a measure or shots: a quick way to see that most labels say none.
_WORD_STARTS = re.compile(r"(?<![a-z])[a-z]{1,3}").findall
_SETTING_START = frozenset(_WORD_STARTS(re.sub(r"[()?:|]", " ", METRIC.pattern.lower()))) | {
    *_WORD_STARTS("few shot zero one two three five many cot chain with no sho bleurt bleu mmlu chr wr sr"),
    *(start[:n] for start in ("rouge", "spearman", "pearson", "comet") for n in (2, 3)),
}
AVERAGE = re.compile(r"(?i)(?:macro[ -]|micro[ -]|overall )?(?:avg\.?|average|mean|overall|total)(?: score)?")


def bare_setting(text: str) -> str:
    """A label without a bracket around it and without "(%)" behind it."""
    text = re.sub(r"\s*[(\[]%[)\]]$", "", label_text(text))
    return text[1:-1].strip() if re.fullmatch(r"\([^()]*\)|\[[^\[\]]*\]", text) else text


@functools.lru_cache(maxsize=8192)
def is_setting(text: str) -> bool:
    """Whether a label says only shots or a metric: "5-shot", "0-shot, CoT", "pass@1", "EM"."""
    if text.isascii() and "@" not in text and _SETTING_START.isdisjoint(_WORD_STARTS(text.lower())):
        return False
    text = bare_setting(text)
    if not text or len(text) > 60 or AVERAGE.fullmatch(text):
        return False
    if text.isalpha():
        return bool(METRIC.fullmatch(text.lower()) or COT.fullmatch(text))
    shots: list[str] = []
    metric: list[str] = []
    return all(not take_part(part, shots, metric) for part in re.split(r"\s*[,;+&|]\s*|\s+/\s+", text) if part)


@functools.lru_cache(maxsize=8192)
def is_fact(text: str) -> bool:
    """Whether a header or row label is a fact (parameters, speed, links, dates, ranks), not a score."""
    text = label_text(text).rstrip(" +:")
    if (
        not text
        or len(text) > 80
        or (text.isascii() and _FACT_START.isdisjoint(w[:3] for w in re.findall("[a-z]+|[#$/%(]", text.lower())))
    ):
        return False
    if re.fullmatch(r"(?i)[\d.]+\s*[bm]\s*(?:params?|parameters?)?", text):
        return False  # "7B params" is a model
    if text.startswith("#") and not SHOTS_HEAD.fullmatch(text):
        return True
    text = text.lower()
    return bool(
        FACT.fullmatch(text)
        or ("(" in text and FACT.fullmatch(_BRACKET.sub("", text).strip(" :")))
        or (("(" in text or "[" in text or "（" in text) and FACT_UNIT.search(text))
    )


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """metric_mapping.json by folded name."""

    keys: dict[str, str]

    def key(self, label: str) -> str | None:
        """The canonical key of a label; a bracket that names a split ("MMMU (val)") may be left out."""
        if found := self.keys.get(normalize_name(label)):
            return found
        bare = _BRACKET.sub(lambda m: "" if SPLIT.fullmatch(m[1] or m[2] or m[3] or "") else m[0], label)
        return self.keys.get(normalize_name(bare)) if bare != label else None


@functools.lru_cache(maxsize=8192)
def is_benchmark(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a label is in the vocabulary, or is shaped like a benchmark's name."""
    if vocabulary.keys.get(normalize_name(text)) or BENCHMARK_SHAPE.search(text.lower()):
        return True
    return ("(" in text or "-shot" in text) and bool(vocabulary.key(split_label(text).name))


_FIRST_WORD = re.compile(r"[\W_]*([^\W_]{2})")
_FAMILY_START = frozenset(re.findall(r"[a-z]\w(?=\w*)", re.sub(r"\\w|\(\?:|[^|]\?", " ", FAMILY.pattern))) | {
    "o1",
    "o3",
    "o4",
}


@functools.lru_cache(maxsize=8192)
def is_model(text: str) -> bool:
    """Whether a label looks like a model's name: a known family, or a size such as 7B."""
    word = _FIRST_WORD.match(text)
    return bool((word and word[1].lower() in _FAMILY_START and FAMILY.match(text.lower())) or SIZE.search(text))


# --- Pure core: card -> tables ---------------------------------------------------------------------------------

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_CELL_ENDS = frozenset(("td_open", "td_close", "th_open", "th_close", "tr_close"))
_RENDERED = re.compile(r"<(?:[tT][aA][bB][lL][eE]\b|[hH][1-6]\b|!--|[sS][cCtT][rRyY])")
_RAW_HEADING = re.compile(r"(?m)^ {0,3}(#{1,6})[ \t]+(\S[^\n]{0,300})$")
_CODE_SPAN = re.compile(r"(`{1,3})[^`]{0,2000}\1")
_TABLE_TAG = re.compile(r"(?i)</?(?:table|thead|tbody|tfoot|tr|td|th|caption)\b")
_PLACE = re.compile(r'<x-place n="(\d+)">(?:</x-place>)?')
_FLOW = word_set("p div center summary details table x-place li ul ol br hr section figure figcaption blockquote")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


@functools.cache
def markdown_parser() -> Any:
    """GFM blocks with source maps; cells are parsed by plain_text when they are needed, so inline rules are off."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])


def parse_card(text: str) -> Card:
    """The card's tables in document order, as rendered, each with the headings and paragraphs around it."""
    if len(text) > MAX_CARD:
        raise ScriptError(f"the card has {len(text):,} characters; at most {MAX_CARD:,} are read")
    front = _FRONT.match(text)
    marks, stream = read_blocks(text[front.end() :] if front else text.removeprefix("\ufeff"))
    events = list(document_order(marks, stream))
    title = next((one_line(text) for kind, level, text in events if kind == "heading" and level == 1), "")
    return Card(text, title, place_tables(events), read_front_matter(front[1]) if front else {})


def read_front_matter(text: str) -> dict[str, str]:
    """The two front-matter fields that say which model this is; looked at as text, so that no YAML can do harm."""
    fields = {}
    for name in ("base_model", "model_name"):
        if match := re.search(rf"(?m)^{name}:[ \t]*(?:\r?\n[ \t]*-)?[ \t]*([^\s\[\]{{}}&*!#'\"]{{1,200}})", text):
            fields[name] = match[1]
    return fields


def read_blocks(body: str) -> tuple[list[tuple[str, int, Any]], str]:
    """Markdown blocks as marks (headings, paragraphs, pipe tables), and the HTML with a placeholder for each mark."""
    marks: list[tuple[str, int, Any]] = []
    stream: list[str] = []

    def mark(kind: str, level: int, content: Any) -> None:
        stream.append(f'<x-place n="{len(marks)}"></x-place>')
        marks.append((kind, level, content))

    tokens = markdown_parser().parse(body)
    rows: list[list[Cell]] | None = None
    for index, token in enumerate(tokens):
        kind = token.type
        if kind in _CELL_ENDS:
            continue
        if kind == "inline":
            if rows is not None:
                rows[-1].append(Cell(token.content, plain_text(token.content)))
            elif tokens[index - 1].type == "heading_open":
                mark("heading", int(tokens[index - 1].tag[1]), token.content)
            elif "<" in token.content and _TABLE_TAG.search(_CODE_SPAN.sub("", token.content)):
                stream.append(_CODE_SPAN.sub("", token.content))
            else:
                mark("text", 0, token.content)
        elif kind == "tr_open":
            rows.append([])
        elif kind == "html_block":
            if "#" in token.content and _RAW_HEADING.search(
                token.content
            ):  # a reader takes it for the heading it was meant to be
                at = 0
                for match in _RAW_HEADING.finditer(token.content):
                    stream.append(token.content[at : match.start()])
                    mark("heading", len(match[1]), match[2])
                    at = match.end()
                stream.append(token.content[at:])
            else:
                stream.append(token.content)
        elif kind == "table_open":
            rows = []
        elif kind == "table_close":
            mark("pipe", 0, rows)
            rows = None
    return marks, "\n".join(stream)


def document_order(marks: list[tuple[str, int, Any]], stream: str) -> Iterator[tuple[str, int, Any]]:
    """Headings, texts and tables as they are rendered: HTML parsed, comments gone, pipe tables at their place in it."""
    if not _RENDERED.search(stream):
        yield from marks
        return
    yield from walk_html(parse_html(stream), marks)


def walk_html(root: Any, marks: list[tuple[str, int, Any]]) -> Iterator[tuple[str, int, Any]]:
    """Headings, texts and tables of the tree; the cells of a table are walked only when it lays out other tables."""
    from lxml import etree

    said: list[str] = []
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if event == "start" and (tag in _FLOW or tag in _HEADINGS) and "".join(said).strip():
            yield "text", 0, "".join(said)
            said = []
        if event == "end":
            said.append(element.tail or "")
        elif tag == "x-place":
            number = element.get("n", "")
            if number.isdecimal() and int(number) < len(marks):
                yield marks[int(number)]
        elif tag == "table":
            yield "html", 0, html_rows(element, marks)
            if next(element.iterdescendants("table", "x-place"), None) is None:
                walker.skip_subtree()
        elif tag in _HEADINGS:
            yield "heading", int(tag[1]), inner_html(element, marks)
            walker.skip_subtree()
        else:
            said.append(element.text or "")


def one_line(source: str) -> str:
    return " ".join(plain_text(source).split())


def parse_html(stream: str) -> Any:
    """The HTML as a tree; ScriptError when lxml had to stop before its end, which it does without a word."""
    from lxml import etree

    parser = etree.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, recover=True)
    root = etree.fromstring(f"<body>{stream}</body>".replace("\0", ""), parser)
    if any(
        error.type_name in ("ERR_RESOURCE_LIMIT", "ERR_INTERNAL_ERROR", "ERR_NAME_TOO_LONG")
        for error in parser.error_log
    ):
        raise ScriptError(
            "the card's HTML is nested too deep to be read whole (more than 2,000 open tags); nothing is taken"
        )
    return root if root is not None else etree.Element("body")


def inner_html(element: Any, marks: list[tuple[str, int, Any]]) -> str:
    """The source inside an element, nested tables left out, Markdown inside it put back."""
    if len(element) == 0:
        return (
            html.escape(element.text, quote=False)
            if element.text and ("<" in element.text or "&" in element.text)
            else element.text or ""
        )
    from lxml import etree

    parts = [html.escape(element.text or "", quote=False)]
    for child in element:
        if child.tag == "table" or next(child.iter("table"), None) is not None:
            parts.append(html.escape(child.tail or "", quote=False))
        else:
            parts.append(etree.tostring(child, encoding="unicode", method="html"))
    source = "".join(parts)
    if "<x-place" in source:
        source = _PLACE.sub(lambda m: "" if marks[int(m[1])][0] == "pipe" else str(marks[int(m[1])][2]), source)
    return source


def html_rows(table: Any, marks: list[tuple[str, int, Any]]) -> tuple[list[list[Cell]], int, str]:
    """An HTML table's grid with spans expanded, its number of header rows, and its caption."""
    grid: list[list[Cell]] = []
    pending: dict[int, tuple[Cell, int]] = {}  # column -> cell that spans down, rows left
    head, heading, caption, last_group, cells = 0, True, "", None, 0
    for group, elements, extra in own_rows(table):
        if extra is not None:
            caption = one_line(inner_html(extra, marks))
            continue
        if group is not last_group:
            pending, last_group = {}, group
        row: list[Cell] = []
        for element in elements:
            while len(row) in pending:
                row.append(take_pending(pending, len(row)))
            cell = Cell("", "", element.tag == "th")
            cell.source = inner_html(element, marks).strip()
            cell.text = plain_text(cell.source)
            across, down = span(element, "colspan", 1000), span(element, "rowspan", 65534)
            for _ in range(across):
                if down > 1:
                    pending[len(row)] = (cell, down - 1)
                row.append(cell)
            cells += across
            if cells > MAX_CELLS:
                raise ScriptError(
                    f"a table has more than {MAX_CELLS:,} cells when its spans are expanded; nothing is taken"
                )
        while pending and len(row) <= max(pending):
            row.append(take_pending(pending, len(row)) if len(row) in pending else EMPTY)
        cells += max(0, len(row) - len(elements))
        heading = (
            heading and bool(elements) and (group.tag == "thead" or all(element.tag == "th" for element in elements))
        )
        head += heading
        grid.append(row)
    width = max(map(len, grid), default=0)
    if width * len(grid) > MAX_CELLS:
        raise ScriptError(f"a table has more than {MAX_CELLS:,} cells when its spans are expanded; nothing is taken")
    return [row + [EMPTY] * (width - len(row)) for row in grid], head, caption


def take_pending(pending: dict[int, tuple[Cell, int]], column: int) -> Cell:
    cell, left = pending.pop(column)
    if left > 1:
        pending[column] = (cell, left - 1)
    return cell


def span(element: Any, name: str, limit: int) -> int:
    text = (element.get(name) or "").strip()
    number = int(text[:9]) if text[:9].isdecimal() and text.isascii() else 1
    return min(limit, number or (limit if name == "rowspan" else 1))


def own_rows(table: Any) -> Iterator[tuple[Any, list[Any], Any]]:
    """(row group, cells, None) of a table itself, not of tables nested in it; (_, [], caption) for its caption."""
    stack, loose = [(table, table)], None
    order: list[tuple[Any, list[Any], Any]] = []
    while stack:
        element, group = stack.pop()
        if element.tag in ("td", "th"):  # a cell without <tr>
            if loose is None:
                loose = []
                order.append((group, loose, None))
            loose.append(element)
            continue
        if element.tag == "tr":
            loose = None
            order.append((group, list(row_cells(element)), None))
            continue
        if element.tag == "caption":
            order.append((group, [], element))
            continue
        if element.tag in ("thead", "tbody", "tfoot"):
            group, loose = element, None
        if element is table or element.tag != "table":
            stack.extend((child, group) for child in reversed(element) if isinstance(child.tag, str))
    yield from order


def row_cells(row: Any) -> Iterator[Any]:
    stack = list(reversed(row))
    while stack:
        element = stack.pop()
        if element.tag in ("td", "th"):
            yield element
        elif isinstance(element.tag, str) and element.tag not in ("table", "tr"):
            stack.extend(reversed(element))


def place_tables(events: list[tuple[str, int, Any]]) -> list[Table]:
    """Number the tables and give each its headings, nearest first, and the paragraphs next to it."""
    tables: list[Table] = []
    path: list[tuple[int, str]] = []
    heading, before, fresh = None, "", None
    for kind, level, content in events:
        if kind == "heading":
            content = one_line(content)
            while path and path[-1][0] >= level:
                path.pop()
            path.append((level, content))
            heading, before, fresh = content or heading, "", None
        elif kind == "text":
            if fresh is not None:
                fresh.after = one_line(content[:MAX_PARAGRAPH])
            before, fresh = content[-MAX_PARAGRAPH:], None
        else:
            rows, head, caption = (content, 1, "") if kind == "pipe" else content
            fresh = Table(len(tables) + 1, kind, rows, head, heading, caption=caption, before=one_line(before))
            fresh.headings = tuple(text for _, text in reversed(path) if text)
            tables.append(fresh)
            before = ""
    return tables


# --- Pure core: is this name the model's? ----------------------------------------------------------------------

_TOKEN = re.compile(r"\d+(?:\.\d+)*(?:[bmkt](?![^\W\d_])|[bmkt](?=v\d))?|[^\W\d_]+")
_PHRASES = (
    (re.compile(r"pre-?\s?train(?:ed|ing)?\b"), " base "),
    (re.compile(r"\binstruct(?:ion)?[- ]?(?:tuned|finetuned|fine-tuned)\b"), " instruct "),
    (re.compile(r"\b(?:bf16|fp16|fp32|bfloat16|float16|float32|b?f16|f32|half precision|full precision)\b"), " "),
    (re.compile(r"(?<=\d)_(?=\d)"), "."),
    (re.compile(r"\bnon[- ]?(?:thinking|reasoning)\b"), " nonthinking "),
)
KIND = {
    "instruct": "tuned", "chat": "tuned", "base": "base",
}  # fmt: skip
SYNONYMS = {
    "it": "instruct", "inst": "instruct", "ins": "instruct", "in": "instruct", "instruction": "instruct",
    "pt": "base", "foundation": "base", "think": "thinking", "reasoner": "reasoning",
}  # fmt: skip
NEUTRAL = word_set(
    "ours our model models this new the params parameters param hf moe dense work release released llm version"
)
VENDORS = word_set(
    "meta google microsoft nvidia ibm openai alibaba mistralai anthropic ai tencent bytedance huggingface "
    "facebook amazon apple cohere"
)
MODES = word_set(
    "thinking nonthinking non reasoning no w wo with without on off high low medium minimal mode enabled "
    "disabled tools tool sft rl dpo rlhf ppo grpo cot tir greedy effort hybrid fast budget"
)
OURS = re.compile(
    r"(?i)\W*(?:ours?|our (?:model|method|system)|this (?:model|work|repo(?:sitory)?)|本模型|我们的模型)\W*"
)
_VISION = word_set("vision image images visual multimodal vl")
_SIZE_TOKEN = re.compile(r"\d+(?:\.\d+)?[bm]")
_SIZE_PART = re.compile(
    r"(?i)(?<![a-z\d])(?:\d+x\d+(?:\.\d+)?b|[ae]\d+(?:\.\d+)?b|\d+e(?![a-z\d])|\d+(?:[._]\d+)?[bm](?![a-z\d]))"
)
BASE_WORDS = re.compile(r"(?i)\b(?:base|pre-?\s?trained|foundation(?:al)?)\b(?! on)|基座|预训练|(?<!\w)pt models?\b")
TUNED_WORDS = re.compile(
    r"(?i)\b(?:instruct(?:ion)?(?!(?:ion)?[- ]?(?:follow|eval|bench))s?(?:[- ]?(?:tuned|finetuned))?|chat|"
    r"(?:supervised )?fine-?\s?tuned|post-?\s?train(?:ed|ing)|aligned|sft)\b(?! data)|对话模型|指令"
)
QUANTIZED = re.compile(
    r"(?i)\b(?:(?:u?int|fp|w|q|iq|nf|mxfp|nvfp)[ -]?[2-8](?:a\d+|_\w+)?|[2-8][- ]?bits?|awq|gptq|gguf|ggml|exl2|"
    r"mlx|bnb|bitsandbytes|quantized|ptq|qat|q?lora|pruned|distill(?:ed)?|spinquant|smoothquant|hqq|aqlm|quip)\b"
)


@functools.lru_cache(maxsize=8192)
def name_tokens(text: str) -> tuple[str, ...]:
    """A model name's tokens, spellings folded: "InternLM2_5-7B-Chat (bf16)" -> internlm 2.5 7b chat."""
    text = unicodedata.normalize("NFKC", text).casefold()
    for pattern, by in _PHRASES:
        text = pattern.sub(by, text)
    found = (re.sub(r"(?<=\d)\.0$", "", token) for token in _TOKEN.findall(text))
    return tuple(SYNONYMS.get(token, token) for token in found)


@dataclass(frozen=True, slots=True)
class ModelName:
    """The model that is meant, by its Hub id."""

    repo_id: str
    tokens: tuple[str, ...]
    owner: frozenset[str]
    sizes: frozenset[str]  # tokens that say a size: 7b, a3b's 3b and a, 8x7b's parts
    kind: str | None  # tuned, base or unsaid

    @classmethod
    def of(cls, repo_id: str) -> ModelName:
        owner, _, name = repo_id.rpartition("/")
        tokens = name_tokens(name)
        sizes = frozenset(token for part in _SIZE_PART.findall(name.replace("_", "-")) for token in name_tokens(part))
        kinds = [KIND[token] for token in tokens if token in KIND]
        return cls(repo_id, tokens, frozenset(name_tokens(owner)) - set(tokens), sizes, kinds[-1] if kinds else None)


@functools.lru_cache(maxsize=64)
def name_parts(name: tuple[str, ...]) -> tuple[set[str], dict[str, tuple[str, ...]]]:
    """A name's tokens, and what two to four neighbours make when written as one."""
    spans = ((i, j) for i in range(len(name)) for j in range(i + 2, min(i + 4, len(name)) + 1))
    return set(name), {"".join(name[i:j]): name[i:j] for i, j in spans if all(map(str.isalpha, name[i:j]))}


@functools.lru_cache(maxsize=8192)
def align(tokens: tuple[str, ...], name: tuple[str, ...]) -> tuple[str, ...]:
    """Write tokens as the name does where only the splitting differs: "openllama" <-> "open llama"."""
    known, joined = name_parts(name)
    if known.issuperset(tokens):
        return tokens
    found, at = [], 0
    while at < len(tokens):
        token = tokens[at]
        wide = next((n for n in (3, 2) if at + n <= len(tokens) and "".join(tokens[at : at + n]) in known), 0)
        if token not in known and token in joined:
            found.extend(joined[token])
        elif token not in known and wide:
            found.append("".join(tokens[at : at + wide]))
            at += wide - 1
        else:
            found.append(token)
        at += 1
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Context:
    """What stands around a label, nearest first (row or column, caption, paragraph, headings), and the card's title."""

    near: tuple[str, ...]
    headings: tuple[str, ...]
    title: str
    card: Card
    table: Table

    def kind(self) -> str | None:
        """Whether the nearest text that says so speaks of base or of tuned models."""
        for text in (*self.near, *self.headings):
            if kind := kind_said(text):
                return kind
        return None

    def supplies(self, token: str, name: Sequence[str], after: str = "", title: bool = False) -> bool:
        """Whether the text around says a word of the name, right after the word before it when that is given."""
        for text in (*self.near, *self.headings, *((self.title,) if title else ())):
            found = align(name_tokens(text), name)
            if token in found and (not after or (after, token) in itertools.pairwise(found)):
                return True
            if token in _VISION and not _VISION.isdisjoint(found) and not is_model(text):
                return True
            if is_model(text) and len(text) < 80:
                return False  # a nearer text about another model
        return False

    def labelled(self, tokens: set[str], name: Sequence[str], everywhere: bool) -> bool:
        """Whether a label of this table, or of any of the card's, says these words."""
        tables = self.card.tables if everywhere else [self.table]
        return any(tokens <= set(align(name_tokens(text), name)) for table in tables for text in table_labels(table))


@functools.lru_cache(maxsize=1024)
def kind_said(text: str) -> str | None:
    """ "base" or "tuned" when a text speaks of one of them only."""
    base, tuned = bool(BASE_WORDS.search(text)), bool(TUNED_WORDS.search(text))
    return None if base == tuned else "base" if base else "tuned"


def fit_name(label: str, model: ModelName, context: Context) -> Fit | None:
    """How a label fits the model, by rules and never by likeness; None when it is another model or cannot be told."""
    if len(label) > 150:
        return None
    stripped = split_label(label).name
    if OURS.fullmatch(stripped):
        return Fit(2, "called 'ours'", 0) if kind_agrees(None, model, context) else None
    tokens = align(name_tokens(stripped), model.tokens)
    have, wanted = set(tokens), set(model.tokens)
    covered = len(have & wanted)
    if not covered or not (have & wanted) - set(KIND):
        return None
    surplus = have - wanted - NEUTRAL - VENDORS - model.owner
    missing = wanted - have - NEUTRAL - VENDORS - model.owner
    rules = []
    if (
        surplus
        and not missing
        and not model.sizes
        and not several_sizes(model, context)
        and all(
            _SIZE_TOKEN.fullmatch(token) or token in ("a", "e", "x") or (token.isdecimal() and tokens.count("x"))
            for token in surplus
        )
    ):
        surplus, _ = set(), rules.append("its size added")
    if surplus == {"base"} and model.kind is None and unmarked_kind(model, context.card) != "tuned":
        surplus, _ = set(), rules.append("'base' said")
    mode = bool(surplus) and surplus <= MODES
    if surplus and not mode:
        return None
    if missing and not (supplied := supply(missing, have, model, context)):
        return None
    if missing:
        rules.append(supplied)
    kinds = [KIND[token] for token in tokens if token in KIND]
    if not kinds and not kind_agrees(None, model, context):
        return None
    if re.search(r"(?i)\((?:dense|moe)\)", label) and not {"dense", "moe"} & wanted:
        return None  # "BGE-M3 (Dense)" is one way to use it
    if QUANTIZED.search(label) and not QUANTIZED.search(model.repo_id):
        return None
    if mode:
        bracketed = surplus <= set(
            name_tokens(" ".join(m[1] or m[2] or m[3] or "" for m in _BRACKET.finditer(stripped)))
        )
        return Fit(0, "in brackets a mode of it" if bracketed else "a mode of it", covered)
    if missing:
        return Fit(1 if "only size" in supplied else 2, ", ".join(rules), covered)
    exact = have == wanted
    return Fit(
        4 if exact else 3,
        "exact" if exact else ", ".join(rules) or "exact but for words such as 'ours' or the owner",
        covered,
    )


def is_word(token: str) -> bool:
    return token.isalpha() and len(token) > 1 and token not in KIND


def table_labels(table: Table) -> Iterator[str]:
    """The short texts of a table that may name models: its header rows and its first three columns."""
    for number, row in enumerate(table.rows[:200]):
        for cell in row if number <= table.head else row[:3]:
            if cell.text and len(cell.text) < 60:
                yield cell.text


def supply(missing: set[str], have: set[str], model: ModelName, context: Context) -> str:
    """Say where the tokens that a label lacks are said; "" when one of them is said nowhere or only far away."""
    rules = set()
    order = {token: place for place, token in enumerate(model.tokens)}
    named = [order[token] for token in have if token in order and is_word(token) and token not in model.sizes]
    for token in missing:
        if token in KIND:
            if context.kind() is None and KIND[token] == "tuned" and only_kind(have, model, context):
                rules.add(f"only size and kind: the card knows no model of that name but {token}")
                continue
            if context.kind() != KIND[token] or any(
                context.labelled(have | {kind}, model.tokens, False) for kind in KIND
            ):
                return ""
            rules.add(f"'{token}' from the text around")
        elif token in model.sizes:
            said = [sizes_in(text) for text in (*context.near, *context.headings[:1])]
            if any(sizes and not sizes <= model.sizes for sizes in said[: len(context.near)]):
                return ""
            if any(token in sizes for sizes in said if sizes <= model.sizes):
                rules.add(f"'{token}' from the text around")
            elif only_size(have, model, context.card):
                rules.add("the only size of that name in the card")
            else:
                return ""
        elif re.fullmatch(r"\d{4}|\d{6}|\d{8}|\d+k|\d+t", token):  # a date or checkpoint stamp, a context length
            if not any(token in name_tokens(text) for text in context.near):
                return ""
        elif QUANTIZED.search(token) or token in MODES:
            return ""
        else:
            before = model.tokens[order[token] - 1] if order[token] else ""
            if not named or order[token] < min(named):  # the family's name, which a card need not repeat
                told = context.supplies(token, model.tokens, title=True)
            elif not is_word(token):  # "Foo 7B" is no Foo 2 where some label says "Foo 2"
                said = {model.tokens[min(named)], token}
                after = model.tokens[order[token] + 1 : order[token] + 2] if token == "v" else ()
                told = context.supplies(token, model.tokens, before, True) and not context.labelled(
                    said, model.tokens, True
                )
                told = told and all(context.supplies(number, model.tokens, token, True) for number in after)
            else:  # a word inside the name: Vision, Coder
                said = {model.tokens[0], token}
                told = context.supplies(token, model.tokens, before) and not context.labelled(said, model.tokens, False)
            if not told:
                return ""
            rules.add(f"'{token}' from the text around")
    said = have & (
        model.sizes
        | {token for token in model.tokens if len(token) > 1 and not token.isdecimal() and token not in KIND}
    )
    return ", ".join(sorted(rules)) or "from the text around" if said else ""


@functools.lru_cache(maxsize=1024)
def sizes_in(text: str) -> set[str]:
    """The size tokens of a text: "7B and 13B models" -> 7b, 13b."""
    return {token for part in _SIZE_PART.findall(text) for token in name_tokens(part)} if text else set()


def only_kind(have: set[str], model: ModelName, context: Context) -> bool:
    """Whether the card names this model as Instruct or Chat only, so that a label may leave that out."""
    words = [token for token in model.tokens if token not in KIND]
    pattern = r"[\W_]{0,2}".join(map(re.escape, words))
    suffixes = {SYNONYMS.get(word, word) for word in context.card.find_all(pattern + r"[-_]([a-z]+)")}
    if not suffixes or not suffixes <= KIND.keys() - {"base"} or context.card.find_all("/" + pattern + r"(?![\w.-])"):
        return False
    if any(BASE_WORDS.search(text) for text in (*table_headings(context.card), *context.near)):
        return False
    return not any(context.labelled(have | {kind}, model.tokens, True) for kind in KIND)


def several_sizes(model: ModelName, context: Context) -> bool:
    """Whether the card's labels name a model that has no size of its own in more than one size."""
    wanted = set(model.tokens)
    labels = {
        frozenset(align(name_tokens(text), model.tokens))
        for table in context.card.tables
        for text in table_labels(table)
    }
    sizes = {frozenset(token for token in label if _SIZE_TOKEN.fullmatch(token)) for label in labels if wanted < label}
    return len(sizes - {frozenset()}) > 1


def only_size(have: set[str], model: ModelName, card: Card) -> bool:
    """Whether the card names this model in one size only, so that a label may leave the size out."""
    words = [token for token in model.tokens if token in have and token not in KIND]
    if not words or not any(token.isalpha() and len(token) > 1 for token in words):
        return False
    pattern = (
        r"[\W_]{0,2}".join(map(re.escape, words))
        + r"[\W_]{0,3}(?:[a-z]{2,10}[\W_])?((?:\d+x|a)?\d+(?:[._]\d+)?[bm])(?![a-z\d])"
    )
    found = {size.replace("_", ".") for size in card.find_all(pattern)}
    return all(set(name_tokens(size)) <= model.sizes for size in found)


def unmarked_kind(model: ModelName, card: Card) -> str | None:
    """What a name without Base or Instruct means in this card: the other of the two that the card names beside it."""
    words = [token for token in model.tokens if token not in KIND]
    pattern = r"[\W_]{0,2}".join(map(re.escape, words))
    if card.find_all(pattern + r"[\W_]{0,2}(?:base|pretrain(?:ed)?|pt)(?![a-z])"):
        return "tuned"
    return "base" if card.find_all(pattern + r"[\W_]{0,2}(?:chat|instruct|it|sft)(?![a-z])") else None


def kind_agrees(label_kind: str | None, model: ModelName, context: Context) -> bool:
    """Whether base or tuned, as the text around says, does not contradict the model's own name."""
    said = label_kind or context.kind()
    if said is None or said == model.kind:
        return True
    if model.kind is not None:
        return False
    unmarked = unmarked_kind(model, context.card)
    return (
        unmarked == said
        if unmarked
        else said == "base" or not BASE_WORDS.search(" ".join(table_headings(context.card)))
    )


def table_headings(card: Card) -> Iterator[str]:
    return (text for table in card.tables for text in table.headings)


# --- Pure core: grid -> blocks with header paths and column roles ------------------------------------------------


class Grid:
    """A table with its values parsed; every decision is made on it."""

    def __init__(self, table: Table, vocabulary: Vocabulary) -> None:
        self.table, self.rows, self.width, self.vocabulary = table, table.rows, table.width, vocabulary
        self.comma = uses_decimal_comma([cell for row in self.rows for cell in row])
        self.captions: list[str] = [table.caption] if table.caption else []
        self.blocks = self.find_blocks()
        for block in self.blocks:
            block.paths = [self.header_path(block, column) for column in range(self.width)]
            block.roles = self.find_roles(block)
            self.find_sections(block)

    def value(self, cell: Cell) -> Value | None:
        return parse_value(cell.text, self.comma) if cell.text else None

    def scored(self, cell: Cell) -> bool:
        return bool(cell.text and (parse_value(cell.text, self.comma) or self.packed(cell)))

    def packed(self, cell: Cell) -> list[Value | None] | None:
        """The values of a cell that packs several, one a line; None for any other cell."""
        if "\n" not in cell.text:
            return None
        lines = cell.text.split("\n")
        values = [parse_value(line, self.comma) for line in lines]
        told = all(value or MISSING.fullmatch(line) for value, line in zip(values, lines, strict=True))
        return values if told and any(values) else None

    def texts(self, row: int) -> list[str]:
        return [cell.text for cell in self.rows[row]]

    def spans_row(self, row: int) -> str | None:
        """The text of a row that has only one cell with text: a caption or a section row."""
        found = None
        for cell in self.rows[row]:
            if cell.text and cell is not found:
                if found is not None and cell.text != found.text:
                    return None
                found = cell
        if found is None or self.scored(found) or MISSING.fullmatch(found.text):
            return None
        return label_text(found.text)

    def find_blocks(self) -> list[Block]:
        if not self.width:
            return []
        head, body = list(range(self.table.head)), list(range(self.table.head, len(self.rows)))
        if len(head) == len(self.rows) > 1:
            head, body = head[:1], list(range(1, len(self.rows)))
        if not head and body:
            while len(body) > 1 and self.spans_row(body[0]) is not None:
                head.append(body.pop(0))
            head.append(body.pop(0))
        while body and self.is_more_header(head, body[0], len(head)):
            head.append(body.pop(0))
        blocks = [Block(self.drop_captions(head), [])]
        for row in body:
            if self.is_new_header(blocks[-1], row):
                blocks.append(Block([row], []))
            else:
                blocks[-1].body.append(row)
        return [block for block in blocks if block.body] or blocks[:1]

    def drop_captions(self, head: list[int]) -> list[int]:
        """Leading header rows that one cell spans are captions."""
        while len(head) > 1 and self.width > 1 and (text := self.spans_row(head[0])) is not None:
            if self.rows[head[0]][0].text == "":
                break
            self.captions.append(text)
            head = head[1:]
        return head

    def is_more_header(self, head: list[int], row: int, depth: int) -> bool:
        """Whether a row under the header is part of it: shots or metrics under the names, or the names themselves."""
        if depth > 4:
            return False
        cells = self.rows[row]
        first, others = label_text(cells[0].text), [cell for cell in cells[1:] if cell.text]
        above = [cell for index in head for cell in self.rows[index][1:]]
        if not others:
            return not any(cell.text for cell in above) and bool(first)
        if (SHOTS_HEAD.fullmatch(first) or METRIC_HEAD.fullmatch(first)) and row <= self.table.head + 1:
            return all(
                is_setting(c.text) or MISSING.fullmatch(c.text) or re.fullmatch(r"\d{1,2}", c.text) for c in others
            )
        if any(self.scored(cell) for cell in cells) and not all(cell.header for cell in cells if cell is not EMPTY):
            return False
        if not any(cell.text for cell in above):
            return True
        if not first or HEAD_WORDS.fullmatch(first) or cells[0] is self.rows[head[-1]][0]:
            settings = [is_setting(cell.text) for cell in others if not MISSING.fullmatch(cell.text)]
            if settings and all(settings):
                return True
        if (HEAD_WORDS.fullmatch(first) and len(others) > 1) or cells[0] is self.rows[head[-1]][0]:
            return True
        # A blank corner, and names under group names: these span, or have blanks beside them.
        top = self.rows[head[-1]]
        under = any(cell.text and not top[c].text for c, cell in enumerate(cells) if c)
        spans = any(a is b and a.text for a, b in itertools.pairwise(top[1:]))
        return not first and len(others) > 1 and (under or spans)

    def is_new_header(self, block: Block, row: int) -> bool:
        """Whether a body row starts a new header: it names what stands below, and has no value."""
        cells = self.rows[row]
        if self.width < 2 or self.scored(cells[-1]) or self.scored(cells[1]):
            return False
        others = {id(cell): cell for cell in cells[1:] if cell.text and not MISSING.fullmatch(cell.text)}
        if len(others) < 2 or not block.body or any(self.scored(cell) for cell in others.values()):
            return False
        if all(cell.header for cell in cells if cell is not EMPTY):
            return True
        first = label_text(cells[0].text)
        return bool(HEAD_WORDS.fullmatch(first) and not GROUP_HEAD.fullmatch(first)) or (
            bool(first)
            and sum(a.text == b.text for a, b in zip(cells, self.rows[block.head[-1]], strict=True)) >= self.width - 1
        )

    def header_path(self, block: Block, column: int) -> tuple[str, ...]:
        """The header texts above a column, top first, each once; a blank beside a group name belongs to the group."""
        path: list[str] = []
        last: Cell | None = None
        for depth, row in enumerate(block.head):
            cell = self.rows[row][column]
            if self.table.kind == "pipe" and not cell.text and depth + 1 < len(block.head):
                cell = self.group_left(block, row, column) or cell
            if cell is not last and cell.text:
                text = label_text(cell.text)
                if text and (not path or path[-1] != text):
                    path.append(text)
            last = cell
        return tuple(path)

    def group_left(self, block: Block, row: int, column: int) -> Cell | None:
        """The group name to the left of a blank header cell of a pipe table, which has no spans."""
        if column < 2 or not self.rows[block.head[-1]][column].text:
            return None
        left = next((c for c in range(column - 1, 0, -1) if self.rows[row][c].text), 0)
        cell = self.rows[row][left]
        return cell if left and not is_setting(cell.text) else None

    def find_roles(self, block: Block) -> list[str]:
        """What each column holds: label, group, extra, shots, metric, fact, data or blank."""
        roles = [self.role(block, column) for column in range(self.width)]
        texts = [column for column, role in enumerate(roles) if role in ("text", "group", "extra", "metric")]
        leading = [column for column in texts if all(roles[left] != "data" for left in range(column))]
        named = [column for column in texts if roles[column] == "text"]
        label = self.label_column(block, [c for c in named if c in leading] or leading or named or texts)
        for column in texts:
            if column == label:
                roles[column] = "label"
            elif roles[column] == "text":
                roles[column] = "group" if column < (label if label is not None else 0) else "extra"
        return roles

    def label_column(self, block: Block, columns: list[int]) -> int | None:
        """The text column that names the rows: by its header, else the one with the most different labels."""
        if not columns:
            return None

        def weight(column: int) -> tuple[bool, int, int]:
            head = " ".join(block.paths[column])
            named = bool(BENCHMARK_HEAD.fullmatch(head) or MODEL_HEAD.fullmatch(head)) and not GROUP_HEAD.fullmatch(
                head
            )
            return named, len({self.rows[row][column].text for row in block.body}), -column

        return max(columns, key=weight)

    def role(self, block: Block, column: int) -> str:
        path = block.paths[column]
        leaf = path[-1] if path else ""
        values = texts = links = settings = 0
        for row in block.body:
            cell = self.rows[row][column]
            if not cell.text:
                links += bool(cell.source)
            elif self.scored(cell):
                values += 1
            elif not MISSING.fullmatch(cell.text) and re.search(r"\w", cell.text):
                texts += 1
                settings += is_setting(cell.text)
                links += "](" in cell.source or "href" in cell.source
        decimals = SHOTS_HEAD.fullmatch(leaf) and any("." in self.rows[row][column].text for row in block.body)
        if (SHOTS_HEAD.fullmatch(leaf) and not decimals) or (
            texts
            and not values
            and settings == texts
            and all(
                SHOT.search(t) or COT.fullmatch(t) or MISSING.fullmatch(t)
                for row in block.body
                if (t := self.rows[row][column].text)
            )
        ):
            return "shots"
        if column == 0 and (HEAD_WORDS.fullmatch(leaf) or not leaf) and not (values and texts == 0 and not leaf):
            return "group" if GROUP_HEAD.fullmatch(leaf) else "text"
        if is_fact(leaf) or (
            any(map(is_fact, path[:-1])) and not (is_model(leaf) or is_benchmark(leaf, self.vocabulary))
        ):
            return "fact"
        if values and values >= texts:
            return "data"
        if not texts:
            return "data" if leaf and (values or not links) else "blank"
        if METRIC_HEAD.fullmatch(leaf) or (settings == texts and not leaf):
            return "metric"
        if GROUP_HEAD.fullmatch(leaf):
            return "group"
        if EXTRA_HEAD.fullmatch(leaf):
            return "extra"
        return "text" if not values or HEAD_WORDS.fullmatch(leaf) else "data"

    def find_sections(self, block: Block) -> None:
        """Section rows name the rows below them; they are taken out of the body."""
        section, body = "", []
        for row in block.body:
            text = self.spans_row(row) if self.width > 1 else None
            if text is not None and not (len(block.body) > 1 and self.is_filled_label(block, row)):
                section = text
            else:
                body.append(row)
                block.sections[row] = section
        block.body = body

    def is_filled_label(self, block: Block, row: int) -> bool:
        """Whether the row's only text is a rowspan that began above: a row with no values, not a section."""
        return any(cell.text and cell is self.rows[row - 1][column] for column, cell in enumerate(self.rows[row]))

    def filled(self, block: Block, column: int) -> dict[int, Cell]:
        """A label column's cells by row; a blank one continues the label above, up to the next section."""
        cells, last, section = {}, EMPTY, None
        for row in block.body:
            if block.sections[row] != section:
                last, section = EMPTY, block.sections[row]
            cell = self.rows[row][column]
            last = cell if cell.text else last if any(c.text for c in self.rows[row]) else EMPTY
            cells[row] = last
        return cells


# --- Pure core: decide what a table is and where the model stands ------------------------------------------------

TEXT_ROLES = ("label", "group", "extra")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says about the table: which column or row is the model, whatever the rules say."""

    column: int | None = None
    row: int | None = None
    name: str | None = None
    force: bool = False


class Reader:
    """One table, one model: classify, locate, read. Each step fills the Reading."""

    def __init__(
        self, table: Table, model: ModelName, card: Card, vocabulary: Vocabulary, choice: Choice = Choice()
    ) -> None:
        self.table, self.model, self.card, self.vocabulary, self.choice = table, model, card, vocabulary, choice
        self.grid = Grid(table, vocabulary)
        self.around = tuple(text for text in (*self.grid.captions, self.caption_below(), table.before) if text)
        self.cache: dict[str, Fit | None] = {}
        self.wanted = frozenset(model.tokens)

    def read(self) -> Reading:
        reading = self.classify()
        reading.blocks = self.grid.blocks
        if self.choice.column is not None or self.choice.row is not None or self.choice.name:
            self.chosen(reading)
        elif reading.evaluation or self.choice.force:
            self.locate(reading)
        if not reading.evaluation and not self.choice.force:
            reading.status, reading.targets = "skipped", []
        if reading.status == "found":
            reading.scores = self.scores(reading)
        if reading.status == "found" and reading.orientation == "single-model" and self.says_twice(reading.scores):
            reading.status, reading.scores = "ambiguous", []
            reading.targets = list(self.data_columns())
        return reading

    # --- classify

    def classify(self) -> Reading:
        blocks = self.grid.blocks
        if not blocks or not any(block.body for block in blocks) or self.grid.width < 1:
            return Reading(self.table, False, "no rows under the header")
        labels = [label_text(cell.text) for block in blocks for cell in self.row_labels(block).values()]
        heads = [block.paths[c] for block in blocks for c in range(self.grid.width) if block.roles[c] == "data"]
        if next(self.data_values(), None) is None:
            return Reading(self.table, False, self.why_no_values())
        orientation = self.orientation(labels, heads)
        if orientation == "single-model" and not any(labels):
            names = [level for path in heads for level in path]
        elif orientation == "models-as-rows":
            names = [level for path in heads for level in path]
            names += [
                text
                for role in TEXT_ROLES
                for text in self.column_texts(role)
                if text and not is_model(text) and not self.resembles(text)
            ]
        else:
            names = [label for label in labels if label]
            names += [level for path in heads for level in path if is_setting(level)]
            names += [s for block in blocks for s in set(block.sections.values()) if s]
            names += [t for t in self.column_texts("metric") if is_setting(t)]
        evaluation, reason = self.is_evaluation(orientation, names, labels, heads)
        return Reading(self.table, evaluation, reason, orientation if evaluation else None)

    def column_texts(self, role: str) -> Iterator[str]:
        for block in self.grid.blocks:
            for column, found in enumerate(block.roles):
                if found == role:
                    yield from (label_text(self.grid.rows[row][column].text) for row in block.body[:50])

    def row_labels(self, block: Block) -> dict[int, Cell]:
        if "label" in block.roles:
            return self.grid.filled(block, block.roles.index("label"))
        return dict.fromkeys(block.body, EMPTY)

    def data_values(self) -> Iterator[Cell]:
        for block in self.grid.blocks:
            columns = [column for column, role in enumerate(block.roles) if role == "data"]
            labels = self.row_labels(block)
            for row in block.body:
                if is_fact(labels[row].text):
                    continue
                for column in columns:
                    cell = self.grid.rows[row][column]
                    if self.grid.scored(cell):
                        yield cell

    def why_no_values(self) -> str:
        facts = [" ".join(b.paths[c]) for b in self.grid.blocks for c, role in enumerate(b.roles) if role == "fact"]
        return "no scores: its columns are facts or links" + (f" ({', '.join(facts[:4])})" if facts else "")

    def orientation(self, labels: list[str], heads: list[tuple[str, ...]]) -> str:
        """Whether models stand in the columns, in the rows, or nowhere, by what headers and labels look like."""
        rows = [label for label in labels if label] or [""]
        corner = (
            " ".join(self.grid.blocks[0].paths[self.grid.blocks[0].roles.index("label")])
            if "label" in self.grid.blocks[0].roles
            else ""
        )
        leaves = [path[-1] if path else "" for path in heads] or [""]
        flat = [" ".join(path) for path in heads] or [""]
        row_models = share(rows, self.names_model)
        head_models = share(flat, self.names_model)
        row_marks = share(rows, lambda text: is_benchmark(text, self.vocabulary) or is_setting(text))
        head_marks = share(flat, lambda text: is_benchmark(text, self.vocabulary) or is_generic(text))
        other_models = self.other_models()
        named = all(leaves) or len(leaves) == 1
        if named and all(is_generic(leaf) for leaf in leaves) and not any(map(self.names_model, flat)):
            if row_models >= 0.5 or other_models or (MODEL_HEAD.fullmatch(corner) and row_marks < 0.5):
                return "models-as-rows"
            return "single-model"
        if not any(labels) and sum(len(block.body) for block in self.grid.blocks) == 1:
            return "single-model" if head_models < 0.5 else "benchmarks-as-rows"
        as_rows = row_models + head_marks + 0.6 * bool(MODEL_HEAD.fullmatch(corner)) + 0.6 * other_models
        as_columns = head_models + row_marks + 0.6 * bool(BENCHMARK_HEAD.fullmatch(corner))
        return "models-as-rows" if as_rows > as_columns else "benchmarks-as-rows"

    def names_model(self, text: str) -> bool:
        """Whether a label looks like a model's name, this one's or another's."""
        if is_model(text):
            return not self.vocabulary.keys.get(normalize_name(text))
        return self.resembles(text) and bool(self.fit(text))

    def resembles(self, text: str) -> bool:
        """A quick look before fit: whether a label shares a token with the model's name."""
        return not self.wanted.isdisjoint(align(name_tokens(text), self.model.tokens)) or bool(OURS.fullmatch(text))

    def other_models(self) -> bool:
        """Whether a text column that is not the label holds models' names (category, benchmark, model, score)."""
        block = self.grid.blocks[0]
        for column, role in enumerate(block.roles):
            if role in ("group", "extra"):
                texts = [text for row in block.body if (text := label_text(self.grid.rows[row][column].text))]
                if texts and (MODEL_HEAD.fullmatch(" ".join(block.paths[column])) or share(texts, is_model) >= 0.6):
                    return share(texts, lambda text: bool(is_model(text) or self.fit(text))) >= 0.4
        return False

    def is_evaluation(
        self, orientation: str, names: list[str], labels: list[str], heads: list[tuple[str, ...]]
    ) -> tuple[bool, str]:
        nearest = " / ".join((self.table.heading or "", *self.around[:1]))
        names = list(dict.fromkeys(names))
        known = list(itertools.islice((name for name in names if is_benchmark(name, self.vocabulary)), 2))
        measured = next((name for name in names if is_setting(name)), None)
        facts = [
            level
            for block in self.grid.blocks
            for c, role in enumerate(block.roles)
            if role == "fact"
            for level in block.paths[c]
        ]
        if any(re.fullmatch(r"(?i)(?:training )?(?:steps?|epochs?)", fact) for fact in facts) and any(
            "loss" in level.lower() for level in (*facts, *names)
        ):
            return False, "a training log (epochs, steps, losses)"
        if all(
            not name
            or QUANTIZED.fullmatch(name)
            or re.fullmatch(r"(?i)[\W\d]*|(?:bf16|fp16|fp32|yes|no)(?:\W+(?:bf16|fp16|fp32))*|[\w ]+=\s*\d+", name)
            for name in names
        ):
            return False, "its labels are numbers or precisions, not benchmarks"
        if orientation == "single-model" and not measured and self.looks_counted(heads):
            return False, "counts of a data set's splits"
        corner = next(
            (" ".join(b.paths[c]) for b in self.grid.blocks for c, r in enumerate(b.roles) if r == "label"), ""
        )
        if not known and (SETTINGS_HEAD.fullmatch(corner) or 2 * sum(map(is_fact, labels)) >= max(len(labels), 1)):
            return False, "its rows are settings or facts"
        if DATA_HEADING.search(nearest) and not measured:
            return False, f"'{nearest[:60]}' is about data"
        about_facts = bool(FACT_HEADING.search(nearest)) and not EVAL_HEADING.search(nearest)
        if known and (not about_facts or len(known) > 1 or measured):
            return True, f"{' and '.join(known)} {'are benchmarks' if len(known) > 1 else 'is a benchmark'}"
        if measured and not about_facts:
            return True, f"it has a measure ({measured})"
        told = next((text for text in (*self.around, *self.table.headings) if EVAL_HEADING.search(text)), None)
        models = (
            any(self.fit(text) or is_model(text) for text in (*labels, *(" ".join(path) for path in heads)))
            or self.other_models()
        )
        if re.match(r"(?i)benchmarks?\b|evaluations?\b|评测", corner) and not about_facts and models:
            return True, f"its column '{corner}'"
        if told and not about_facts and (models or orientation == "single-model"):
            return True, f"under '{told[:60]}'"
        if models and not about_facts and self.looks_scored():
            return True, "models with values that look like scores"
        return (
            False,
            "nothing in it or above it says evaluation"
            if not about_facts
            else f"'{nearest[:60]}' is about something else",
        )

    def looks_counted(self, heads: list[tuple[str, ...]]) -> bool:
        values = [value.numbers[0] for cell in self.data_values() if (value := self.grid.value(cell))]
        return (
            len(heads) > 1
            and all(path and SPLIT.fullmatch(path[-1]) for path in heads)
            and all(v == int(v) and v > 100 for v in values)
        )

    def looks_scored(self) -> bool:
        """Whether most values are decimals from 0 to 100, as scores are and facts seldom."""
        values = [value.numbers[0] for cell in self.data_values() if (value := self.grid.value(cell))][:200]
        fair = sum(0 <= number <= 100 and number != int(number) for number in values)
        return len(values) >= 4 and fair >= 0.6 * len(values)

    def caption_below(self) -> str:
        """The paragraph below is a caption when it says so or is short and bold or italic throughout."""
        below = self.table.after
        return below if re.match(r"(?i)(?:table|表)\s*\d", below) else ""

    # --- locate

    def fit(self, label: str, near: tuple[str, ...] = ()) -> Fit | None:
        if not self.resembles(label) and not OURS.search(label):
            return None
        if not near:
            if label not in self.cache:
                self.cache[label] = fit_name(label, self.model, self.context())
            return self.cache[label]
        return fit_name(label, self.model, self.context(near))

    def context(self, near: tuple[str, ...] = ()) -> Context:
        headings = tuple(text for text in self.table.headings if text != self.card.title)
        return Context((*near, *self.around), headings, self.card.title, self.card, self.table)

    def locate(self, reading: Reading) -> None:
        if reading.orientation == "single-model":
            conflict = self.single_conflict()
            reading.status, reading.rule = (
                ("absent", conflict) if conflict else ("found", "the table has one model only")
            )
            reading.names = [conflict] if conflict else []
            return
        rows = reading.orientation == "models-as-rows"
        candidates = list(self.row_candidates() if rows else self.column_candidates())
        reading.names = list(dict.fromkeys(self.row_names() if rows else self.column_names()))
        reading.targets, reading.status = choose(candidates)
        reading.rule = reading.targets[0].fit.rule if reading.targets else ""

    def single_conflict(self) -> str:
        """Why a table without model names is another model's: its headings name another size, kind or model."""
        context = self.context()
        if not kind_agrees(None, self.model, context):
            return f"the text around it speaks of {context.kind()} models"
        for text in (*self.grid.captions, *self.table.headings):
            sizes = sizes_in(text)
            if sizes and self.model.sizes and not sizes & self.model.sizes:
                return f"'{text[:80]}' names another size"
            if QUANTIZED.search(text) and not QUANTIZED.search(self.model.repo_id):
                return f"'{text[:80]}' is about a quantized or distilled variant"
            base = name_tokens(str(self.card.front.get("base_model", "")).rpartition("/")[2])
            if (
                len(base) > 1
                and set(base) <= set(name_tokens(text))
                and not set(self.model.tokens) <= set(name_tokens(text))
            ):
                return f"'{text[:80]}' names the base model"
        return ""

    def says_twice(self, scores: list[Score]) -> bool:
        """Whether one row gives two values for the same thing: then the columns are models after all."""
        said = [(score.row, score.benchmark, score.metric, score.shots) for score in scores]
        return len(set(said)) < len(said)

    def data_columns(self) -> Iterator[Candidate]:
        block = self.grid.blocks[0]
        for column in range(self.grid.width):
            if block.roles[column] == "data":
                yield Candidate("column", column, " / ".join(block.paths[column]), Fit(0, "a column of values", 0))

    def column_names(self) -> Iterator[str]:
        for block in self.grid.blocks:
            yield from (
                " / ".join(block.paths[c])
                for c in range(self.grid.width)
                if block.roles[c] == "data" and block.paths[c]
            )

    def row_names(self) -> Iterator[str]:
        for block in self.grid.blocks:
            columns = self.model_columns(block)
            for row in block.body:
                if name := " / ".join(
                    label_text(self.grid.rows[row][c].text) for c in columns if self.grid.rows[row][c].text
                ):
                    yield name

    def model_columns(self, block: Block) -> list[int]:
        """The text columns whose cells look like models' names; the label column when none does."""
        shares = {}
        for column, role in enumerate(block.roles):
            if role in TEXT_ROLES:
                texts = [text for row in block.body if (text := label_text(self.grid.rows[row][column].text))]
                shares[column] = share(texts, lambda text: bool(is_model(text) or self.fit(text))) if texts else 0.0
        best = max(shares.values(), default=0.0)
        return [column for column, found in shares.items() if best and found >= best] or [
            c for c, r in enumerate(block.roles) if r == "label"
        ]

    def column_candidates(self) -> Iterator[Candidate]:
        for number, block in enumerate(self.grid.blocks):
            for column in range(self.grid.width):
                path = block.paths[column]
                if block.roles[column] != "data" or not path:
                    continue
                found = self.best_fit(
                    [(level, tuple(p for p in path if p != level)) for level in path] + [(" ".join(path), ())]
                )
                if found:
                    text, near, fit = found
                    yield Candidate("column", column, text, fit, (number, " / ".join(near)))

    def row_candidates(self) -> Iterator[Candidate]:
        for number, block in enumerate(self.grid.blocks):
            filled = {
                column: self.grid.filled(block, column) for column, role in enumerate(block.roles) if role in TEXT_ROLES
            }
            sizes = [
                c
                for c, role in enumerate(block.roles)
                if role == "fact"
                and re.fullmatch(r"(?i)(?:model )?(?:size|#?\s*params?|parameters)s?.*", " ".join(block.paths[c]))
            ]
            settings = [c for c, role in enumerate(block.roles) if role in ("shots", "metric")]
            for row in block.body:
                if not any(cell.text for cell in self.grid.rows[row]):
                    continue
                cells = {column: label_text(cells[row].text) for column, cells in filled.items() if cells[row].text}
                extra = tuple(label_text(self.grid.rows[row][c].text) for c in sizes if self.grid.rows[row][c].text)
                section = (block.sections[row],) if block.sections[row] else ()
                tries = [
                    (text, (*(t for c, t in cells.items() if c != column), *extra, *section))
                    for column, text in cells.items()
                ]
                if len(cells) > 1:
                    tries.append((" ".join(cells.values()), (*extra, *section)))
                if found := self.best_fit(tries):
                    text, near, fit = found
                    place = " / ".join((*near, *(self.grid.rows[row][c].text for c in settings)))
                    yield Candidate("row", row - self.table.head, text, fit, (number, place))

    def best_fit(self, tries: list[tuple[str, tuple[str, ...]]]) -> tuple[str, tuple[str, ...], Fit] | None:
        best = None
        for text, near in tries:
            if near and not self.has_name(text) and any(not is_setting(t) and not sizes_in(t) for t in near):
                continue  # "7B" beside another column that says of what
            fit = self.fit(text, near)
            if (
                fit
                and not self.conflicts(fit, near)
                and (best is None or (fit.level, fit.covered) > (best[2].level, best[2].covered))
            ):
                best = text, near, fit
        return best

    def has_name(self, text: str) -> bool:
        """Whether a label has a word of the model's name, not only its size or kind."""
        return any(
            t.isalpha() and len(t) > 1 and t not in KIND and t in self.model.tokens
            for t in align(name_tokens(text), self.model.tokens)
        )

    def conflicts(self, fit: Fit, near: tuple[str, ...]) -> bool:
        """Whether what stands beside a label makes it another model: a quantization, or another model's name."""
        for text in near:
            if QUANTIZED.search(text) and not QUANTIZED.search(self.model.repo_id):
                return True
            if fit.level < 3 and is_model(text):
                tokens = set(align(name_tokens(text), self.model.tokens))
                if tokens - set(self.model.tokens) - NEUTRAL - VENDORS - self.model.owner - set(KIND):
                    return True
        return False

    def chosen(self, reading: Reading) -> None:
        """The column or row that the command line names."""
        choice = self.choice
        if choice.name:
            wanted = " ".join(label_text(plain_text(choice.name)).split()).casefold()
            found = [c for c in self.override_places() if c.text.casefold() == wanted]
            exact = {candidate.axis for candidate in found}
            reading.targets = found if len(exact) == 1 else []
            reading.names = list(dict.fromkeys([*self.column_names(), *self.row_names()]))
            reading.status = "found" if len(exact) == 1 else "ambiguous" if found else "absent"
        else:
            axis, index = ("column", choice.column) if choice.column is not None else ("row", choice.row)
            limit = self.grid.width if axis == "column" else len(self.grid.rows) - self.table.head
            if not 0 <= index < limit:
                raise ScriptError(f"table {self.table.number} has no {axis} {index}; its {axis}s are 0 to {limit - 1}")
            reading.targets, reading.status = [Candidate(axis, index, "", Fit(4, "", 0))], "found"
        if reading.targets:
            reading.orientation = "benchmarks-as-rows" if reading.targets[0].axis == "column" else "models-as-rows"
            reading.rule = "named on the command line"

    def override_places(self) -> Iterator[Candidate]:
        for number, block in enumerate(self.grid.blocks):
            for column, path in enumerate(block.paths):
                for text in {*path, " ".join(path), " / ".join(path)} if block.roles[column] == "data" else ():
                    yield Candidate("column", column, text, Fit(4, "", 0), (number, ""))
            for row in block.body:
                cells = [
                    label_text(self.grid.rows[row][c].text) for c, role in enumerate(block.roles) if role in TEXT_ROLES
                ]
                cells = [cell for cell in cells if cell]
                for text in {*cells, " ".join(cells), " / ".join(cells)}:
                    yield Candidate("row", row - self.table.head, text, Fit(4, "", 0), (number, ""))

    # --- read cells

    def scores(self, reading: Reading) -> list[Score]:
        if reading.orientation == "models-as-rows":
            rows = {target.index + self.table.head for target in reading.targets}
            found = self.scores_by_column(rows, reading.targets)
        elif reading.orientation == "single-model" and not any(
            cell.text for block in self.grid.blocks for cell in self.row_labels(block).values()
        ):
            found = self.scores_by_column({row for block in self.grid.blocks for row in block.body}, [])
        else:
            found = self.scores_by_row({target.index for target in reading.targets}, reading)
        return list(found)

    def scores_by_row(self, columns: set[int], reading: Reading) -> Iterator[Score]:
        matched = {text for target in reading.targets for text in (target.text, *target.text.split(" / "))}
        for number, block in enumerate(self.grid.blocks):
            here = (
                {t.index for t in reading.targets if t.place[0] == number}
                if reading.rule != "named on the command line"
                else columns
            )
            wanted = [c for c, role in enumerate(block.roles) if (c in here if reading.targets else role == "data")]
            named = RowNames(self.grid, block)
            for row in block.body:
                if named.is_fact(row):
                    continue
                for column in wanted:
                    levels = [level for level in block.paths[column] if level not in matched and not self.fit(level)]
                    generic = reading.orientation == "single-model"
                    yield from self.cell_scores(
                        block, row, column, named.names(row), [] if not generic and len(wanted) == 1 else levels, named
                    )

    def scores_by_column(self, rows: set[int], targets: list[Candidate]) -> Iterator[Score]:
        for block in self.grid.blocks:
            names = ColumnNames(self.grid, block, self.vocabulary)
            model_columns = set(self.model_columns(block)) if targets else set()
            for row in sorted(rows & set(block.body)):
                for column, role in enumerate(block.roles):
                    if role == "data":
                        yield from self.column_score(block, row, column, names, model_columns)

    def column_score(
        self, block: Block, row: int, column: int, names: ColumnNames, model_columns: set[int]
    ) -> Iterator[Score]:
        cell = self.grid.rows[row][column]
        value = self.grid.value(cell)
        if value is None:
            return
        label, group = names.label(column)
        shots, metric, extra = names.row_says(row, model_columns)
        if extra and (names.generic(column) or SPLIT.fullmatch(label.name)):
            over = split_label(extra)
            leaf = label.name if SPLIT.fullmatch(label.name) or AVERAGE.fullmatch(label.name) else ""
            said = setting_label(label.name) if is_setting(label.name) else label
            label = Label(
                f"{over.name} ({leaf})" if leaf else over.name, over.shots or said.shots, over.metric or said.metric
            )
        elif (above := self.benchmark_above()) and names.generic(column) and not AVERAGE.fullmatch(label.name):
            said = setting_label(label.name)
            label = Label(above, said.shots or label.shots, said.metric or label.metric)
        if label.name:
            yield self.score(cell, value, label, (shots, metric, group), row, column, cell.source)

    def benchmark_above(self) -> str:
        """The heading when it is a benchmark's name: what a column headed "Score" or a row "Reasoning on" is about."""
        heading = self.table.heading or ""
        fits = len(heading) < 60 and is_benchmark(heading, self.vocabulary) and not EVAL_HEADING.search(heading)
        return split_label(heading).name if fits else ""

    def cell_scores(
        self, block: Block, row: int, column: int, texts: list[str], levels: list[str], named: RowNames
    ) -> Iterator[Score]:
        cell = self.grid.rows[row][column]
        if not cell.text:
            return
        value = self.grid.value(cell)
        pairs = [(texts[0], value, cell.source)] if len(texts) == 1 or value else []
        if len(texts) > 1:
            packed = self.grid.packed(cell) or []
            if len(packed) == len(texts):
                pairs = list(zip(texts, packed, cell.text.split("\n"), strict=True))
            elif value:
                pairs = [(" ".join(texts), value, cell.source)]
        for text, value, raw in pairs:
            if value is None:
                continue
            label = named.label(row, text, levels)
            if set(name_tokens(label.name)) <= MODES and (above := self.benchmark_above()):
                label = Label(f"{above} ({label.name})", label.shots, label.metric)
            if label.name:
                shots, metric = named.settings(row)
                yield self.score(cell, value, label, (shots, metric, named.group(row)), row, column, raw)

    def score(
        self, cell: Cell, value: Value, label: Label, says: tuple[str | None, ...], row: int, column: int, raw: str
    ) -> Score:
        shots, metric, group = says
        shots = (
            ", ".join(dict.fromkeys(s for part in (shots, label.shots, value.shots) if part for s in part.split(", ")))
            or None
        )
        metric = metric or label.metric or value.metric
        percent = value.percent or any("%" in t for b in self.grid.blocks[:1] for t in b.paths[column])
        numbers = tuple(plain_number(number) for number in value.numbers)
        return Score(
            self.table.number, label.name, numbers[0], raw.strip(), "percent" if percent else None,
            shots, metric, group,
            self.table.heading, row - self.table.head, column, self.vocabulary.key(label.name), numbers,
        )  # fmt: skip


def plain_number(number: float) -> float:
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def share(items: Sequence[str], test: Callable[[str], bool]) -> float:
    items = items[:16]
    return sum(map(test, items)) / len(items) if items else 0.0


def is_generic(text: str) -> bool:
    """Whether a column header says only that scores stand below: "Score", "Accuracy", "5-shot", "test"."""
    return bool(not text or VALUE_HEAD.fullmatch(text) or is_setting(text) or (SPLIT.fullmatch(text) and len(text) > 2))


def choose(candidates: list[Candidate]) -> tuple[list[Candidate], str]:
    """The candidates that are the model: the closest fit; several labels that fit alike are left undecided."""
    if not candidates:
        return [], "absent"
    best = max(candidate.fit.level for candidate in candidates)
    found = [candidate for candidate in candidates if candidate.fit.level == best]
    if best == 0:
        labels = {" ".join(name_tokens(candidate.text)) for candidate in candidates}
        return found, "found" if len(labels) == 1 and found[0].fit.rule.startswith("in brackets") else "ambiguous"
    covered = max(candidate.fit.covered for candidate in found)
    found = [candidate for candidate in found if candidate.fit.covered == covered]
    marked = [c for c in candidates if c.fit.level == 3 and best == 4 and re.search(r"(?i)\b(?:ours?|this)\b", c.text)]
    same = {" ".join(name_tokens(candidate.text)) for candidate in found}
    places = {candidate.place for candidate in found}
    if marked or len(same) > 1 or len(places) < len(found):
        return found + marked, "ambiguous"
    return found, "found"


class RowNames:
    """Benchmarks' labels where benchmarks are rows: label, group, shots and metric of each row."""

    def __init__(self, grid: Grid, block: Block) -> None:
        self.grid, self.block = grid, block
        self.columns = {role: [c for c, found in enumerate(block.roles) if found == role] for role in set(block.roles)}
        self.cells = {
            c: grid.filled(block, c)
            for c, role in enumerate(block.roles)
            if role in TEXT_ROLES or role in ("shots", "metric")
        }
        self.label_column = next(iter(self.columns.get("label", [])), None)
        head = " ".join(block.paths[self.label_column]) if self.label_column is not None else ""
        self.brackets_are_metrics = bool(re.search(r"(?i)\(metrics?\)", head))
        seen: dict[tuple[str, str], int] = {}
        for row in block.body:
            key = (block.sections[row], self.text(row))
            seen[key] = seen.get(key, 0) + 1
        self.seen = seen

    def text(self, row: int) -> str:
        return self.cells[self.label_column][row].text if self.label_column is not None else ""

    def is_fact(self, row: int) -> bool:
        return is_fact(self.text(row))

    def names(self, row: int) -> list[str]:
        lines = self.text(row).split("\n")
        return lines if len(lines) > 1 else [self.text(row)]

    def own(self, column: int, row: int) -> str:
        return label_text(self.cells[column][row].text)

    def settings(self, row: int) -> tuple[str | None, str | None]:
        """Shots and metric that stand in columns of their own."""
        shots = [self.grid.rows[row][c].text for c in self.columns.get("shots", [])]
        shots += [
            t
            for c in self.columns.get("extra", [])
            if is_setting(t := self.grid.rows[row][c].text) and (SHOT.search(t) or COT.search(t))
        ]
        shots = [
            f"{s}-shot" if re.fullmatch(r"\d{1,3}(?:[-–]\d+)?", s) else shots_of(s)
            for s in shots
            if not MISSING.fullmatch(s)
        ]
        metric: list[str] = []
        for column in sorted(
            self.columns.get("metric", []), key=lambda c: "filter" in " ".join(self.block.paths[c]).lower()
        ):
            text = label_text(self.grid.rows[row][column].text)
            if text and not MISSING.fullmatch(text):
                metric += [rest for part in re.split(r"\s*[,;]\s*", text) if (rest := take_part(part, shots, metric))]
        return ", ".join(s for s in shots if s) or None, ", ".join(metric) or None

    def group(self, row: int) -> str | None:
        groups = [self.block.sections[row], *(self.own(c, row) for c in self.columns.get("group", []))]
        text = self.text(row)
        label = normalize_name(self.label(row, text, []).name) if not text or is_setting(text) else ""
        return " / ".join(dict.fromkeys(g for g in groups if g and normalize_name(g) != label)) or None

    def label(self, row: int, text: str, levels: list[str]) -> Label:
        """A row's label: a setting alone belongs to the group's name; a repeated one is told apart by its extras."""
        label = split_label(text, self.brackets_are_metrics)
        if not label.name or is_setting(text):
            setting = setting_label(text) if text else Label("")
            base = (
                next((self.own(c, row) for c in reversed(self.columns.get("group", [])) if self.own(c, row)), "")
                or self.block.sections[row]
            )
            if (
                base
                and not is_setting(base)
                and (is_benchmark(base, self.grid.vocabulary) or setting.shots or not text)
            ):
                over = split_label(base)
                label = Label(over.name, over.shots or setting.shots, over.metric or setting.metric)
        extras = (
            [self.own(c, row) for c in self.columns.get("extra", [])]
            if self.seen[(self.block.sections[row], self.text(row))] > 1
            else []
        )
        rest = [e for e in extras if e and not is_setting(e) and not MISSING.fullmatch(e)]
        name, shots, metric = label.name, label.shots, label.metric
        for level in levels:
            part = split_label(level)
            if is_setting(level):
                setting = setting_label(level)
                shots, metric = shots or setting.shots, metric or setting.metric
            elif not VALUE_HEAD.fullmatch(level):
                rest.append(part.name)
                shots, metric = shots or part.shots, metric or part.metric
        return Label(f"{name} ({', '.join(rest)})" if rest else name, shots, metric)


def setting_label(text: str) -> Label:
    """Shots and metric of a label that says nothing else."""
    shots: list[str] = []
    metric: list[str] = []
    for part in re.split(r"\s*[,;+&|]\s*|\s+/\s+", bare_setting(text)):
        take_part(part, shots, metric)
    return Label("", ", ".join(shots) or None, ", ".join(metric) or None)


def shots_of(text: str) -> str | None:
    return setting_label(text).shots or (label_text(text) if len(text) < 30 else None)


class ColumnNames:
    """Benchmarks' labels where benchmarks are columns, from each column's header path."""

    def __init__(self, grid: Grid, block: Block, vocabulary: Vocabulary) -> None:
        self.grid, self.block, self.vocabulary = grid, block, vocabulary
        self.leaves: dict[str, int] = {}
        for column, role in enumerate(block.roles):
            names = [level for level in block.paths[column] if not is_setting(level)]
            if role == "data" and names:
                self.leaves[names[-1]] = self.leaves.get(names[-1], 0) + 1
        self.cells = {c: grid.filled(block, c) for c, role in enumerate(block.roles) if role in TEXT_ROLES}

    def generic(self, column: int) -> bool:
        path = self.block.paths[column]
        return all(VALUE_HEAD.fullmatch(level) or is_setting(level) for level in path) and not any(
            is_benchmark(level, self.vocabulary) for level in path
        )

    def label(self, column: int) -> tuple[Label, str | None]:
        path = self.block.paths[column]
        shots = metric = None
        names: list[str] = []
        for level in path:
            if is_setting(level) and (len(path) > 1 or SHOT.search(level)):
                part = setting_label(level)
            else:
                part = split_label(level)
                names.append(part.name)
            shots, metric = part.shots or shots, part.metric or metric
        if not names:
            return Label(" ".join(path), shots, metric), None
        *above, leaf = names
        if above and self.needs_parent(leaf, above[-1], path):
            return Label(f"{above[-1]} {leaf}", shots, metric), " / ".join(above[:-1]) or None
        return Label(leaf, shots, metric), " / ".join(above) or None

    def needs_parent(self, leaf: str, parent: str, path: tuple[str, ...]) -> bool:
        """Whether a leaf says too little alone: a split, a language, a number, or a name that occurs twice."""
        if (
            self.leaves.get(path[-1], 0) > 1
            or self.leaves.get(leaf, 0) > 1
            or SPLIT.fullmatch(leaf)
            or VALUE_HEAD.fullmatch(leaf)
        ):
            return True
        if len(leaf) < 3 or (len(leaf) == 3 and leaf.islower()) or not re.search(r"[^\W\d]{2}", leaf):
            return True
        return is_benchmark(parent, self.vocabulary) and not is_benchmark(leaf, self.vocabulary)

    def row_says(self, row: int, model_columns: set[int]) -> tuple[str | None, str | None, str | None]:
        """Shots and metric of the whole row, and the benchmark that a further text column or the section names."""
        roles, cells = self.block.roles, self.grid.rows[row]
        shots = [
            cells[c].text for c, role in enumerate(roles) if role == "shots" and not MISSING.fullmatch(cells[c].text)
        ]
        shots = [f"{s}-shot" if re.fullmatch(r"\d{1,3}", s) else shots_of(s) or "" for s in shots]
        metric = [
            label_text(cells[c].text)
            for c, role in enumerate(roles)
            if role == "metric" and not MISSING.fullmatch(cells[c].text)
        ]
        others = [(c, label_text(by_row[row].text)) for c, by_row in self.cells.items() if c not in model_columns]
        others = [(c, text) for c, text in others if text and not is_model(text)] if model_columns else []
        named = [
            t
            for c, t in others
            if is_benchmark(t, self.vocabulary) or BENCHMARK_HEAD.fullmatch(" ".join(self.block.paths[c]))
        ]
        section = self.block.sections.get(row, "")
        extra = named[-1] if named else section if is_benchmark(section, self.vocabulary) else ""
        return ", ".join(filter(None, shots)) or None, ", ".join(metric) or None, extra or None


def clear_caches() -> None:
    """Forget the texts seen so far: for a long run over many cards, and for timing."""
    for cached in (
        _plain_text,
        parse_value,
        split_label,
        is_setting,
        is_fact,
        name_tokens,
        kind_said,
        sizes_in,
        name_parts,
        is_benchmark,
        is_model,
    ):
        cached.cache_clear()


# --- Pure core: tables -> answer -------------------------------------------------------------------------------


@dataclass(slots=True)
class Extraction:
    """What extract-readme answers: readings of all tables, the results taken, and what keeps it from being sure."""

    repo_id: str
    readings: list[Reading]
    results: list[Score] = field(default_factory=list)
    code: int = 0
    message: str = ""

    def conflicts(self) -> list[dict[str, Any]]:
        """Different values for one benchmark, metric and shots."""
        by_name: dict[tuple[str, str, str], list[Score]] = {}
        for score in self.results:
            name = normalize_name(score.benchmark)
            by_name.setdefault(
                (name, normalize_name(score.metric or ""), normalize_name(score.shots or "")), []
            ).append(score)
        found = []
        for scores in by_name.values():
            if len({score.value for score in scores}) > 1:
                first = scores[0]
                places = [{"table": s.table, "row": s.row, "column": s.column, "value": s.value} for s in scores]
                found.append(
                    {"benchmark": first.benchmark, "metric": first.metric, "shots": first.shots, "values": places}
                )
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "repo_id": self.repo_id,
            "tables": [table_json(reading) for reading in self.readings],
            "results": [score.as_json() for score in self.results],
            "conflicts": self.conflicts(),
        }


def read_tables(card: Card, repo_id: str, vocabulary: Vocabulary, choices: dict[int, Choice]) -> list[Reading]:
    model = ModelName.of(repo_id)
    return [Reader(table, model, card, vocabulary, choices.get(table.number, Choice())).read() for table in card.tables]


def extract(readings: list[Reading], repo_id: str, numbers: Sequence[int], every: bool, again: str) -> Extraction:
    """Decide which tables' scores are taken; `again` is the command line to repeat with a choice added."""
    found = [reading for reading in readings if reading.status == "found" and reading.scores]
    unsure = [reading for reading in readings if reading.status == "ambiguous"]
    answer = Extraction(repo_id, readings)
    if numbers:
        wrong = [r for r in readings if r.table.number in numbers and r not in found]
        if wrong:
            answer.code, answer.message = refusal(wrong, repo_id, again)
        else:
            answer.results = [score for r in found if r.table.number in numbers for score in r.scores]
    elif every or (len(found) + len(unsure) == 1 and found):
        answer.results = [score for reading in found for score in reading.scores]
        if unsure:
            answer.code, answer.message = refusal(unsure, repo_id, again)
        elif not found:
            answer.code, answer.message = 1, nothing_found(readings, repo_id, again)
    elif not found and not unsure:
        answer.code, answer.message = 1, nothing_found(readings, repo_id, again)
    elif len(found) + len(unsure) > 1:
        lines = [f"  {describe(reading)}" for reading in sorted(found + unsure, key=lambda r: r.table.number)]
        numbers = [reading.table.number for reading in found or unsure]
        answer.code = 3
        answer.message = f"{len(lines)} tables have {repo_id}:\n" + "\n".join(lines)
        answer.message += f"\nchoose: {again} --table {numbers[0]}\nor all:  {again} --all-tables"
    else:
        answer.code, answer.message = refusal(unsure, repo_id, again)
    return answer


def describe(reading: Reading) -> str:
    table = reading.table
    target = " | ".join(f"{t.axis} {t.index} '{t.text}'" for t in reading.targets) or "this model only"
    return f"table {table.number} under '{table.heading or '-'}': {target}; {len(reading.scores)} scores"


def refusal(readings: list[Reading], repo_id: str, again: str) -> tuple[int, str]:
    """Why a table's scores are not taken: no evaluation table or model absent (1), several candidates (3)."""
    lines, code = [], 1
    for reading in readings:
        number = reading.table.number
        if reading.status == "ambiguous":
            code = 3
            lines.append(f"table {number}: several fit {repo_id}, and none is taken:")
            lines += [
                f"  {t.axis} {t.index}: '{t.text}' ({t.fit.rule or t.place[1] or 'same text'})" for t in reading.targets
            ]
            first = reading.targets[0]
            lines.append(f"choose: {again} --table {number} --model-{first.axis}-index {first.index}")
        elif reading.status == "skipped":
            lines.append(
                f"table {number} is no evaluation table: {reading.reason} (--force-table takes it all the same)"
            )
        elif reading.status == "found":
            lines.append(f"table {number}: {repo_id} is there, without a score")
        else:
            lines.append(
                f"table {number}: {repo_id} is not in it; it has: {', '.join(reading.names[:40]) or 'no names'}"
            )
    return code, "\n".join(lines)


def nothing_found(readings: list[Reading], repo_id: str, again: str) -> str:
    tables = [reading for reading in readings if reading.evaluation]
    if not readings:
        return f"the card of {repo_id} has no tables"
    if not tables:
        look = again.replace("extract-readme", "inspect-tables")
        return f"none of the {len(readings)} tables is an evaluation table; see: {look}"
    lines = [f"  table {r.table.number}: {', '.join(r.names[:40]) or 'no names'}" for r in tables]
    return f"{repo_id} is in none of the {len(tables)} evaluation tables; they have:\n" + "\n".join(lines)


def table_json(reading: Reading) -> dict[str, Any]:
    """One table as inspect-tables and extract-readme give it."""
    table, blocks = reading.table, reading.blocks
    block = blocks[0] if blocks else Block([], [])
    return {
        "table": table.number,
        "kind": table.kind,
        "heading": table.heading,
        "rows": len(table.rows) - table.head,
        "columns": table.width,
        "header_rows": table.head,
        "evaluation": reading.evaluation,
        "reason": reading.reason,
        "orientation": reading.orientation,
        "status": reading.status,
        "rule": reading.rule or None,
        "targets": [{"axis": t.axis, "index": t.index, "text": t.text, "rule": t.fit.rule} for t in reading.targets],
        "names": reading.names,
        "header": [
            {"index": i, "text": " / ".join(path), "role": role}
            for i, (path, role) in enumerate(zip(block.paths, block.roles, strict=True))
        ],
        "sample_rows": [[" ".join(cell.text.split()) for cell in table.rows[row]] for row in block.body[:3]],
        "scores": len(reading.scores),
    }


def next_command(reading: Reading, again: str) -> str:
    number = reading.table.number
    if reading.status == "found":
        return f"{again} --table {number} --json"
    if reading.status == "ambiguous":
        return f"{again} --table {number} --model-{reading.targets[0].axis}-index {reading.targets[0].index}"
    if reading.status == "absent" and reading.orientation != "single-model":
        name = reading.names[0] if reading.names else "NAME"
        return f"{again} --table {number} --model-name-override {shlex.quote(name)}   # only if that is this model"
    return f"{again} --table {number} --force-table   # only if it is an evaluation table"


def render_tables(readings: list[Reading], repo_id: str, again: str) -> list[Any]:
    """The tables of a card, as parts for a terminal or a pipe."""
    from rich.table import Table as RichTable
    from rich.text import Text

    parts: list[Any] = [f"{repo_id}: {len(readings)} tables"]
    for reading in readings:
        data = table_json(reading)
        verdict = "evaluation" if reading.evaluation else "no evaluation"
        lines = [
            f"\ntable {data['table']} ({data['kind']}) under {data['heading'] or '-'}: "
            f"{data['rows']} rows, {data['columns']} columns",
            f"  {verdict}: {data['reason']}" + (f"; {data['orientation']}" if data["orientation"] else ""),
            f"  this model: {data['status']}"
            + "".join(f"; {t['axis']} {t['index']} '{t['text']}' ({t['rule']})" for t in data["targets"]),
        ]
        parts.append("\n".join(lines))
        grid = RichTable(show_lines=False, box=None, padding=(0, 1))
        for column in data["header"][:WARN_COLUMNS]:
            grid.add_column(Text(f"{column['index']} {column['text'][:40] or '-'} [{column['role']}]"), overflow="fold")
        for row in data["sample_rows"]:
            grid.add_row(*(Text(text[:40]) for text in row[:WARN_COLUMNS]))
        parts += [grid, f"  next: {next_command(reading, again)}"]
    return parts


def model_index(
    results: list[Score], repo_id: str, mapping: dict[str, Any], task_type: str, dataset_name: str | None
) -> dict[str, Any]:
    """The scores as the `model-index` of a card's metadata; values as displayed."""
    entries = []
    for score in results:
        known = (mapping.get(score.key or "") or {}).get("model_index") or {}
        name = dataset_name or known.get("name") or score.benchmark
        dataset = {
            "name": name,
            "type": known.get("type") or re.sub(r"\W+", "-", name.lower()).strip("-") or "benchmark",
        }
        if dataset_name:
            dataset["type"] = re.sub(r"\W+", "-", dataset_name.lower()).strip("-") or "benchmark"
        else:
            dataset |= {key: known[key] for key in ("config", "split") if known.get(key)}
        metric = {
            "type": metric_type(score.metric) or known.get("metric_type") or "score",
            "name": f"{score.benchmark} ({', '.join(filter(None, (score.metric, score.shots)))})"
            if score.metric or score.shots
            else score.benchmark,
            "value": score.value,
        }
        if match := re.match(r"(\d+)-shot", score.shots or ""):
            metric["args"] = {"num_few_shot": int(match[1])}
        source = {"name": f"Model card, table {score.table}", "url": f"https://huggingface.co/{repo_id}"}
        entries.append({"task": {"type": task_type}, "dataset": dataset, "metrics": [metric], "source": source})
    return {"model-index": [{"name": repo_id.rpartition("/")[2], "results": entries}]}


def metric_type(metric: str | None) -> str | None:
    """The Hub's metric type for a card's word: "Acc." -> accuracy, "pass@1" -> pass@1."""
    if not metric:
        return None
    folded = normalize_name(metric)
    known = {
        "acc": "accuracy",
        "accuracy": "accuracy",
        "em": "exact_match",
        "exactmatch": "exact_match",
        "f1": "f1",
        "bleu": "bleu",
        "wer": "wer",
        "cer": "cer",
    }
    return known.get(folded) or re.sub(r"[^\w@]+", "_", metric.lower()).strip("_") or None


# --- Edges -------------------------------------------------------------------------------------------------------


def note(message: str) -> None:
    """Print a line for people to stderr; stdout carries data only."""
    print(message, file=sys.stderr)


def read_json(path: Path) -> Any:
    """The JSON value in a file; ScriptError when it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"{path}: not valid JSON: {error}") from error


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all: under a temporary name in its folder, then renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error


def read_mapping() -> dict[str, Any]:
    """metric_mapping.json beside the scripts folder; empty, with a note, when it is not there."""
    path = Path(__file__).resolve().parents[1] / "metric_mapping.json"
    if not path.is_file():
        note("note: no metric_mapping.json beside scripts/; every key is null")
        return {}
    return read_json(path)


def build_vocabulary(mapping: dict[str, Any]) -> Vocabulary:
    """Folded names of benchmarks to their keys: key, display name, aliases, and the names that harnesses use."""
    keys: dict[str, str] = {}
    for key, entry in mapping.items():
        if not isinstance(entry, dict) or entry.get("kind") != "benchmark":
            continue
        names = [key, entry.get("name"), *(entry.get("aliases") or [])]
        for harness in ("lighteval", "inspect", "lm_eval", "helm", "artificial_analysis"):
            found = entry.get(harness)
            names += found if isinstance(found, list) else [found]
        for name in names:
            if isinstance(name, str) and (
                folded := normalize_name(name.rpartition("/")[2] if name.startswith("inspect_evals/") else name)
            ):
                keys.setdefault(folded, key)
    return Vocabulary(keys)


def read_card_file(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or error}") from error
    return decode_card(data, str(path))


def decode_card(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        note(f"warning: {name} is not UTF-8 (byte {error.start}); read with replacement characters")
        return data.decode("utf-8", errors="replace")


def fetch_card(repo_id: str, revision: str | None) -> str:
    """The README.md of a model on the Hub; each failure is one line that says what to do."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = f"{repo_id}{f' at {revision}' if revision else ''}"
    try:
        token = os.environ.get("HF_TOKEN") or dotenv_token()  # else the client's own look-up
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
        path = api.hf_hub_download(repo_id, "README.md", revision=revision)
        return decode_card(Path(path).read_bytes(), f"{where}/README.md")
    except HFValidationError as error:
        raise ScriptError(f"--repo-id must be OWNER/NAME, not {repo_id!r}") from error
    except GatedRepoError as error:
        raise ScriptError(
            f"{where} is gated: a token of an account with access is needed "
            "(accept its terms on the Hub, then `hf auth login` or HF_TOKEN)"
        ) from error
    except RevisionNotFoundError as error:
        raise ScriptError(f"{repo_id} has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        raise ScriptError(
            f"{where} does not exist, or is private: then a token with access is needed (`hf auth login` or HF_TOKEN)"
        ) from error
    except EntryNotFoundError as error:
        raise ScriptError(f"{where} has no README.md") from error
    except Exception as error:  # network, proxy, 5xx: whatever the client raises, in one line
        raise ScriptError(
            f"{where}: the card could not be read: {' '.join(str(error).split())[:300] or type(error).__name__}"
        ) from error


def dotenv_token() -> str | None:
    """HF_TOKEN in the current folder's .env."""
    from dotenv import dotenv_values

    return dotenv_values(".env").get("HF_TOKEN") if Path(".env").is_file() else None


# --- Commands ----------------------------------------------------------------------------------------------------


def load_card(args: argparse.Namespace) -> tuple[Card, str]:
    """The card and the id of the model that is meant."""
    if not args.card and not args.repo_id:
        raise ScriptError("say which card: --repo-id OWNER/NAME reads it from the Hub, --card FILE from disk")
    if args.repo_id and not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", args.repo_id):
        raise ScriptError(f"--repo-id must be OWNER/NAME, not {args.repo_id!r}")
    text = read_card_file(args.card) if args.card else fetch_card(args.repo_id, args.revision)
    card = parse_card(text)
    return card, args.repo_id or ""


def again_command(args: argparse.Namespace) -> str:
    """The command line to repeat with a choice added."""
    words = ["uv", "run", "scripts/evaluation_manager.py", "extract-readme"]
    words += ["--repo-id", args.repo_id] if args.repo_id else []
    words += ["--card", str(args.card)] if args.card else []
    words += ["--revision", args.revision] if args.revision else []
    return shlex.join(words)


def emit(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    write_whole(output, text)
    note(f"written to {output}")


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def run_inspect(args: argparse.Namespace) -> int:
    card, repo_id = load_card(args)
    readings = read_tables(card, repo_id, build_vocabulary(read_mapping()), {})
    again = again_command(args)
    if args.json:
        tables = [{**table_json(reading), "next": next_command(reading, again)} for reading in readings]
        sys.stdout.write(to_json({"repo_id": repo_id, "tables": tables}))
    else:
        from rich.console import Console

        console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
        for part in render_tables(readings, repo_id or "no model named", again):
            console.print(part, soft_wrap=isinstance(part, str), markup=False)
    if not any(reading.evaluation for reading in readings):
        note(f"no evaluation table among {len(readings)} tables")
        return 1
    return 0


def run_extract(args: argparse.Namespace) -> int:
    if not args.repo_id:
        raise ScriptError(
            "extract-readme needs --repo-id OWNER/NAME: whose scores are wanted (with --card it stays offline)"
        )
    card, repo_id = load_card(args)
    missing = [number for number in args.table or [] if not 1 <= number <= len(card.tables)]
    if missing:
        raise ScriptError(f"the card has {len(card.tables)} tables; there is no table {missing[0]}")
    mapping = read_mapping()
    readings = read_tables(card, repo_id, build_vocabulary(mapping), table_choices(args, card))
    answer = extract(readings, repo_id, args.table or [], args.all_tables, again_command(args))
    if args.json:
        text = to_json(answer.as_json())
    else:
        text = (
            to_yaml(model_index(answer.results, repo_id, mapping, args.task_type, args.dataset_name))
            if answer.results
            else ""
        )
        text = text or "".join(f"# {line}\n" for line in answer.message.split("\n"))
    for conflict in answer.conflicts():
        values = ", ".join(f"{v['value']} (table {v['table']})" for v in conflict["values"])
        note(f"conflict: {conflict['benchmark']}: {values}; all are kept")
    if answer.message:
        note(answer.message)
    emit(text, args.output)
    return answer.code


def table_choices(args: argparse.Namespace, card: Card) -> dict[int, Choice]:
    """--model-*-index and --model-name-override apply to the tables of --table, else to the only table there is."""
    choice = Choice(args.model_column_index, args.model_row_index, args.model_name_override, args.force_table)
    if choice == Choice():
        return {}
    by_index = args.model_column_index is not None or args.model_row_index is not None
    if args.table:
        if by_index and len(args.table) > 1:
            raise ScriptError("--model-column-index and --model-row-index go with one --table N")
        return dict.fromkeys(args.table, choice)
    if args.force_table or (by_index and len(card.tables) > 1):
        raise ScriptError("say for which table: --table N (inspect-tables lists them)")
    return {table.number: choice for table in card.tables}


def to_yaml(value: Any) -> str:
    import yaml

    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=1000)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"evaluation_manager {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    inspect = commands.add_parser(
        "inspect-tables", help="list a card's tables: which are evaluations, where this model stands"
    )
    add_card_arguments(inspect)
    inspect.set_defaults(run=run_inspect)
    extract = commands.add_parser("extract-readme", help="print this model's scores as model-index YAML or JSON")
    add_card_arguments(extract)
    extract.add_argument("--table", type=int, action="append", metavar="N", help="take table N (repeat for several)")
    extract.add_argument("--all-tables", action="store_true", help="take every evaluation table that has the model")
    which = extract.add_mutually_exclusive_group()
    which.add_argument("--model-column-index", type=int, metavar="I", help="the model's grid column, from 0")
    which.add_argument("--model-row-index", type=int, metavar="I", help="the model's body row, from 0")
    which.add_argument(
        "--model-name-override", metavar="TEXT", help="exact header or row label, with or without its markup"
    )
    extract.add_argument("--force-table", action="store_true", help="read --table N although it is no evaluation table")
    extract.add_argument("--task-type", default="text-generation", help="task type in the YAML (default: %(default)s)")
    extract.add_argument("--dataset-name", metavar="NAME", help="one data set name for all entries of the YAML")
    extract.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to stdout")
    extract.add_argument(
        "--dry-run", action="store_true", help="accepted; nothing is ever sent to the Hub by this command"
    )
    extract.set_defaults(run=run_extract)
    return parser


def add_card_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repo-id", metavar="OWNER/NAME", help="the model; without --card its README.md is read from the Hub"
    )
    parser.add_argument(
        "--card", type=Path, metavar="FILE", help="read the card from disk; nothing touches the network"
    )
    parser.add_argument("--revision", metavar="REV", help="branch, tag, commit or refs/pr/N on the Hub")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; an expected failure is one line on stderr and its exit code."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except ScriptError as error:
        note(f"error: {error}")
        return error.code
    except KeyboardInterrupt:
        note("error: interrupted")
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
