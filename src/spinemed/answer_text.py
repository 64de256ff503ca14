"""A model's reply made plain to read: NFKC with a map back, reasoning, markup, echoes and refusals set apart.

What is taken out is replaced by as many spaces, so that positions stay. Of a reply longer than 10,000
characters, reasoning aside, the beginning and the end are read: no final answer hides in the middle of more.
All searches are linear, so that a reply of 100 MB takes seconds. Standard library only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufe0e\ufe0f]")
STRAIGHT = str.maketrans("’‘“”„", '\'\'"""')
CHANNEL = "<|channel|>final<|message|>"  # what stands before it is reasoning (harmony format)
LONGEST_HEAD, LONGEST_TAIL = 2_000, 8_000
LONGEST_WHOLE = 100_000  # beyond this a reply is cut before anything else is done with it
CHAT_TOKEN = re.compile(r"<\|[^<>|\n]{1,40}\|>|</?s>|<eos>|<bos>|<pad>|<(?:start|end)_of_turn>|\[/?INST\]")
THOUGHT = re.compile(
    r"[<\[◁](/?)(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reason|analysis|scratchpad|reflection)[>\]▷]",
    re.IGNORECASE,
)
EMPHASIS = re.compile(r"(?<![0-9A-Za-z_])(_{1,3})(?=[^\s_])([^_\n]{1,300})(?<=\S)\1(?![0-9A-Za-z_])")
MARKUP = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|mathrm|mathbf|mathit|mathsf|boxed|fbox|framebox|operatorname|bf|rm|it|sf|tt|quad"
    r"|large|huge)\b"
    r"|\\[()\[\],;! ]|~~[^~\n]{1,200}~~|[*$`{}]|^[ \t]*(?:#{1,6}|>+|[-•·])(?=\s)"
    r"|</?(?:b|i|u|em|strong|mark|h[1-6]|br|p|td|tr|th|table|span|code|pre|li|ul|ol|div|font|answer|final|final_?answer|choice"
    r"|option|letter|response|output|result|s|del)\s{0,3}/?>",
    re.IGNORECASE | re.MULTILINE,
)
BETWEEN = re.compile(  # two lines of a list of options
    r"(?![0-9A-Za-z])[\s,;.|/•-]{0,20}(?:(?:or|and)\s+)?", re.IGNORECASE
)
ANGLED = re.compile(r"\s*<[A-Z]>[\s.]*")  # a letter, and not the tag of bold text
MAY_MARK = re.compile(r"[\\~*$`{}#>•·-]")  # every mark has one of these signs
CLAUSE = re.compile(r"[^.;!?\n。；！？]+")
TURN = re.compile(
    r"\b(?:but|however|nevertheless|nonetheless|still|though|aber|jedoch|mais|pero)\b|但|不过|然而",
    re.IGNORECASE,
)
JUDGE = (
    r"(?:help|assist|determin\w*|say|said|tell|answer\w*|identif\w+|provid\w+|giv\w+|assess\w*|decid\w+|judged?|comply"
    r"|interpret\w*|diagnos\w+|analy[sz]\w+|evaluat\w+|establish\w*|ascertain\w*|confirm\w*|comment|make|made|offer|choose"
    r"|view|process|access|open"
    r"|(?:see|read) (?:an|any|the|this|your) (?:\w+ )?(?:image|picture|scan|photo|film|attachment)s?)\b"
)
REFUSAL = re.compile(
    r"^\s*consult\b|(?=\b[a-z]|[^\x00-\x7f])(?:"  # no other begins within a word
    r"\bsorry\b|\bapologi[sz]e|\bas an? (?:ai|artificial|language model)\b"
    r"|\bmust decline\b|\b(?:i|we) (?:decline|refuse)\b|\bno idea\b|\bunsure\b"
    r"|\b(?:do not|don'?t|does not|doesn'?t) (?:\w+ )?know\b|\bnot (?:\w+ )?(?:sure|certain)\b"
    r"|\b(?:can(?:no|')?t|can not|could(?: not|n'?t)|will not|won'?t|unable to|not able to"
    r"|(?:im|not )possible to)"
    rf" (?:be able to |be |you |to |with |\w+ly )?{JUDGE}"
    r"|\b(?:please|should|must|recommend|advise)\b[^\n]{0,30}\bconsult"
    r"|\bplease\b[^.\n]{0,20}\b(?:see|visit|contact) (?:an?|your) [^.\n]{0,20}"
    r"(?:doctor|physician|specialist|radiologist|surgeon|professional)\b"
    r"|\b(?:please|could you|can you)\b[^.?\n]{0,20}\b(?:provide|upload|attach|share|re-?send|send)\b"
    r"[^.?\n]{0,20}\b(?:images?|pictures?|scans?|photos?|films?|attachments?)\b"
    r"|\bno (?:image|picture|scan|attachment) (?:is|was|has|came|comes|attached|provided|found|visible)"
    r"|\b(?:insufficient|not enough) (?:information|data|detail)"
    r"|\b(?:don'?t|do not) (?:see|have|receive) (?:an|any|the|access)\b"
    r"|\btoo (?:blurr?\w*|dark|unclear|poor) to\b"
    r"|无法|無法|[没沒]办法|[没沒]辦法|不能(?:判[断斷]|确定|確定|回答|提供|[给給]出|[诊診][断斷]|[识識][别別])|抱歉|[对對]不起"
    r"|不知道|不确定|不確定|看不到|[没沒]有(?:看到|提供|收到)?[图圖]|[请請](?:先|您|你)?(?:咨询|諮詢|提供|上传|上傳)|拒[绝絕]"
    r"|\bkann (?:ich |das |es |dies |man )*(?:leider )?nicht\b|\bich kann\b[^.\n]{0,60}\bnicht\b"
    r"|\btut mir leid\b"
    r"|\bwei(?:ß|ss) (?:ich |es )*nicht\b|\bnicht (?:beurteil|bestimm|erkenn)bar\b|\bimpossible de\b"
    r"|\bje ne (?:peux|sais|suis) pas\b|\bdésolé|\bno (?:se )?pued[oe]\b|\blo siento\b|\bno (?:lo )?sé\b"
    r"|\bno es posible\b"
    r"|\bnon posso\b|\bnon è possibile\b|\bmi dispiace\b|\bnão (?:posso|sei|é possível)\b|\bdesculpe"
    r"|できません|分かりません|わかりません|申し訳|할 수 없|모르겠|죄송|не могу|не знаю|извините)",
    re.IGNORECASE,
)
EXCUSES = frozenset(
    [
        "sorry", "ai", "artificial", "language", "decline", "refuse", "idea", "unsure", "cannot", "cant",
        "couldn", "won", "wont", "unable", "impossible", "consult", "insufficient", "kann", "ich", "leid",
        "weiss", "nicht", "je", "puedo", "puede", "siento", "posible", "posso", "dispiace",
    ]
)  # fmt: skip
EXCUSES_TOGETHER = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        ("no", "image picture scan attachment"),
        ("t not", "can could will able possible sure certain enough"),
        ("do don t does doesn dont doesnt", "know see have receive"),
        ("too", "dark unclear poor"),
        (
            "provide upload attach share resend send",
            "image picture scan photo film attachment images pictures scans photos films attachments",
        ),
        ("please", "doctor physician specialist radiologist surgeon professional"),
    )
)
EXCUSE_STEMS = ("apolog", "desculpe", "blurr")
WORDS_APART = {code: " " for code in range(128) if not chr(code).isalnum() and chr(code) != "_"}


