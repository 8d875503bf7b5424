"""Names on disk and on the Hub: checkpoints and their steps, ids of local models, Hub ids."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from parts.frame import ScriptError, note, single_line

# Checkpoint folders, as trainers name them: a stage ("stage2-ingredient1-") or "epoch_3-" in front of a step, what was
# done with it or a tag ("merged", "tokens4B") behind it; a name with an epoch alone has no step. At most 15 digits:
# more is no step count.
CHECKPOINT_NAME = re.compile(
    r"""(?: stage[-_]?\d{1,3} (?: [-_]ingredient[-_]?\d{1,3} )? [-_] )?
        (?: (?:epoch|ep)[-_=]?(?P<epoch>\d{1,15}) )?
        (?: (?:^|(?<=[-_])|(?<=\d)[-_])
            (?:global[-_]?|model[-_]?|checkpoint[-_]|ckpt[-_])?
            (?:steps?|iter(?:ation)?s?|checkpoint|ckpt)[-_=]?(?P<step>\d{1,15}) )?
        (?: [-_](?:hf|merged|fp32|bf16|consolidated|adapter|lora|tokens?[-_]?\d+[kmbt]?) )*""",
    re.VERBOSE | re.IGNORECASE,
)
GENERIC_FOLDERS = {"checkpoints", "ckpts", "checkpoint", "output", "outputs", "models"}

# Older task strings begin with one of these; today's lighteval ignores it.
SUITES = {"helm", "bigbench", "harness", "leaderboard", "lighteval", "original", "extended", "custom", "community"}
# OWNER/NAME of the Hub, or a model without an owner; a folder of it; a branch, tag or commit.
# The client keeps a file of the revision's name: none leads elsewhere.
HUB_PLACE = re.compile(
    r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?P<below>(?:/[\w.-]+)*)(?:@(?P<revision>(?!/)(?!\S*\.\.)[\w.*/-]+))?"
)
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
SPLIT_FILES = {"train", "test", "validation", "valid", "dev"}  # files that are one split of a folder's data set

# inspect's metric names -> ids that other harnesses share.
INSPECT_METRICS = {
    "exact": "exact_match",
    "prompt_strict_acc": "prompt_level_strict_acc",
    "prompt_loose_acc": "prompt_level_loose_acc",
    "inst_strict_acc": "inst_level_strict_acc",
    "inst_loose_acc": "inst_level_loose_acc",
}
PACKAGES_VARIABLE = "HUB_EVALS_PACKAGES"  # in which a job is told which locked packages it has
ROUTER = "https://router.huggingface.co/v1"
DEFAULT_CONNECTIONS = 10
HUB_MODEL = re.compile(r"[\w.-]+(?:/[\w.-]+)?(?:@(?!/)(?!\S*\.\.)[\w./-]+)?")
# Cyrillic and Greek letters that look like Latin ones (Unicode's confusables), small and capital.
LOOK_LATIN = str.maketrans(
    "авекмнорстухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅҺԌԚԜαβεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧʼ’",
    "abekmhopctyxijshdqwABEKMHOPCTYXIJSHGQWabeikvoptuxABEZHIKMNOPTYX''",
)
# Letters of the Latin alphabet itself that are read as others: script g, dotless i, small capitals.
LATIN_ALIKE = str.maketrans("ɡɑıȷɩʋᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "gaijivabcdefghijklmnoprstuvwyz")
# What stands beside Latin letters in honest words: writings without letters that look like those.
BESIDE_LATIN = ("LATIN", "GREEK", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL SYLL", "BOPOMOFO", "IDEOGRAPHIC",
                "MODIFIER", "THAI")  # fmt: skip
DISGUISES = set(LOOK_LATIN) - set(map(ord, "αβεικντυχʼ’"))  # these stand in honest names: "βVAE"
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}")
# What the Hub knows a repo by: also a name of old without its owner ("gpt2", "squad"), for which it says the new one.
KNOWN_BY = re.compile(rf"(?:{REPO_ID.pattern}|[A-Za-z0-9_][\w.-]{{0,95}})")


def say_folder(name: str) -> None:
    """Say that a word of the command line which may be a model of the Hub, OWNER/NAME, is a folder here with one.

    ScriptError (3) where it is one of the Hub's, too, as its copy in the cache shows. "./OWNER/NAME" is a folder alone.
    """
    place = None if name.startswith(".") else HUB_PLACE.fullmatch(name)
    files = (os.path.join(name, file) for file in ("config.json", "adapter_config.json"))
    if not place or place["below"] or not any(map(os.path.isfile, files)):
        return
    from huggingface_hub import constants

    if os.path.isdir(os.path.join(constants.HF_HUB_CACHE, f"models--{place['repo'].replace('/', '--')}")):
        raise ScriptError(
            f"{name} is a folder here and a model of the Hub: for the folder write ./{name}, for the Hub's model run "
            "the command from another folder",
            code=3,
        )
    if not parse_checkpoint_name(name.rpartition("/")[2]):  # run/step_500 is the folder of a training run
        note(f"{name} is the folder here, no model of the Hub (./{name} says so)")


# What follows a model's id where one of its states is told: a commit, or when it was measured (and what else tells it).
STATE_MARK = re.compile(r"@(?:[0-9a-f]{40}|\d{4}-\d\d-\d\d(?:T[\d:]*Z?)?)(?: \(.*\)$|(?=$| \[))")
ASKED_SETTINGS = re.compile(r"\[[^\[\]]*=[^\[\]]*\]$")  # by which one of several runs is asked for


def parse_checkpoint_name(name: str) -> tuple[int | None, int | None] | None:
    """(step, epoch) of a checkpoint folder's name, or None when it is not one.

    "checkpoint-500" -> (500, None); "epoch_3" -> (None, 3); "epoch=3-step=1000" -> (1000, 3); "logs" -> None
    """
    match = CHECKPOINT_NAME.fullmatch(name)
    if not match or (match["step"] is None and match["epoch"] is None):
        return None
    return (int(match["step"]) if match["step"] else None), (int(match["epoch"]) if match["epoch"] else None)


def state_mark(name: str) -> str:
    """The end of a name by which a state or a run of a model is told or asked for; no id of a model has one.

    "a/b@2026-03-13" -> "@2026-03-13"; "a/b[solver=old]" -> "[solver=old]"; "a/b@step100", "claude@20240229" -> ""
    """
    found = STATE_MARK.search(name) or ASKED_SETTINGS.search(name)
    return found[0] if found else ""


def disguised(name: str) -> str | None:
    """The letter in a name that looks like a Latin one and is none, in a word of Latin letters, or such a digit.

    By alphabets: letters of all but a few are none that a Latin word has. "lum\u0435n" -> "CYRILLIC SMALL LETTER IE";
    "\u043c\u043e\u0434\u0435\u043b\u044c-7b", "\u03c4bench" -> None
    """
    if name.isascii():
        return None
    for word in re.findall(r"[^\W\d_]+", name):
        latin = any(unicodedata.name(letter, "").startswith("LATIN") for letter in word)
        if latin and (other := next(filter(is_disguise, word), "")):
            return unicodedata.name(other, "a letter without a name")
    if re.search(r"[A-Za-z]", name):
        digits = (letter for letter in name if letter.isdecimal())
        return next((unicodedata.name(digit) for digit in digits if not formless(digit).isascii()), None)
    return None


def is_disguise(letter: str) -> bool:
    """Whether a letter has no place in a Latin word."""
    forms = filter(str.isalpha, formless(letter))
    return ord(letter) in DISGUISES or not all(unicodedata.name(form, "").startswith(BESIDE_LATIN) for form in forms)


def formless(text: str) -> str:
    """What letters are forms of: bold, wide, raised ones."""
    return unicodedata.normalize("NFKC", text)


def alike(names: Iterable[str]) -> list[list[str]]:
    """The groups of different names that are one but for case, for forms of letters, or for letters that look alike.

    ["Acme/Lumen", "acme/lumen", "x/y"] -> [["Acme/Lumen", "acme/lumen"]]
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        looks = formless(formless(name).translate(LOOK_LATIN | LATIN_ALIKE).casefold())
        groups.setdefault(looks, set()).add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def local_id(folder: Path) -> str:
    """`<run>/<folder>` for a checkpoint; the run is the first parent whose name says something."""
    parent = folder.parent
    run_folder = parent.parent if parent.name.lower() in GENERIC_FOLDERS and parent.parent.name else parent
    return f"{run_folder.name or 'local'}/{folder.name}"


def given_id(name: str) -> str:
    """A model's id as somebody gives it; ScriptError where no reader of records would take it."""
    if found := not_to_be_read(name):
        raise ScriptError(
            f"a model called {single_line(name)[:100]}: no record of it would be read, for {found}; rename it"
        )
    return name


def not_to_be_read(name: str) -> str:
    """What no reader of records takes in a model's id, or nothing: the mark of a state, a letter in disguise."""
    return state_mark(name) or disguised(name) or ""
