"""Words that headers and labels of evaluation tables use."""

from __future__ import annotations

import re

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
NAME_HEAD = re.compile(r"(?i)(?:models?|methods?|names?|model ?names?|模型|モデル|모델)")
BACKBONE_HEAD = re.compile(
    r"(?i)(?:base[ -]|backbone[ -]|language )?llms?(?: (?:backbone|size))?|(?:llm |language )?backbones?|"
    r"(?:base|language) models?"
)  # beside a column of names
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
LANGUAGE_HEAD = re.compile(r"(?i)languages?|lang\.?|langpair|language pair|dialects?|accents?|语言|言語|언어")

# A value column's header in a table about one model.
VALUE_HEAD = re.compile(
    r"(?i)(?:scores?|values?|results?|performance|average|avg\.?|overall|total|mean|ours?|our model|this model|"
    r"the model|"
    r"得分|分数|结果|成绩|スコア|점수|score ?\(.*\)|results? ?\(.*\)|performance ?\(.*\)|value ?\(.*\)|"
    r"quality|measured|"
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
    r"ppl|perplexity|bpb|bpc|bits[- ]per[- ](?:byte|character)|mcc|matthews(?: corr(?:elation|\.)?)?|auc|auroc|"
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

# The starts of all words in FACT: a quick way to see that most labels are none.
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
ORIGINAL_CARD = re.compile(r"(?i)\W*original (?:model )?(?:card|readme)\b")
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
METRIC = re.compile(rf"{_AT_K}|{_MEASURE}(?:[ _./-]+(?:{_MEASURE}|\d))*(?:[@]\d+)?(?:\s*\(?%\)?)?")
AT_K = re.compile(rf"(?i)(?<![\w@]){_AT_K}(?!\w)|(?<=\s)ratings?$")

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
  | (?:\#|num(?:ber)?(?:[ ]of)?|n)?[ _]*(?:hidden[ ]|model[ ]|embedding[ ]|transformer[ ]|attention[ ]|kv[ ]|
      query[ ]|routed[ ]|
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
  | (?:relative[ ]|rel\.?[ ]|inference[ ]|generation[ ]|decod(?:e|ing)[ ]|training[ ]|prefill[ ]|output[ ]|avg\.?[ ]|
      average[ ]|token[ ]|max[ ])*(?:speed-?up|speed|throughput|latency|速度|延迟|吞吐.*)(?:[ ]*[(/].*)?|
          .*\b(?:tok(?:en)?s?|samples?|chars?|words|req(?:uest)?s?|imgs?|images|frames)[ ]?/[ ]?(?:s|sec|
              second)\b.*|qps|fps|ttft.*|tpot.*|itl.*|rtfx?|real[- ]time[ ]factor|macs?|g?flops|.*\bflops\b.*|
                  gmacs?|bops|macts|activations[ ]?\(m\)|votes?|battles|turn
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
      tensor[ ]type|file(?:[ ]?name)?s?|format|group[ ]size|(?:input|output)[ ]modalit(?:y|ies)|
          tie[ ]embeddings?|tied[ ]embeddings?|attention(?:[ ]type)?|activation(?:[ ]function)?|
              position(?:al)?[ ](?:embeddings?|encoding)|rope.*|vocab(?:ulary)?|tokenizer|res(?:olution|\.)|
                  image[ ]size|input[ ]size|hybrid[ ]reasoning|use[ ]case|license.*|compression(?:[ ]ratio)?|
                      sparsity|similarity[ ]function|pooling|max[ ]?(?:positions?|tokens?).*
    """
)