@dataclass(frozen=True)
class Reply:
    """A reply in normal form, each character's place in the raw reply, and whether thought broke off."""

    text: str
    places: tuple[int, ...] | None  # None where positions are the raw ones
    broke_off: bool

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open span of the raw reply that `text[start:end]` stands for."""
        if self.places is None or start >= end:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def read_reply(raw: str) -> Reply:
    """Return `raw` in NFKC without unseen characters, chat tokens and closed reasoning.

    Reasoning that opens and never closes is taken out too and sets `broke_off`.

    >>> read_reply("<think>B?</think>（Ｃ）").text.strip()
    '(C)'
    >>> read_reply("<think>A or").broke_off
    True
    """
    if len(raw) > LONGEST_WHOLE:
        raw, cut, broke_off = shortened(raw)
        short = read_reply(raw)
        kept = short.places if short.places is not None else range(len(short.text))
        return Reply(short.text, tuple(cut[place] for place in kept), broke_off or short.broke_off)
    text, places = fold(raw if raw.isascii() else raw.translate(STRAIGHT))
    final = text.rfind(CHANNEL)
    if final >= 0:
        text = " " * (final + len(CHANNEL)) + text[final + len(CHANNEL) :]
    if "<" in text or "[" in text or "◁" in text:
        text, broke_off = without_reasoning(blank(CHAT_TOKEN, text))
    else:
        broke_off = False
    if len(text) > LONGEST_HEAD + LONGEST_TAIL:
        start, end = len(text) - len(text.lstrip()), len(text.rstrip())
        text, kept = ends_of(text, start, end)
        places = tuple(places[place] for place in kept) if places is not None else kept
    return Reply(text, places, broke_off)


def ends_of(text: str, start: int, end: int) -> tuple[str, tuple[int, ...]]:
    """Return what is read of `text[start:end]`, a line break in place of a long middle, and its places."""
    if end - start <= LONGEST_HEAD + LONGEST_TAIL:
        return text[start:end], tuple(range(start, end))
    stop, again = start + LONGEST_HEAD, end - LONGEST_TAIL
    return f"{text[start:stop]}\n{text[again:end]}", (*range(start, stop + 1), *range(again, end))


def shortened(raw: str) -> tuple[str, tuple[int, ...], bool]:
    """Return the ends of a long reply after its reasoning, their places, and whether thought broke off."""
    start, opened = max(0, raw.rfind(CHANNEL)), -1
    for tag in THOUGHT.finditer(raw, start):
        if tag[1]:
            start, opened = tag.end(), -1
        elif opened < 0:
            opened = tag.start()
    return *ends_of(raw, start, len(raw) if opened < 0 else opened), opened >= 0


def without_reasoning(text: str) -> tuple[str, bool]:
    """Return `text` with reasoning blocks blanked, and whether the last of them never closes.

    A closing tag alone ends reasoning that began before the text.
    """
    pieces: list[str] = []
    end, opened = 0, -1
    for tag in THOUGHT.finditer(text):
        if not tag[1]:
            opened = tag.start() if opened < 0 else opened
            continue
        start = opened if opened >= 0 else end
        pieces += [text[end:start], " " * (tag.end() - start)]
        end, opened = tag.end(), -1
    if opened < 0:
        return "".join(pieces) + text[end:], False
    return "".join(pieces) + text[end:opened] + " " * (len(text) - opened), True


def fold(raw: str) -> tuple[str, tuple[int, ...] | None]:
    """Return `raw` in NFKC without unseen characters, and each character's place in `raw` unless the same."""
    if raw.isascii() or (unicodedata.is_normalized("NFKC", raw) and not UNSEEN.search(raw)):
        return raw, None
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(raw):
        folded = character if character.isascii() else fold_character(character)
        characters.append(folded)
        places.extend([place] * len(folded))
    return "".join(characters), tuple(places)


