"""What only looks like a level: MR sequences, tumour stages, hormones, heart sounds, figure numbers."""

from __future__ import annotations

import re
from itertools import groupby
from operator import attrgetter

from .level_members import Member
from .level_ranges import RANK
from .level_scan import LABEL, Cue
from .level_words import CONTEXT, LOOKALIKE, ODD, SEQUENCE

_SEQUENCE_RANKS = frozenset({RANK["t1"], RANK["t2"]})
_RISKY = {
    **{RANK[f"t{n}"]: "t" for n in range(1, 5)},
    **{RANK[f"s{n}"]: "s" for n in range(1, 5)},
    **{RANK[f"c{n}"]: "c" for n in range(1, 7)},
    **{RANK[f"l{n}"]: "l" for n in range(1, 5)},
}
_VETOING = frozenset({LOOKALIKE, CONTEXT, ODD})
_AFTER_LETTER = frozenset("0123456789 -.h")
_CONTEXT_RANKS = {
    "t": frozenset({RANK["t3"], RANK["t4"]}),
    "s": frozenset(RANK[f"s{n}"] for n in range(1, 5)),
    "c": frozenset(RANK[f"c{n}"] for n in range(1, 6)),
}

_LAB_RANKS = frozenset(RANK[name] for name in ("t3", "t4", "c1", "c2", "c3", "c4", "c5"))

# What directly behind a label makes it no level, by the letter of the label.
_BEHIND = {
    "t": re.compile(
        r" ?\(?n[0-3x](?:m|\b)|,? n[0-3] ?m|[ -](?:tumou?r )?stag|[ -](?:helper )?(?:cells?|lymphoc"
        r"|cytokin|immun)|[ -]diabet| dm\b|[ -]hormone| half|-?stadium|期"
    ),
    "s": re.compile(
        r"(?:,? (?:and |& )?s[1-4])? (?:heart|gallop|murmur|subunit|protein|domain|monotherapy|chemo"
        r"|plus ox|plus cis|adjuvant|and oxali|sounds?|cells)|[ -](?:fig|table|appendix)|心音"
    ),
    "c": re.compile(
        r"(?:,? (?:and |& )?c[1-5])?[ -](?:complement|inhibitor|esterase|convertase|glomerul|deficien"
        r"|hydrocarbon|nephr|plants?|fragment|carbons?|glioma)"
    ),
    "l": re.compile(
        r"(?:[ /-](?:and )?l2)?[ -](?:norm|regulari[sz]|loss|penalt|cache|speaker|language|distance\b"
        r"|larva)"
    ),
    "d": re.compile(
        r"[ -](?:receptor|agonist|antagonist|w\b|ns\b|levels?\b|deficien|supplement|dopamin)|w\b"
    ),
}
_T_HELPER = re.compile(r"(?:/th2)?[ -](?:cells?|cytok|immun|respon|lymph|polari|helper|type)")

# MR technique around T1 and T2.
_SEQUENCE_BEHIND = re.compile(
    r"\*(?!\*)|\+ ?c\b|[ \-/()+*]*(?:(?:w|wi|fs|gd|ce|tra|cor|sag|ax|mr|mri|dark|high|low|star|map|time"
    r"|times|space|vibe|rho)\b|weight|gewicht|signal|hyper|hypo(?!p)|iso(?:int|sig)|bright|intens|sequen"
    r"|image|imaging|scan|mapp|relax|flair|stir|tse|fse|spgr|gre\b|dixon|fat\b|fat-|post[ -]?(?:con|gad"
    r"|gd)|pre-?contrast|contrast|gad|c\+|sagit|axial|coron|tirm|mprage|inversion|values?\b|prolong|shine"
    r"|shorten|turbo|spin[ -]echo|mri|hell|dunkel|ρ|加权|加權|信号|信號|像|高|低|等|压脂|壓脂|抑脂|脂肪"
    r"|序列|相|呈|稍|长|長|短|上|图)|- (?:and|und|or) t[12]\b"
)
_SEQUENCE_NEXT = re.compile(
    r"(?: ?(?:,|&|/|、) ?(?:and )?| and | und | or )(?:stir|flair|pd\b|proton|dwi|gre\b|t[12]\*|t[12]w"
    r"|swi|tirm|axial t)"
)
_STRONG_BEFORE = re.compile(
    r"(?:sag(?:ittale?[rns]?)?|ax(?:iale?[rns]?)?|cor(?:onal)?|koronare?|transversal|weighted|stir|flair"
    r"|pd|mri?|hyperintense|hypointense|isointense|tse|fse|gre|fat-?sat(?:urated)?|enhanced"
    r"|post-?contrast|non-?contrast|pre-?contrast|turbo|native|dual|gd|ce|fs|spir|dixon|fat-?suppressed"
    r"|[23]d|长|長|短|等|压脂|矢状位|轴位|稍)[ /,&-]*(?:and |und )?$"
)
_WEAK_BEFORE = re.compile(
    r"(?:on|in|with|by|both|auf|using|via|increased|decreased|high|low|the|于|在|上)[ ]*$"
)
_MR_WORD_NEAR = re.compile(
    r"intens|signal|bright|dark|weight|sequen|image|flair|stir|hell|dunkel|acqui|obtain|perform|scan|enhanc"
)
_BONE_BEHIND = re.compile(
    r" (?:vertebra|level|bod(?:y|ies)|fracture|compression|metast|lesion|pedicle|lamina|burst|spinous"
    r"|root|nerve|disc|endplate|slope|through|to )"
)
_LEVEL_BEHIND = re.compile(r" levels? (?:was|were|is|are|of|low|high|normal|elevated|raised)")
_STAGE_BEFORE = re.compile(r"(?:stage|clinical|pathologic(?:al)?|tumou?r|staged?(?: as)?|tnm)[ :(]*$")


