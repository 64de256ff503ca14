"""One pass over a text: atoms (one numbered level or region each) and the cue words around them."""

from __future__ import annotations

import re
from typing import Final

from .level_parts import REGION_LETTER, joint_of, label_parts
from .level_patterns import OPENED, OPENER, REGION_LIST, fold, scanner_for, vocabulary
from .level_ranges import AND, APART, BLANK, JOINED, RANK, S1
from .level_words import BETWEEN, DISC, REGION, SIDE, SITE, VERTEBRA, Word

# An atom: start, end, rank (or region letters), joint to the atom before, form.
Atom = tuple[int, int, int, str, str]
# A cue: start, end, kind, value.
Cue = tuple[int, int, str, str]

LABEL: Final = ""
SACRUM: Final = "sacrum"  # a word that ends a range at S1 and is a region where it stands alone
PELVIS: Final = "pelvis"  # the same, and nothing where it stands alone
WHOLE: Final = "region"  # the rank is an index into REGION_VALUES
FORCED_ROOT: Final = "root"
REGION_VALUES: tuple[str, ...] = ("c", "t", "l", "s", "o", "l s", "t l", "c t")

_SACRA = frozenset(["sacrum", "os sacrum", "sakrum", "kreuzbein", "骶骨", "骶椎", "sacral bone"])
_PELVES = frozenset(["pelvis", "ilium"])
_WITH_ATOMS = frozenset({BETWEEN, SITE, REGION, OPENER})
_BINDERS = frozenset("-:")
_PLAIN_DIGITS = frozenset("123456789")


class Scan:
    """What one pass over a text has found so far: atoms (numbered levels, regions) and cues, in order."""

    __slots__ = ("atoms", "between_end", "cues", "kinds", "low", "raw")

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.low = fold(raw)
        self.atoms: list[Atom] = []
        self.cues: list[Cue] = []
        self.kinds: set[str] = set()  # of the cues, and of what is rare among the atoms
        self.between_end = -100

    def run(self) -> None:
        """Fill `atoms` and `cues` from the text."""
        low, raw, known, cues = self.low, self.raw, vocabulary(), self.cues
        free_from = 0
        for match in scanner_for(low).finditer(low):
            start, end = match.span()
            if start < free_from:
                continue
            token = match[0]
            word = known.get(token)
            if word is None:
                if (
                    token[0] in "clst"
                    and token[1:2] in _PLAIN_DIGITS
                    and raw[start - 1 : start] not in _BINDERS
                ):
                    self._add_label(start, token)
                else:
                    free_from = self._label_or_letter(start, end, token)
            elif word[0] in _WITH_ATOMS:
                free_from = self._word_with_atoms(start, end, token, word)
            else:
                cues.append((start, end, word[0], word[1]))
        self.kinds.update([cue[2] for cue in cues])

    def _word_with_atoms(self, start: int, end: int, token: str, word: Word) -> int:
        """Take in a word that names levels or joins them; return where the scan goes on."""
        if word[0] is BETWEEN:
            self._between(end, word[1])
        elif word[0] is SITE:
            self._named_site(start, end, token, word[1])
        else:
            return self._region_or_opener(start, end, token, word)
        return end

    def _between(self, end: int, value: str) -> None:
        if not value:
            self.between_end = end
        elif self.atoms and self.atoms[-1][3] is AND:  # L4 and L5 之间
            self.atoms[-1] = (*self.atoms[-1][:3], JOINED, BETWEEN)

    def _joint(self, start: int) -> str:
        if not self.atoms or self.atoms[-1][4] is WHOLE:
            return APART
        before = self.atoms[-1][1]
        joint = joint_of(self.low[before:start]) if start - before <= 40 else APART
        if joint == BLANK:
            self.kinds.add(BLANK)
        return joint

    def _add(self, start: int, end: int, rank: int, joint: str, form: str) -> None:
        if joint == AND and self.between_end > 0:
            first = self.atoms[-1]
            gap = self.low[self.between_end : first[0]]
            if 0 <= first[0] - self.between_end <= 32 and not {".", ";", ","} & set(gap):
                joint, form, self.between_end = JOINED, form or BETWEEN, -100
        self.atoms.append((start, end, rank, joint, form))

    def _label_or_letter(self, start: int, end: int, token: str) -> int:
        if token in ("l", "r"):
            self._side_letter(start, end)
        elif token[0].isdigit():
            return self._opened(start)
        elif token.startswith("co"):
            if self.raw[start] == "C":
                self._add(start, end, RANK["co"], self._joint(start), LABEL)
        elif self._is_label(start, end, token):
            self._add_label(start, token, self._form(start))
        return end

    def _add_label(self, start: int, token: str, form: str = LABEL) -> None:
        joint = self._joint(start) if self.atoms else APART
        if self.between_end < 0:  # no "between" before: the usual case
            for first, last, rank, inner in label_parts(token):
                self.atoms.append((start + first, start + last, rank, inner or joint, form))
            return
        for first, last, rank, inner in label_parts(token):
            self._add(start + first, start + last, rank, inner or joint, form)

    def _form(self, start: int) -> str:
        """Return FORCED_ROOT for the canonical spelling of a root, "root:S1", and take its word back."""
        if not self.cues or self.cues[-1][1] != start - 1 or not self.low.endswith("root:", 0, start):
            return LABEL
        self.cues.pop()
        return FORCED_ROOT

    def _is_label(self, start: int, end: int, token: str) -> bool:
        """Whether the case of the letters and what stands before agree with a level."""
        raw, first = self.raw, token[0]
        spaced = len(token) > 2 and token[1] in " ."
        if first == "d" and token[1] not in "oa" and raw[start] != "D":
            return False
        if spaced and not raw[start].isupper() and end - start < len(raw.strip()):
            return False
        if token[-1] in "ivx" and first.isascii() and not self._is_roman(end, token):
            return False
        if (
            start >= 2
            and raw[start - 2].isdigit()
            and not raw[max(0, start - 3)].isalpha()
            and (spaced or raw[start - 1] == "-")
        ):
            return bool(self.atoms) and self.atoms[-1][1] == start - 1
        return True

    def _is_roman(self, end: int, token: str) -> bool:
        """Whether "L IV" is written as a numeral; a lone I, V or X must not begin a phrase ("C I think")."""
        if not self.raw[end - 1].isupper():
            return False
        return token[-2] in "ivx" or not (
            self.low[end : end + 1] == " " and self.low[end + 1 : end + 2].isalpha()
        )

    def _side_letter(self, start: int, end: int) -> None:
        before = self.raw[max(0, start - 2) : start]
        is_amount = before[-1:] == " " and before[:1].isdigit()  # 5 L of fluid, but L4-5 L
        if is_amount and not (self.atoms and self.atoms[-1][1] == start - 1):
            return
        if self.raw[start].isupper() and self.raw[end : end + 4].lower() not in ("/min", "/o"):
            self.cues.append((start, end, SIDE, "left" if self.low[start] == "l" else "right"))

    def _opened(self, start: int) -> int:
        match = OPENED.match(self.low, start)
        if match is None:
            return start
        self._add_label(start, match.group())
        return match.end()

    def _region_or_opener(self, start: int, end: int, token: str, word: Word) -> int:
        opened = self._opened(start)
        if opened > start:
            return opened
        if word[0] is REGION:
            self._add_region(start, end, token, word[1])
            return end
        listed = REGION_LIST.match(self.low, start)
        if listed is None:
            return end
        for adjective in filter(None, listed.groups()):
            self._add_region(start, listed.end(), "", REGION_LETTER[adjective[0]])
        return listed.end()

    def _add_region(self, start: int, end: int, token: str, value: str) -> None:
        if token in _SACRA or token in _PELVES:
            self._add(start, end, S1, self._joint(start), SACRUM if token in _SACRA else PELVIS)
            self.kinds.add(REGION)
            return
        self.atoms.append((start, end, REGION_VALUES.index(value), APART, WHOLE))
        self.kinds.add(REGION)
        noun = token.rpartition(" ")[2]
        if noun.startswith(("vertebra", "disc", "disk", "intervertebral")):
            head = VERTEBRA if noun.startswith("vertebra") else DISC
            self.cues.append((start, end, head, WHOLE))

    def _named_site(self, start: int, end: int, token: str, value: str) -> None:
        if not is_name_of_level(self.low, start, end, token):
            return
        joint = self._joint(start)
        for name in value.split():
            self._add(start, end, RANK[name], joint, LABEL)
            joint = JOINED