@lru_cache(maxsize=4096)
def fold_character(character: str) -> str:
    """Return the NFKC form of one character; nothing for one that is not seen."""
    return "" if UNSEEN.match(character) else unicodedata.normalize("NFKC", character)


def blank(pattern: re.Pattern[str], text: str) -> str:
    """Return `text` with every match of `pattern` replaced by as many spaces."""
    return pattern.sub(lambda match: " " * len(match[0]), text)


def without_markup(text: str) -> str:
    r"""Return `text` with Markdown, LaTeX and HTML wrappers blanked; words and brackets stay.

    >>> without_markup(r"**C** $\boxed{B}$").split()
    ['C', 'B']
    """
    if ANGLED.fullmatch(text):
        return text.replace("<", "(").replace(">", ")")
    if "_" in text:
        text = EMPHASIS.sub(lambda match: " " * len(match[1]) + match[2] + " " * len(match[1]), text)
    return blank(MARKUP, text) if MAY_MARK.search(text) else text


def without_echo(text: str, options: Mapping[str, str], *, torn: bool = True) -> str:
    r"""Return `text` with every copy of the option list blanked.

    With `torn` also a copy that starts at the first option and breaks off, as at a limit of tokens.

    >>> without_echo("A. L1\nB. L2\nAnswer: B", {"A": "L1", "B": "L2"}).strip()
    'Answer: B'
    >>> without_echo("A. L1\nB. L2\nC", {"A": "L1", "B": "L2", "C": "L3"}).strip()
    ''
    """
    if len(options) < 2 or not may_echo(text, options):
        return text
    lines = [line_of(letter, wording) for letter, wording in options.items()]
    if torn and not copy_end(text, 0, lines) and is_torn_copy(text, lines, list(options)):
        return " " * len(text)
    pieces: list[str] = []
    end = start = 0
    while head := lines[0].search(text, start):
        start = head.start()
        stop = copy_end(text, start, lines)
        if stop:
            pieces += [text[end:start], " " * (stop - start)]
            end = stop
        start = stop or start + 1
    return "".join(pieces) + text[end:]