def drop_lookalikes(members: list[Member], cues: list[Cue], kinds: set[str], low: str) -> list[Member]:
    """Return the members that are levels, in their order; `kinds` are the kinds of the cues."""
    if not _VETOING.isdisjoint(kinds):
        members = _without_vetoed(members, _Vetoes(cues), low)
    if not _SEQUENCE_RANKS.isdisjoint([member.ranks[0] for member in members]):
        members = _without_sequences(members, SEQUENCE in kinds, low)
    return members


class _Vetoes:
    """The words of a text that speak against a label: just before it ("type") or anywhere ("thyroid")."""

    def __init__(self, cues: list[Cue]) -> None:
        self.ends = {end: value for _, end, kind, value in cues if kind is LOOKALIKE}
        self.contexts = frozenset(value for _, _, kind, value in cues if kind is CONTEXT)

    def speak_against(self, member: Member, letter: str, low: str) -> bool:
        start, end = member.start, member.end
        value = next((self.ends[before] for before in range(start, start - 3, -1) if before in self.ends), "")
        if value and low[start - 1] in " -.:(" and _is_veto(value, member, letter, low):
            return True
        if letter not in self.contexts or (
            _BONE_BEHIND.match(low, end) and not _LEVEL_BEHIND.match(low, end)
        ):
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


def _without_vetoed(members: list[Member], vetoes: _Vetoes, low: str) -> list[Member]:
    """Drop stages, cells, proteins, figure numbers, and what a list joins to one with the same letter."""
    kept: list[Member] = []
    vetoed_group, vetoed_letter = -1, ""
    for place, member in enumerate(members):
        letter = _letter(member, low)
        behind = members[place + 1] if place + 1 < len(members) else member
        if letter and (
            (member.group == vetoed_group and letter == vetoed_letter)
            or _is_odd(member, letter, low)
            or vetoes.speak_against(member, letter, low)
            # "C3 and C4 complement"
            or (
                behind.group == member.group
                and letter == _letter(behind, low)
                and _is_odd(behind, letter, low)
            )
        ):
            vetoed_group, vetoed_letter = member.group, letter
        else:
            kept.append(member)
    return kept


def _letter(member: Member, low: str) -> str:
    """Return t, s, c, l or d for the letter that a label begins with; empty for names in words."""
    is_short = member.form == LABEL and low[member.start + 1 : member.start + 2] in _AFTER_LETTER
    return low[member.start] if is_short else ""


def _is_odd(member: Member, letter: str, low: str) -> bool:
    """Whether what stands around the label makes it a stage, a cell, a protein, a norm or a drug."""
    kind = "d" if letter == "d" else _RISKY.get(member.ranks[0], "")
    if not kind or kind != letter:
        return False
    end = member.end
    if end < len(low):
        if _BEHIND[kind].match(low, end):
            return True
        if kind == "t" and low[member.start + 1] == "h" and _T_HELPER.match(low, end):
            return True
    return kind == "t" and bool(_STAGE_BEFORE.search(low, max(0, member.start - 20), member.start))


def _without_sequences(members: list[Member], has_sequence: bool, low: str) -> list[Member]:
    """Drop the lists of nothing but T1 and T2 that mean MR sequences."""
    kept: list[Member] = []
    for _, listed in groupby(members, key=attrgetter("group")):
        together = list(listed)
        if not _is_sequence(together, low, has_sequence):
            kept += together
    return kept


def _is_sequence(members: list[Member], low: str, has_sequence: bool) -> bool:
    for member in members:
        if not _SEQUENCE_RANKS.issuperset(member.ranks):
            return False
        if _letter(member, low) != "t" or low[member.start + 1] == "h":
            return False
    start, end = members[0].start, members[-1].end
    if _SEQUENCE_BEHIND.match(low, end) or _SEQUENCE_NEXT.match(low, end):
        return True
    if _BONE_BEHIND.match(low, end):
        return False
    before = low[max(0, start - 24) : start]
    if _STRONG_BEFORE.search(before):
        return True
    near = low[max(0, start - 48) : start]
    return has_sequence and bool(_WEAK_BEFORE.search(before) and _MR_WORD_NEAR.search(near))