_AXIS_AFTER = re.compile(
    r" ?(?:\(?c2|vertebra|bod(?:y|ies)|fracture|ring|pedicle|lamina|dens|pars|spondylol|arch|facet|$"
    r"|[,.;)]? ?$)"
)
_AXIS_BEFORE = re.compile(
    r"(?:atlas (?:and|or|on|over|to) (?:the )?|atlas[/-]|(?:body|dens|arch|pedicle|fracture|pars|lamina"
    r"|process|odontoid|spondylolisthesis|ring) of (?:the )?|dens |c1[ /-]|^the |^)$"
)
_ATLAS_AFTER = re.compile(r" ?(?:of |based|guided|-based|-guided|registration|segmentation|label)")
_ATLAS_BEFORE = re.compile(
    r"(?:brain|an|probabilistic|digital|imaging|x-ray|anatomical|template|population|surgical|multi|gene"
    r"|cancer|radiograph|spinal cord|white matter|pam50|genome)[ -]$"
)


def is_name_of_level(low: str, start: int, end: int, token: str) -> bool:
    """Return whether "axis" and "atlas" are the vertebrae here, not a line or a book; True for other names.

    >>> is_name_of_level("long axis view", 5, 9, "axis"), is_name_of_level("dens of the axis", 12, 16, "axis")
    (False, True)
    """
    before, after = low[max(0, start - 32) : start], low[end : end + 24]
    if token == "axis":
        return bool(_AXIS_BEFORE.search(before)) or bool(before.strip() == "" and _AXIS_AFTER.match(after))
    if token == "atlas":
        return not _ATLAS_AFTER.match(after) and not _ATLAS_BEFORE.search(before)
    return True