def may_echo(text: str, options: Mapping[str, str]) -> bool:
    """Tell whether `text` has all words of the first two options, as a copy of the list needs."""
    folded = text.casefold()
    for wording in [*options.values()][:2]:
        for word in wording.split():
            if word.casefold() not in folded:
                return False
    return True


@lru_cache(maxsize=4096)
def line_of(letter: str, wording: str) -> re.Pattern[str]:
    """Return the pattern of one line of an option list: "A. L1", "(A) L1", "A is L1"."""
    words = r"\s+".join([re.escape(word) for word in wording.split()])
    return re.compile(rf"\(?{letter}(?:\s*[.):,=、-]|\s+is\b)?\s*{words}", re.IGNORECASE)


@lru_cache(maxsize=26)
def stump_of(letter: str) -> re.Pattern[str]:
    """Return the pattern of a line that breaks off after its letter, or before it, at the end of a reply."""
    return re.compile(rf"(?:{BETWEEN.pattern}\(?{letter}[.):,、-]?\s{{0,3}}\w{{0,12}})?\s*\Z", re.IGNORECASE)


def copy_end(text: str, start: int, lines: Sequence[re.Pattern[str]]) -> int:
    """Return where a copy of the whole list that starts at `start` ends, 0 if none does."""
    if start and text[start - 1].isascii() and text[start - 1].isalnum():
        return 0
    return lines_end(text, start, lines)


def lines_end(text: str, start: int, lines: Sequence[re.Pattern[str]]) -> int:
    """Return where the lines that follow each other from `start` on end, 0 if one is missing."""
    line = lines[0].match(text, start)
    for following in lines[1:]:
        between = BETWEEN.match(text, line.end()) if line else None
        line = following.match(text, between.end()) if between else None
    return line.end() if line else 0


def is_torn_copy(text: str, lines: Sequence[re.Pattern[str]], letters: Sequence[str]) -> bool:
    """Tell whether `text` is a copy of two lines or more that breaks off."""
    end = lines_end(text, len(text) - len(text.lstrip()), lines[:2])
    for letter, following in zip(letters[2:], lines[2:], strict=True):
        if not end or stump_of(letter).match(text, end):
            return end > 0
        between = BETWEEN.match(text, end)
        line = following.match(text, between.end()) if between else None
        end = line.end() if line else 0
    return end > 0 and not text[end:].strip()


def without_refusals(text: str) -> str:
    """Return `text` with the clauses that refuse or plead ignorance blanked; what follows a `but` stays.

    >>> without_refusals("I can't diagnose, but L4 looks low. Please consult a doctor.").split()
    ['but', 'L4', 'looks', 'low.', '.']
    """
    return CLAUSE.sub(calm, text) if may_refuse(text) else text


def calm(match: re.Match[str]) -> str:
    """Return a clause, blanked where it refuses."""
    clause = match[0]
    refusal = REFUSAL.search(clause) if may_refuse(clause) else None
    if refusal is None:
        return clause
    turn = TURN.search(clause, refusal.end())
    kept = clause[turn.start() :] if turn else ""
    return " " * (len(clause) - len(kept)) + kept


def may_refuse(text: str) -> bool:
    """Tell whether ASCII text has the words that any refusal needs; other text always may.

    >>> may_refuse("The disc at L4-L5 is narrow."), may_refuse("I can't say.")
    (False, True)
    """
    if not text.isascii():
        return True
    folded = text.translate(WORDS_APART).lower()
    return has_excuse(folded, frozenset(folded.split()))


def has_excuse(folded: str, said: frozenset[str]) -> bool:
    """Tell whether ASCII text in lower case, whose words are `said`, has the words that any refusal needs."""
    if not said.isdisjoint(EXCUSES):
        return True
    for stem in EXCUSE_STEMS:
        if stem in folded:
            return True
    pairs = [other for one, other in EXCUSES_TOGETHER if not said.isdisjoint(one)]
    return bool(pairs) and not all(said.isdisjoint(other) for other in pairs)


def is_refusal(text: str) -> bool:
    """Tell whether `text` refuses, pleads ignorance or sends the reader to a doctor.

    >>> is_refusal("I cannot say from one slice."), is_refusal("This is not medical advice.")
    (True, False)
    """
    return may_refuse(text) and REFUSAL.search(text) is not None
