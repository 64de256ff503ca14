"""Which of a report's six sections, or which part of the treatment, a heading names, in English and Chinese.

A heading is cut at "and", commas and slashes; each piece must be a known name as a whole, so that a sentence
about a diagnosis is no heading. Names that mean little alone (`recommendations`, `follow-up`) are weak: they
count where the heading stands on a line of its own. Standard library only.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, NamedTuple

SectionName = Literal["findings", "diagnosis", "treatment", "risk", "postoperative", "rationale"]
PartName = Literal["patient", "doctor"]

SECTION_NAMES: Final[tuple[SectionName, ...]] = (
    "findings",
    "diagnosis",
    "treatment",
    "risk",
    "postoperative",
    "rationale",
)
LONGEST_NAME = 90

_FILLER = r"(?:(?:the|an?|section|summary of|overview of|structured|brief|key|main|overall|detailed)\s+)*"
_BY_AI = r"(?:(?:ai|computer)[- ]?(?:assisted|aided|supported|based|generated|driven)?\s+)?"
_STRONG: Final[dict[SectionName, str]] = {
    "findings": (
        r"(?:(?:structured|radiological|radiographic|imaging|image|mri|mr|ct|x-?ray|spine|spinal"
        r"|objective|lumbar|cervical|thoracic|thoracolumbar|relevant|positive|abnormal|detailed|radiology"
        r"|multimodal)\s+)*"
        r"(?:findings?|observations?|imaging (?:report|description|features|analysis|interpretation"
        r"|results))"
        r"|imaging|findings (?:on|of|from) imaging|image description|image findings"
        r"|radiological description"
    ),
    "diagnosis": (
        rf"{_BY_AI}(?:(?:leading|primary|main|final|principal|differential|radiological|imaging"
        rf"|clinical|working"
        r"|likely|most likely|provisional|assisted|suspected|overall)\s+)*(?:diagnos[ei]s|impressions?"
        r"|diagnostic (?:impression|conclusion|assessment|opinion|suggestions?|analysis|summary)"
        r"|diagnoses list)"
        r"|differentials"
    ),
    "treatment": (
        r"(?:(?:recommended|suggested|proposed|surgical|clinical|medical|evidence[- ]based|initial"
        r"|further)\s+)*"
        r"(?:treatment|therapy|therapeutic|management)(?:\s+(?:and|or|plan(?:ning)?|recommendations?"
        r"|suggestions?"
        r"|options?|advice|strategy|strategies|approach|proposals?|decisions?|pathway|plans?))*"
        r"|surgical plan(?:ning)?|(?:care|clinical) plan"
    ),
    "risk": (
        r"(?:risks?|prognos[ie]s|outlook|prognostic)(?:\s+(?:assessment|evaluation|analysis|factors"
        r"|estimate"
        r"|estimation|stratification|outlook|profile|considerations))*|(?:surgical|clinical"
        r"|procedural) risks?"
        r"|expected (?:course|outcomes?)|natural history"
    ),
    "postoperative": (
        r"(?:post[- ]?(?:operative|op|surgical|surgery|procedural)|after surgery|aftercare|perioperative)"
        r"(?:\s+(?:issues?|management|problems?|care|complications?|considerations|follow[- ]?up|plan"
        r"|course|period"
        r"|rehabilitation|monitoring|instructions|concerns|recovery))*"
        r"|complication management|management of complications|aftercare|rehabilitation"
    ),
    "rationale": (
        r"(?:(?:diagnostic|clinical|medical|supporting|key)\s+)*(?:rationale|reasoning|justification"
        r"|basis|evidence)"
        r"(?:\s+(?:for|of) (?:the )?(?:diagnosis|conclusion|assessment|findings|treatment))?"
        r"|disclaimers?|(?:legal|medical) (?:notice|disclaimer)|basis of (?:the )?diagnosis"
    ),
}
_WEAK: Final[dict[SectionName, str]] = {
    "findings": r"results?|description|radiology|report body|examination findings",
    "diagnosis": r"conclusions?|assessment|interpretation|summary|opinion|evaluation",
    "treatment": r"recommendations?|plan|management|next steps|advice|suggestions?|options",
    "risk": r"risk[- ]benefit|warnings?|expected recovery",
    "postoperative": r"complications?|follow[- ]?up(?:\s+(?:plan|care|recommendations?))?|recovery",
    "rationale": r"limitations?|explanations?|caveats?|notes?|references?|discussion|uncertainty",
}
_STRONG_ZH: Final[dict[SectionName, str]] = {
    "findings": r"(?:结构化)?(?:影像|影像学|放射|检查|MRI|CT|X线|磁共振)+(?:所见|发现|表现|描述|报告"
    r"|征象)|所见|影像学?分析",
    "diagnosis": r"(?:AI|人工智能|智能|计算机)?(?:辅助)?(?:影像|影像学|初步|主要|最终|临床|鉴别|首要|可能)*"
    r"(?:诊断(?:意见|结论|印象|提示|结果)?|印象)",
    "treatment": r"(?:手术|临床|推荐|循证)*(?:治疗|处理|处置|诊疗)(?:建议|方案|计划|推荐|意见|策略|决策"
    r"|措施)*|手术(?:方案|计划|规划)",
    "risk": r"(?:手术|临床)?(?:风险|预后)(?:评估|分析|判断|估计|提示)*|转归",
    "postoperative": r"(?:手术后|术后|围手术期)(?:问题|管理|处理|并发症|注意事项|随访|康复|护理|事项"
    r"|情况)*(?:的?(?:处理|管理))?|并发症(?:处理|管理)",
    "rationale": r"(?:诊断|推理|临床|判断|决策)*(?:依据|理由|推理|根据)|免责(?:声明|条款|说明)|声明",
}
_WEAK_ZH: Final[dict[SectionName, str]] = {
    "findings": r"描述|检查结果",
    "diagnosis": r"结论|评估|意见|总结|小结",
    "treatment": r"建议|计划|方案|处理",
    "risk": r"警示",
    "postoperative": r"并发症|随访|康复",
    "rationale": r"说明|局限性?|备注|参考文献|讨论",
}
_PARTS: Final[dict[PartName, str]] = {
    "patient": (
        r"(?:information |explanation |guidance |advice |summary |part |version |section )?(?:for|to) "
        r"(?:the |your )?patients?|patient(?:'s|s)?[- ](?:part|guidance|explanation|section|version"
        r"|facing|friendly"
        r"|advice|summary|education|instructions|guide|oriented|side)(?: (?:explanation|guidance"
        r"|summary|part"
        r"|section|version|advice|language))*|plain[- ]language (?:explanation|summary|advice)"
        r"|in plain (?:words|language)"
        r"|(?:写给|给|致|面向|告知)?(?:患者|病人)(?:及家属)?(?:的?(?:部分|指导|说明|版本?|解释|教育"
        r"|须知|建议|告知))+"
        r"|(?:写给|给|致|面向|告知)(?:患者|病人)(?:及家属)?(?:的?话)?|通俗(?:解释|说明)"
    ),
    "doctor": (
        r"(?:information |decision tree |guidance |part |version |section )?(?:for|to) (?:the |your )?"
        r"(?:treating )?(?:doctor|physician|clinician|surgeon|colleague|specialist|medical team)s?"
        r"|(?:doctor|physician|clinician|surgeon|professional)(?:'s|s)?[- ](?:part|guidance|section"
        r"|version|facing|oriented"
        r"|plan|recommendations?|decision tree|side)(?: (?:part|section|plan|guidance|version))*"
        r"|(?:evidence[- ]based )?decision tree|(?:写给|给|致|面向)?(?:医生|医师|临床医生)(?:的?(?:部分"
        r"|指导|建议|版本?|参考|决策树))+"
        r"|(?:写给|给|致|面向)(?:临床)?(?:医生|医师)(?:的?话)?|(?:循证)?决策树"
    ),
}
_BARE_PARTS: Final[dict[PartName, str]] = {
    "patient": r"patients?|layperson|lay summary|患者|病人",
    "doctor": r"doctors?|physicians?|clinicians?|surgeons?|医生|医师",
}
_OTHER = (
    r"(?:clinical |relevant |medical |patient |present |past )*(?:history|information|indications?|data"
    r"|background"
    r"|demographics|details)|techniques?|protocol|comparison|examination|exam|study|procedure|patient"
    r"|name|age|sex"
    r"|gender|date|chief complaint|symptoms|physical examination|neurological examination|report|title"
    r"|signature"
    r"|reported by|radiologist|sources?|citations"
    r"|(?:临床|现|既往|患者|基本|病人)?(?:病史|信息|资料|情况|摘要)|主诉|查体|体格检查|检查(?:技术|方法"
    r"|部位|项目|日期)|姓名|性别|年龄|对比|报告医师"
)
_NUMBER = (
    r"(?:section|part|step|第)?\s*(?:[(（\[]\s*)?(?:\d{1,2}|[ivx]{1,4}|[一二三四五六七八九十]"
    r"|[a-h])(?:\s*[)）\]]|[.、:：．]"
    r"|\s*[-–]\s|部分|节)(?:\d{1,2}[.)]?)?\s*|[①-⑩❶-❿]\s*"
)
_JOINER = re.compile(
    r"\s*(?:,|;|/|\||&|\+|、|，|；|与|和|及|以及|\s[-–]\s)\s*(?:and\s+)?|\s+(?:and|with|plus)\s+",
    re.IGNORECASE,
)


class HeadingNames(NamedTuple):
    """What a heading names: sections in their order, a part of the treatment, or something else known.

    `weak` says that the name alone means little; `bare` that a part is named by its reader alone.
    """

    sections: tuple[SectionName, ...] = ()
    part: PartName | None = None
    other: bool = False
    weak: bool = False
    bare: bool = False


def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"{_FILLER}(?:{pattern})(?:\s+section)?", re.IGNORECASE)


_STRONG_NAMES = {name: _whole(f"{_STRONG[name]}|{_STRONG_ZH[name]}") for name in SECTION_NAMES}
_WEAK_NAMES = {name: _whole(f"{_WEAK[name]}|{_WEAK_ZH[name]}") for name in SECTION_NAMES}
_PART_NAMES = {part: _whole(pattern) for part, pattern in _PARTS.items()}
_BARE_NAMES = {part: _whole(pattern) for part, pattern in _BARE_PARTS.items()}
_OTHER_NAMES = _whole(_OTHER)
_LEADING_NUMBER = re.compile(rf"(?:{_NUMBER})(?=\S)", re.IGNORECASE)
_ASIDE = re.compile(r"\s*[(（\[][^()（）\[\]]{0,60}[)）\]]\s*$")
_WORDS_IN_KEY = re.compile(r"(?<=[a-z])(?=[A-Z])|_+|(?<=\w)-(?=\w)")


def heading_names(heading: str) -> HeadingNames:
    """Return what a heading names, without its marks and number; nothing for text that is no known heading.

    Several sections come in the order of a report. Longer texts than 90 characters name nothing.

    >>> heading_names("1. Structured Imaging Findings").sections, heading_names("诊断与治疗").sections
    (('findings',), ('diagnosis', 'treatment'))
    >>> heading_names("Plan").weak, heading_names("The diagnosis is clear").sections
    (True, ())
    """
    return _names(heading) if len(heading) <= LONGEST_NAME else HeadingNames()


@lru_cache(maxsize=4096)
def _names(heading: str) -> HeadingNames:
    name = bare_name(heading)
    read = _read(name)
    if read == HeadingNames() and _ASIDE.search(name):
        read = _read(_ASIDE.sub("", name))
    return read


def bare_name(heading: str) -> str:
    """Return a heading without markdown marks, number, colon and brackets.

    >>> bare_name("**2) AI-assisted diagnosis:**"), bare_name("【影像所见】"), bare_name("三、治疗建议：")
    ('AI-assisted diagnosis', '影像所见', '治疗建议')
    """
    name = heading.strip().strip("#*_`=~ \t【】「」《》<>\"'").rstrip(":：.。 ").strip("*_ ")
    name = _LEADING_NUMBER.sub("", name, count=1) if _LEADING_NUMBER.match(name) else name
    return re.sub(r"\s+", " ", name.strip("*_ :：-–—").strip("[]"))


def key_name(key: str) -> str:
    """Return a JSON key or XML tag as words.

    >>> key_name("structured_imaging_findings"), key_name("aiAssistedDiagnosis"), key_name("post-operative")
    ('structured imaging findings', 'ai Assisted Diagnosis', 'post operative')
    """
    return _WORDS_IN_KEY.sub(" ", key).strip()


def _read(name: str) -> HeadingNames:
    for part, pattern in _PART_NAMES.items():
        if pattern.fullmatch(name):
            return HeadingNames(part=part)
    for part, pattern in _BARE_NAMES.items():
        if pattern.fullmatch(name):
            return HeadingNames(part=part, other=True, bare=True)
    whole = _sections_of(name)
    if whole:
        return whole
    if _OTHER_NAMES.fullmatch(name):
        return HeadingNames(other=True)
    pieces = [piece for piece in _JOINER.split(name) if piece]
    read = [_sections_of(piece) or _of_part(piece) for piece in pieces]
    if len(pieces) < 2 or not all(read):
        return HeadingNames()
    sure = [one for one in read if one and not one.weak]
    named = {section for one in sure or read if one for section in one.sections}
    return HeadingNames(tuple(name for name in SECTION_NAMES if name in named), weak=not sure)


def _of_part(name: str) -> HeadingNames | None:
    """Return treatment for the name of one of its parts: "treatment plan and decision tree" is treatment."""
    is_part = any(pattern.fullmatch(name) for pattern in _PART_NAMES.values())
    return HeadingNames(("treatment",)) if is_part else None


def _sections_of(name: str) -> HeadingNames | None:
    """Return the section that one name means, None for an unknown one."""
    for weak, names in ((False, _STRONG_NAMES), (True, _WEAK_NAMES)):
        for section in SECTION_NAMES:
            if names[section].fullmatch(name):
                return HeadingNames((section,), weak=weak)
    return None
