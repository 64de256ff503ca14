"""What only looks like a level: MR sequences, tumour stages, hormones, heart sounds, figure numbers, grades."""

from __future__ import annotations

import re
from itertools import groupby
from operator import attrgetter

from .level_members import Member
from .level_ranges import RANK
from .level_scan import LABEL, Cue
from .level_words import CONTEXT, LOOKALIKE, SEQUENCE

_SEQUENCE_RANKS = frozenset({RANK["t1"], RANK["t2"]})
_RISKY = {
    **{RANK[f"t{n}"]: "t" for n in range(1, 5)},
    **{RANK[f"s{n}"]: "s" for n in range(1, 5)},
    **{RANK[f"c{n}"]: "c" for n in range(1, 6)},
    **{RANK[f"l{n}"]: "l" for n in range(1, 3)},
}
_CONTEXT_RANKS = {
    "t": frozenset({RANK["t3"], RANK["t4"]}),
    "s": frozenset(RANK[f"s{n}"] for n in range(1, 5)),
    "c": frozenset(RANK[f"c{n}"] for n in range(1, 6)),
}

_LAB_RANKS = frozenset(RANK[name] for name in ("t3", "t4", "c1", "c2", "c3", "c4", "c5"))

# What directly behind a label makes it no level, by the letter of the label.
_BEHIND = {
    "t": re.compile(
        r" ?\(?n[0-3x](?:m|\b)|,? n[0-3] ?m|[ -](?:tumou?r )?stag|[ -](?:helper )?(?:cells?|lymphoc|cytokin|immun)"
        r"|[ -]diabet| dm\b|[ -]hormone| half|-?stadium|期"
    ),
    "s": re.compile(
        r"(?:,? (?:and |& )?s[1-4])? (?:heart|gallop|murmur|subunit|protein|domain|monotherapy|chemo|plus ox"
        r"|plus cis|adjuvant|and oxali|sounds?|present, no)|[ -](?:fig|table|appendix)|心音"
    ),
    "c": re.compile(
        r"(?:,? (?:and |& )?c[1-5])?[ -](?:complement|inhibitor|esterase|convertase|glomerul|deficien|hydrocarbon"
        r"|nephr|plants?|fragment|carbons?)"
    ),
    "l": re.compile(r"(?:[ /-](?:and )?l2)?[ -](?:norm|regulari[sz]|loss|penalt|cache|speaker|language|distance\b)"),
    "d": re.compile(r"[ -](?:receptor|agonist|antagonist|w\b|ns\b|levels?\b|deficien|supplement|dopamin)|w\b"),
}
_T_HELPER = re.compile(r"(?:/th2)?[ -](?:cells?|cytok|immun|respon|lymph|polari|helper|type)")

# MR technique around T1 and T2.
_SEQUENCE_BEHIND = re.compile(
    r"\*(?!\*)|[ \-/()+*]*(?:(?:w|wi|fs|gd|ce|tra|cor|sag|ax|mr|mri|dark|high|low|star|map|time|times|space|vibe|rho)\b"
    r"|weight|gewicht|signal|hyper|hypo(?!p)|iso(?:int|sig)|bright|intens|sequen|image|imaging|scan|mapp|relax|flair|stir"
    r"|tse|fse|spgr|gre\b|dixon|fat\b|fat-|post[ -]?(?:con|gad|gd)|pre-?contrast|contrast|gad|c\+|sagit|axial|coron"
    r"|prolong|shine|shorten|turbo|spin[ -]echo|mri|hell|dunkel|ρ|加权|加權|信号|信號|像|高|低|等|压脂|壓脂|抑脂|脂肪|序列|相"
    r"|呈|稍|长|長|短|上|图)"
)
_SEQUENCE_NEXT = re.compile(
    r"(?: ?(?:,|&|/|、) ?(?:and )?| and | und | or )(?:stir|flair|pd\b|proton|dwi|gre\b|t[12]\*|t[12]w|swi|tirm|axial t)"
)
_STRONG_BEFORE = re.compile(
    r"(?:sag(?:ittale?[rns]?)?|ax(?:iale?[rns]?)?|cor(?:onal)?|koronare?|transversal|weighted|stir|flair|pd|mri?"
    r"|hyperintense|hypointense|isointense|tse|fse|gre|fat-?sat(?:urated)?|enhanced|post-?contrast|non-?contrast"
    r"|pre-?contrast|turbo|native|dual|[23]d|长|長|短|等|压脂|矢状位|轴位|稍)[ /,&-]*(?:and |und )?$"
)
_WEAK_BEFORE = re.compile(r"(?:on|in|with|by|both|auf|using|via|increased|decreased|high|low|the|于|在|上)[ ]*$")
_MR_WORD_NEAR = re.compile(
    r"intens|signal|bright|dark|weight|sequen|image|flair|stir|hell|dunkel|acqui|obtain|perform|scan|enhanc"
)
_BONE_BEHIND = re.compile(
    r" (?:vertebra|level|bod(?:y|ies)|fracture|compression|metast|lesion|pedicle|lamina|burst|spinous|root|nerve|disc"
    r"|endplate|slope|through|to )"
)
_STAGE_BEFORE = re.compile(r"(?:stage|clinical|pathologic(?:al)?|tumou?r|staged?(?: as)?|tnm)[ :(]*$")


