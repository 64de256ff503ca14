"""Where a plain reply names option letters: after a cue, before a verdict, alone on a line, or in passing.

A cue is a phrase such as "the answer is". A letter counts only when it stands alone: not the article in "a
narrow canal", not the pronoun in "I think", not part of a level (C5), not a class (ASIA C). Standard library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

WORD = "0-9A-Za-zÀ-ÖØ-öø-ɏ"
LETTER = rf"(?<![{WORD}_])[A-Za-z](?![{WORD}_])(?!'[A-Za-z])(?!-[a-z0-9])(?! ?\d)"
ONE = re.compile(LETTER)
NOT_APPLICABLE = re.compile(rf"[Nn]/[Aa](?![{WORD}])")
RUN = re.compile(rf"(?<![{WORD}])[A-Z]{{2,10}}(?![{WORD}-])")
JOIN = re.compile(
    r"[)\]\"'】」]?\s{0,3}(?:,\s{0,3}(?:(?:and|or)\b|&)?|[;/&+、]|(?:and|or|und|oder|et|ou|y|e|o)\b|[和或与及與])"
    r"(?:\s{1,3}(?:maybe|perhaps|possibly|even|also)\b)?\s{0,3}"
    r"(?:(?<=[dr,]\s)(?:option|choice)\s{1,3}|(?<=[和或与及與、])(?:选项|選項))?[(\[\"'【「]?"
)
FUNCTION_WORD = re.compile(
    r"because|since|as|is|was|for|due|and|or|but|not|with|given|based|if|although|while|though|rather|by|from|on|in"
    r"|which|where|when|so|therefore|the|this|that|it|they|would|seems|appears|looks|most|probably|likely|clearly"
    r"|definitely|at|after|again|here|then|only|over|per|instead|than|ist|est|es|weil|parce|porque|und|oder|et|ou|y"
)
NEXT_LOW = re.compile(r"[ \t]+([a-zà-ÿ]+)")
NEXT_LOW_WORD = re.compile(r"\s{1,3}([a-z]+)")
AFTER_LETTER_I = re.compile(
    r"because|since|is|due|given|and|or|with|for|based|rather|instead"
)  # other words follow the pronoun

AT_A_WORD = r"(?=\b[a-z]|[^\x00-\x7f])"  # no cue begins elsewhere: tried first, it spares the rest
STRONG = re.compile(
    rf"{AT_A_WORD}(?:"
    r"\b(?:answers?|ans|antwort|lösung|réponse|respuesta|resposta|risposta)\b(?!\s+(?:choices|options)\b)\.?"
    r"|\b(?:correct|right|best|final|chosen|selected|appropriate|likely|my)\s+(?:option|choice|letter|selection|response"
    r"|pick|guess|bet)\b"
    r"|\b(?:conclusion|verdict|decision|result|solution|ergebnis|conclusión|solución)\b(?=\s*(?::|is\b|es\b|ist\b))"
    r"|\b(?:correct|selected|chosen|picked|guess|pick)(?=\s{0,3}:)"
    r"|(?P<acts>\b(?:i|we)(?:'d|'ll)?(?:\s+(?:would|will|therefore|thus|have|can|must|am))?(?:\s+\w+ly)?\s+"
    r"(?:choos(?:e|ing)|chose|pick(?:ed|ing)?|select(?:ed|ing)?|go(?:ing)?\s+(?:with|for)|opt(?:ed|ing)?\s+for|answer)\b"
    r"|\b(?:ich\s+(?:wähle|nehme)|je\s+(?:choisis|sélectionne|prends)|j'opte\s+pour|elijo|escojo|selecciono|scelgo|escolho)\b"
    r"|\bnot\s+\(?[A-Z]\)?,?\s+but(?:\s+rather)?\b|\bnicht\s+\(?[A-Z]\)?,?\s+sondern\b|\bpas\s+\(?[A-Z]\)?,?\s+mais\b"
    r"|\bno\s+(?:es\s+)?(?:la\s+)?\(?[A-Z]\)?,?\s+sino\b|ではなく|아니라|而是|(?<=,)是|答案|(?:正确|正確|最佳|最终|最終)的?[选選][项項择擇]"
    r"|(?<![可候备備待])[选選][择擇]?(?![项項择擇])|ответ|答え|回答|解答|正解|정답|(?<![가-힣])답(?=\s{0,3}(?:[:은이]|$))))",
    re.IGNORECASE,
)
NAMING = re.compile(
    rf"{AT_A_WORD}(?:"
    r"\b(?:option|choice|select|choose|pick|letter|opción|opzione|opção|lettre|buchstabe)\b|选项|選項|選択肢|옵션|선택)",
    re.IGNORECASE,
)
COMMITTING = re.compile(
    rf"{AT_A_WORD}(?:"
    r"\b(?:so|therefore|thus|hence)\b,?"
    r"|\b(?:probably|perhaps|maybe|possibly|most\s+likely|leav(?:es|ing)|must\s+be|points?\s+to"
    r"|it\s+is|it's|that\s+is|that's|i(?:'d|\s+would)?\s+say"
    r"|i\s+(?:would\s+)?(?:think|believe|guess|suspect)|go(?:ing)?\s+with|best\s+fits?|plan\s+is|diagnosis\s+is|level\s+is"
    r"|also|daher|deshalb|donc|por\s+(?:lo\s+)?tanto|así\s+que|quindi|portanto)\b"
    r"|所以|因此|故|最?可能是?|我?[认認][为為]是?|[应應][该該]是"
    r"|最(?:符合|合适|合適|适合|適合|恰当|恰當|准确|準確)的?(?:选项|選項|答案)?[是为為]|即[是为為]?|也就是|したがって|よって|따라서)",
    re.IGNORECASE,
)
CORRECTION = re.compile(
    r"\b(?:wait|no|actually|correction|scratch\s+that|i\s+mean|i\s+meant|rather|reconsider(?:ing|ed)?|oops|sorry|nein"
    r"|on\s+(?:second\s+thoughts?|reflection)|(?:changed?|switch(?:ed|ing)?|revis(?:e|ed|ing))\s+(?:it\s+|that\s+)?to)\b"
    r"[\s,.:;!…—–-]{0,6}(?:(?:it|that|this)(?:'s|\s+is|\s+should\s+be|\s+must\s+be)\s+|make\s+(?:it|that)\s+)?"
    rf"[(\[\"']?(?P<letter>{LETTER})[)\]\"']?(?=\s*(?:[.!]|$|\n|instead\b))",
    re.IGNORECASE,
)
VERDICT = re.compile(
    rf"(?P<letters>{LETTER}(?:{JOIN.pattern}{LETTER}){{0,8}}+)[)\]\"'.]?\s{{0,3}}(?:[项項]|选项|選項)?\s{{0,3}}"
    r"(?:(?:is|are|would\s+be|must\s+be|should\s+be|seems|appears(?:\s+to\s+be)?|looks)\s+"
    r"(?:(?:clearly|definitely|most\s+likely|indeed|probably|thus|therefore|also|both|all)\s+)?(?:the\s+)?(?:one\s+)?(?:\w+ly\s+)?"
    r"(?:correct|right|best|true|most\s+(?:likely|appropriate|suitable)|answers?"
    r"|(?:only\s+)?(?:one|option|choice|candidate)\s+(?:left|remaining|that\s+remains))\b"
    r"|(?:fits|matches|suits|explains)\s+(?:(?:the|this|these|all|\w+)\s+){0,3}best\b|(?:remains|is\s+left)(?=\s{0,3}(?:[.!;]|$))"
    r"|(?:ist|est|es|è|é)\s+(?:(?:die|der|das|la|le|el|l')\s*)?(?:richtig|korrekt|zutreffend|bonne|juste|correct|certa|corrett)\w{0,3}\b"
    r"|it\s+is\s*[.!]?\s*$|[?:]\s{0,3}(?:yes|true|correct|right)\b"
    r"|(?:才)?[是为為]?(?:正确|正確|对的|對的|最?符合(?=[,.;!。；！]|$)|[对對](?=[,.;!。；！\s]|$)|最佳|答案)|(?:が|は)(?:正解|正しい|答え)|(?:이|가)\s{0,3}(?:정답|맞))",
    re.IGNORECASE,
)
OPENS_SENTENCE = re.compile(
    r"(?:^|[.!?\n]\s{0,3}|\b(?:option|choice|answer|letter)\s{1,3})[(\[\"']?$", re.IGNORECASE
)
CONNECTORS = (
    r":|=>?|->|>|→|应该是|应为|應該是|應為|就是|是|为|為|это|は|が|은|는|이|가"
    r"|\b(?:is|are|was|were|be|should|must|would|will|ist|lautet|wäre|est|serait|es|sería|é|è)\b"
)
GAP = re.compile(
    rf"(?:{CONNECTORS}|\s++|[\"'(\[<>【「『|#—–-]"
    r"|\b(?:the|letter|option|choice|number|definitely|clearly|certainly|probably|have\s+to|has\s+to|had\s+to|most|likely|for|sure|indeed|therefore|thus"
    r"|hence|then|simply|obviously|actually|still|just|only|to|this|question|item|problem|below|above|best|correct|right|my"
    r"|here|as|follows|following|given|by|may|might|could|both|either|entweder|die|der|das|la|le|el|lettre|letra|richtige|korrekte"
    r"|correcte|correcta|correta|corretta|giusta|bonne|opción|opzione|opção|buchstabe|labelled|labeled|marked|one|going\s+with|with)\b|\bl'"
    r"|,\s*(?:i\s+(?:think|believe|guess|would\s+say)|in\s+my\s+(?:opinion|view)|therefore|then|thus)\s*,?"
    r"|应该|应当|应|應該|應當|應|选项|选择|选|選項|選擇|選|肯定|一定|必须|選択肢|番号|옵션|선택지){0,14}",
    re.IGNORECASE,
)
CONNECTED = re.compile(CONNECTORS, re.IGNORECASE)
DENIED_AFTER = re.compile(
    r"[)\]\"'.]{0,2}\s{0,3}(?:(?:is|was|are|were|can|could|would|must|does|seems?|looks?)(?:n't|\s+(?:\w+ly\s+)?(?:be\s+)?"
    r"(?:not|no|wrong|incorrect|false|excluded|ruled\s+out|eliminated|unlikely|impossible|untenable))\b"
    r"|cannot\b|can't\b|\?\s*(?:no|nope|not|wrong|nein|non)\b|(?:[项項]|选项|選項)?[都均也则則]?是?(?:错|錯|不对|不對|不正确|不正確|不符|不是|[可应應]?以?排除)|では(?:なく|ない|ありません)"
    r"|(?:가|이)?\s{0,2}아니|ist\s+(?:nicht|falsch)\b|n'est\s+pas\b|est\s+(?:fausse?|incorrecte?)\b"
    r"|no\s+es\b|es\s+(?:falsa|incorrecta)\b)",
    re.IGNORECASE,
)
SENTENCE_ABOUT = re.compile(
    r"[)\]\"']?\s{1,3}(?:is|are|was|were|has|have|shows?|looks?|seems?|remains?|would|can)\b"
)
DENIED_BEFORE = re.compile(
    r"(?:\b(?:wrong|incorrect|false|falsche?|mauvaise|incorrecta|falsa)|[错錯][误誤]的?|不正[确確]的?)\s*$"
    r"|(?:n't|\bnot|\bnever|\bcannot|\bdoubt|\bunsure|\bnicht,?|\bpas|不认为|不确定)"
    r"(?:\s+(?:think|believe|say|mean|be|sure|certain|that|the|correct|final|if|whether|what|which|of|about|my|dass|die|que|la|bonne|richtige)){0,6}\s*$"
    r"|\b(?:rule[sd]?\s+out|exclud\w+|eliminat\w+|except|instead\s+of|rather\s+than|neither|nor|not|isn't|n't(?:\s+be)?)"
    r"[\s:]*(?:options?|choices?|answers?)?[\s:(]*$",
    re.IGNORECASE,
)
TENTATIVE = re.compile(
    r"\b(?:initially|at\s+first|first\s+(?:thought|guess|impression)|thought|assumed|considered|guessed|tempt\w+|previously"
    r"|earlier|originally|might\s+think|one\s+could)\b(?:(?!,?\s(?:but|however|yet|now)\b)[^.!?\n。]){0,60}$",
    re.IGNORECASE,
)
WOULD = re.compile(r"\bwould\b", re.IGNORECASE)
CONDITION = re.compile(r"\b(?:if|had|were)\b[^.!?\n。]{0,70}$", re.IGNORECASE)
CLASS_BEFORE = re.compile(
    r"\b(?:types?|grades?|class|asia|ais|frankel|ao|lenke|vitamin|hepatitis|groups?|stages?|panels?|fig(?:ure)?s?|images?|views?"
    r"|lines?|points?|arrows?|zones?|category|modic|castellvi|meyerding|genant|roussouly|series|case|patient|factor|part)"
    r"\.?[\s(]*$",
    re.IGNORECASE,
)


EASTERN = re.compile(r"[\u3040-\u30ff\uac00-\ud7a3]|回答|解答|正解")
FINISHED_LIST = re.compile(r"\b(?:and|or|und|oder|et|ou)\s+\(?[A-Z]\)?\s{0,3},\s{0,3}(?=\(?[A-Z]\)?$)")
FOREIGN_WORD = re.compile(  # after a Japanese or Korean cue: a letter that opens a word, not a particle
    r"(?!です|だ|で|と|が|は|に|を|の|か|も|、|。)[\u3040-\u30ff\u4e00-\u9fff]"
    r"|(?!입니|이|가|은|는|을|를|로|번|예|에|와|과|다|임|야|도)[\uac00-\ud7a3]"
)
SAID_OF_ANOTHER = re.compile(
    rf"{LETTER}\)?\s+(?:is|are|was|were|looks?|seems?)\s+(?:\w+ly\s+)?(?:wrong|incorrect|false)$",
    re.IGNORECASE,
)
REPEATED_WORD = re.compile(r"(option|choice)\s.,\s\1", re.IGNORECASE)  # "option A, option B"
NONE_OF = re.compile(r"\bnone\s+of\s*$", re.IGNORECASE)
PAIR = re.compile(rf"\b(?:both|either)\s+({LETTER})\s+(?:and|or)\s+({LETTER})", re.IGNORECASE)
BRACKETED = re.compile(r"(?<![/\w])\((?P<letter>[A-Z])\)")
CLOSING = re.compile(
    r"(?:[,;:—–]\s{0,3}|[.!?…]\s{1,3}|[。！？]\s{0,3})\(?(?P<letter>[A-Z])\)?\s{0,2}[.!。]?\s*$"
)


FILLERS = frozenset(
    [
        "think", "believe", "say", "mean", "be", "sure", "certain", "that", "the", "correct", "final",
        "if", "whether", "what", "which", "of", "about", "my", "dass", "die", "que", "la", "bonne",
        "richtige", "option", "options", "choice", "choices", "answer", "answers", "than",
    ]
)  # fmt: skip
DENIALS = frozenset(
    [
        "wrong", "incorrect", "false", "falsch", "falsche", "mauvaise", "incorrecta", "falsa", "t", "not",
        "never", "cannot", "doubt", "unsure", "nicht", "pas", "rule", "out", "except", "instead", "rather",
        "neither", "nor",
    ]
)  # fmt: skip
STEMS_AGAINST = ("exclud", "eliminat")
WORDS_APART = {code: " " for code in range(128) if not chr(code).isalnum()}


class Named(NamedTuple):
    """Letters named together at `text[start:end]`, upper-case; none where the cue led to words instead."""

    letters: tuple[str, ...]
    start: int
    end: int


def declared(text: str, option_letters: frozenset[str]) -> Iterator[tuple[Named, bool]]:
    """Yield what each declaration names, in order, with whether it is tentative ("at first I thought ...").

    A declaration that is denied ("the answer is not B", "answer B is wrong") is left out. One that leads to
    words instead of letters is yielded without letters and starts where the words start.
    """
    found: list[tuple[Named, bool]] = []
    for cue in STRONG.finditer(text):
        named = after_cue(text, cue, option_letters)
        if named is not None:
            before = text[max(0, cue.start() - 80) : cue.start()]
            would = WOULD.search(text, cue.end(), named.start)
            tentative = TENTATIVE.search(before) or (would and CONDITION.search(before))
            found.append((named, tentative is not None))
    for verdict in VERDICT.finditer(text):
        start = verdict.start() + new_clause(verdict["letters"])
        before = text[max(0, start - 60) : start]
        letters = tuple(match[0] for match in ONE.finditer(text, start, verdict.end("letters")))
        denied = denied_before(before) or CLASS_BEFORE.search(before) or NONE_OF.search(before)
        stands = all(letter.isupper() for letter in letters) or OPENS_SENTENCE.search(before)
        if not denied and stands:
            upper = tuple(dict.fromkeys(letter.upper() for letter in letters))
            found.append((Named(upper, start, verdict.end("letters")), False))
    yield from sorted(found, key=lambda item: item[0].start)


def new_clause(letters: str) -> int:
    """Return where the subject begins in "A, B and D, C": after the comma that follows a finished list, or 0.

    >>> new_clause("A, B and D, C"), new_clause("A, B and C")
    (12, 0)
    """
    finished = FINISHED_LIST.search(letters)
    return finished.end() if finished else 0


def after_cue(text: str, cue: re.Match[str], option_letters: frozenset[str]) -> Named | None:
    """Return what a cue leads to: letters, or no letters but the place where words start; None if denied."""
    if denied_before(text[max(0, cue.start() - 80) : cue.start()]):
        return None
    gap = GAP.match(text, cue.end())
    start = gap.end() if gap else cue.end()
    between = text[cue.end() : start]
    connected = cue["acts"] is not None or CONNECTED.search(between) is not None
    named = letters_at(text, start, option_letters)
    if (
        named is not None
        and not cue[0].isascii()
        and EASTERN.search(cue[0])
        and FOREIGN_WORD.match(text, named.end)
    ):
        return None
    if named is None:
        return Named((), start, start) if connected and "\n\n\n" not in between else None
    if DENIED_AFTER.match(text, named.end):
        return None
    bracketed = text[start - 1 : start] in "([" and start > 0
    if not connected and (
        SENTENCE_ABOUT.match(text, named.end)
        or (text[named.start].islower() and not bracketed)
        or ("\n" in between and text[named.end : named.end + 3].strip(" ).") not in ("", "\n"))
    ):
        return None
    return named


def denied_before(before: str) -> bool:
    """Tell whether the end of `before` denies what comes next: "the answer is not", "rather than".

    >>> denied_before("I don't think that the"), denied_before("It is not low, so the")
    (True, False)
    """
    if before.isascii() and not may_deny(before.translate(WORDS_APART).lower().split()):
        return False
    return DENIED_BEFORE.search(before) is not None


def may_deny(words: Sequence[str]) -> bool:
    """Tell whether the last of `words`, in lower case, fillers aside, is one that any denial needs.

    >>> may_deny(["not", "the"]), may_deny(["not", "low"])
    (True, False)
    """
    for word in reversed(words):
        if word in DENIALS or word.startswith(STEMS_AGAINST):
            return True
        if word not in FILLERS:
            return False
    return False


def letters_at(text: str, start: int, option_letters: frozenset[str]) -> Named | None:
    """Return the letters that stand at `start` as one letter, a list ("B, C") or a run ("BC"), if any do."""
    if NOT_APPLICABLE.match(text, start):
        return None
    run = RUN.match(text, start)
    if run and set(run[0]) <= option_letters and len(set(run[0])) == len(run[0]):
        return Named(tuple(run[0]), start, run.end())
    first = ONE.match(text, start)
    if first is None or is_word(text, first):
        return None
    letters, end = [first[0]], first.end()
    join = JOIN.match(text, end)
    if join is None:
        return Named((first[0].upper(),), start, end)
    while join:
        more = ONE.match(text, join.end())
        if more is None or is_word(text, more) or more[0].isupper() != first[0].isupper():
            break
        if "," in join[0] and SENTENCE_ABOUT.match(text, more.end()):
            break
        letters.append(more[0])
        end = more.end()
        join = JOIN.match(text, end)
    listed = REPEATED_WORD.match(text, max(0, start - 7), first.end() + 8) is not None
    if len(letters) > 1 and not listed and "," in text[first.end() : first.end() + 3] and goes_on(text, end):
        letters, end = letters[:1], first.end()  # "C, A and B are wrong"
    return Named(tuple(dict.fromkeys(letter.upper() for letter in letters)), start, end)


def goes_on(text: str, end: int) -> bool:
    """Tell whether a verb follows, so that the letters before are the subject of a new sentence."""
    follows = NEXT_LOW_WORD.match(text, end)
    return follows is not None and (
        SENTENCE_ABOUT.match(text, end) is not None or FUNCTION_WORD.fullmatch(follows[1]) is None
    )


def is_word(text: str, letter: re.Match[str]) -> bool:
    """Tell whether a lone letter is the article a or the pronoun I, by the word that follows it."""
    if letter[0] not in "AaIi":
        return False
    follows = NEXT_LOW.match(text, letter.end())
    if follows is None:
        return False
    return (AFTER_LETTER_I if letter[0] in "Ii" else FUNCTION_WORD).fullmatch(follows[1]) is None


def committed(text: str, option_letters: frozenset[str], cues: re.Pattern[str]) -> Iterator[Named]:
    """Yield the upper-case letters after each of the weaker `cues`, in order: "so B", "I think it's B"."""
    for cue in cues.finditer(text):
        gap = GAP.match(text, cue.end())
        named = letters_at(text, gap.end() if gap else cue.end(), option_letters)
        if named is None or not text[named.start].isupper() or SENTENCE_ABOUT.match(text, named.end):
            continue
        before = text[max(0, cue.start() - 60) : cue.start()]
        if DENIED_AFTER.match(text, named.end) or denied_before(before) or TENTATIVE.search(before):
            continue
        yield named


def paired_letters(text: str) -> Iterator[Named]:
    """Yield the letters of "both B and C" and "either B or C"."""
    for pair in PAIR.finditer(text):
        if (pair[1] + pair[2]).isupper() and not DENIED_AFTER.match(text, pair.end()):
            yield Named((pair[1], pair[2]), pair.start(1), pair.end(2))


def bracketed_letters(text: str) -> Iterator[Named]:
    """Yield each upper-case letter in round brackets that is neither denied nor a class."""
    for match in BRACKETED.finditer(text):
        before = text[max(0, match.start() - 60) : match.start()]
        if denied_before(before) or CLASS_BEFORE.search(before) or DENIED_AFTER.match(text, match.end()):
            continue
        yield Named((match["letter"],), match.start("letter"), match.end("letter"))


def closing_letter(text: str) -> Iterator[Named]:
    """Yield the upper-case letter that ends a reply after a comma, a colon or a dash, unless in a list."""
    found = CLOSING.search(text, max(0, len(text) - 60))
    if found is None:
        return
    before = text[max(0, found.start() - 60) : found.start()]
    listed = re.search(
        rf"(?:(?<![{WORD}])[A-Z]\)?|\b(?:dr|mr|mrs|prof|fig|no|vs|st))$", before, re.IGNORECASE
    )
    own_denial = "." in found[0][:1] and SAID_OF_ANOTHER.search(before)  # "Option B is wrong. C."
    denied = denied_before(before) and not own_denial
    if not (listed or denied or CLASS_BEFORE.search(before)):
        yield Named((found["letter"],), *found.span("letter"))
