"""Regular expressions that are compiled when they are first used: a command uses few of those that a script has."""

from __future__ import annotations

import re
from typing import Any


class Regex:
    """A regular expression like those of `re.compile`, whose methods are there from the first use of one on."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.pattern, self.given = pattern, flags

    def __getattr__(self, name: str) -> Any:
        """What stands in the compiled one by a name; all of its methods are kept, and found without this from then."""
        if name.startswith("__"):  # asked by what copies
            raise AttributeError(name)
        made = re.compile(self.pattern, self.given)
        names = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")
        self.__dict__.update((own, getattr(made, own)) for own in names)
        return getattr(made, name)