_Vetoes = tuple[dict[int, str], frozenset[str], bool]


def drop_lookalikes(members: list[Member], cues: list[Cue], low: str) -> list[Member]:
    """Return the members that are levels, in their order."""
    ends = {end: value for _, end, kind, value in cues if kind is LOOKALIKE}
    contexts = frozenset(value for _, _, kind, value in cues if kind is CONTEXT)
    has_sequence = any(kind is SEQUENCE for _, _, kind, _ in cues)
    if not ends and not contexts and not any(rank in _RISKY for member in members for rank in member.ranks):
        return members
    kept: list[Member] = []
    for _, listed in groupby(members, key=attrgetter("group")):
        kept += _levels_of_list(list(listed), low, (ends, contexts, has_sequence))
    return kept


def _levels_of_list(members: list[Member], low: str, vetoes: _Vetoes) -> list[Member]:
    if _is_sequence(members, low, vetoes[2]):
        return []
    kept: list[Member] = []
    veto = ""
    for place, member in enumerate(members):
        letter = _letter(member, low)
        behind = members[place + 1 : place + 2]
        if letter and (letter == veto or _is_vetoed(member, letter, low, vetoes) or _is_odd(member, letter, low)):
            veto = letter
        elif letter and behind and _letter(behind[0], low) == letter and _is_odd(behind[0], letter, low):
            veto = letter  # "C3 and C4 complement"
        else:
            veto = ""
            kept.append(member)
    return kept


def _letter(member: Member, low: str) -> str:
    """Return t, s, c, l or d for the letter that a label begins with; empty for names in words."""
    is_short = member.form == LABEL and low[member.start + 1 : member.start + 2] in tuple("0123456789 -.h")
    return low[member.start] if is_short else ""


def _is_vetoed(member: Member, letter: str, low: str, vetoes: _Vetoes) -> bool:
    """Whether a word before the label ("type", "figure") or of the text ("thyroid") speaks against it."""
    ends, contexts, _ = vetoes
    start = member.start
    value = next((ends[end] for end in range(start, start - 3, -1) if end in ends), "")
    if value and low[start - 1] in " -.:(" and _is_veto(value, member, letter, low):
        return True
    if letter not in contexts or _BONE_BEHIND.match(low, member.end):
        return False
    return letter == "d" or _CONTEXT_RANKS.get(letter, frozenset()).issuperset(member.ranks)


def _is_veto(value: str, member: Member, letter: str, low: str) -> bool:
    if value == "figure":
        return letter in "sc"
    if value == "spaced":
        return low[member.start + 1] == " "
    if value == "lab":
        return letter == "d" or _LAB_RANKS.issuperset(member.ranks)
    return True


def _is_odd(member: Member, letter: str, low: str) -> bool:
    """Whether what stands around the label makes it a stage, a cell, a protein, a norm or a drug."""
    kind = "d" if letter == "d" else _RISKY.get(member.ranks[0], "")
    if not kind or (letter != "d" and kind != letter):
        return False
    if _BEHIND[kind].match(low, member.end):
        return True
    if kind == "t" and low.startswith("th", member.start):
        return bool(_T_HELPER.match(low, member.end))
    return kind == "t" and bool(_STAGE_BEFORE.search(low, max(0, member.start - 20), member.start))


def _is_sequence(members: list[Member], low: str, has_sequence: bool) -> bool:
    """Whether a list of nothing but T1 and T2 means MR sequences."""
    if any(rank not in _SEQUENCE_RANKS for member in members for rank in member.ranks):
        return False
    if any(_letter(member, low) != "t" or low[member.start + 1] == "h" for member in members):
        return False
    start, end = members[0].start, members[-1].end
    if _SEQUENCE_BEHIND.match(low, end) or _SEQUENCE_NEXT.match(low, end):
        return True
    if _BONE_BEHIND.match(low, end):
        return False
    before = low[max(0, start - 24) : start]
    if _STRONG_BEFORE.search(before):
        return True
    return has_sequence and bool(_WEAK_BEFORE.search(before) and _MR_WORD_NEAR.search(low, max(0, start - 48), start))
