"""Reports cut into six sections: heading styles in two languages, disorder, gaps, JSON, XML, hostile text."""

from __future__ import annotations

import json

import pytest
from clinic_fixture import cases

from spinemed.instances.clinic import SECTIONS, report
from spinemed.instances.clinic.draft import Draft
from spinemed.report_facts import statements_in
from spinemed.report_headings import SECTION_NAMES, SectionName, heading_names
from spinemed.report_sections import read_sections

BODIES: dict[str, dict[SectionName, str]] = {
    "en": {
        "findings": "Severe canal stenosis at L4-L5.\n\n- L5-S1: protrusion: 4 mm, left.\n- No fracture.",
        "diagnosis": "Lumbar spinal stenosis. The findings fit the treatment so far.",
        "treatment": "Decompression at L4-L5 if walking stays limited - otherwise exercise.",
        "risk": "Most patients stay the same; risk of progression is low.",
        "postoperative": "Wound check at two weeks: fever or discharge must be reported.",
        "rationale": "The diagnosis rests on the findings. Not for clinical use.",
    },
    "zh": {
        "findings": "L4-L5椎管重度狭窄。\n- L5-S1突出：左侧，4 mm。\n- 未见骨折。",
        "diagnosis": "腰椎管狭窄症。",
        "treatment": "行走受限持续时行L4-L5减压；否则锻炼。",
        "risk": "多数患者病情稳定，预后良好。",
        "postoperative": "两周查切口：发热或渗液须就诊。",
        "rationale": "诊断依据为以上所见，不用于临床。",
    },
}
NAMES: dict[str, list[dict[SectionName, str]]] = {
    "en": [
        dict(zip(SECTION_NAMES, SECTIONS["en"], strict=True)),
        {
            "findings": "Findings",
            "diagnosis": "Impression",
            "treatment": "Treatment plan",
            "risk": "Prognosis",
            "postoperative": "Postoperative care",
            "rationale": "Reasoning",
        },
        {
            "findings": "Imaging report",
            "diagnosis": "Differential diagnosis",
            "treatment": "Management recommendations",
            "risk": "Risk assessment",
            "postoperative": "Post-operative issue management",
            "rationale": "Disclaimer",
        },
    ],
    "zh": [
        dict(zip(SECTION_NAMES, SECTIONS["zh"], strict=True)),
        {
            "findings": "影像所见",
            "diagnosis": "诊断意见",
            "treatment": "治疗方案",
            "risk": "风险评估",
            "postoperative": "术后并发症处理",
            "rationale": "免责声明",
        },
    ],
}
STYLES: dict[str, str] = {
    "markdown": "## {name}\n\n",
    "markdown numbered": "### {n}. {name}\n",
    "markdown closed": "## {name} ##\n",
    "bold": "**{name}**\n",
    "bold colon inside": "**{name}:** ",
    "bold colon outside": "**{n}. {name}**: ",
    "number then bold": "{n}. **{name}**\n",
    "underscores": "__{name}__\n",
    "bracket number": "{n}) {name}:\n",
    "in brackets": "({n}) {name}: ",
    "roman": "{roman}. {name}\n",
    "capitals": "{capitals}:\n",
    "plain colon": "{name}: ",
    "full-width colon": "{name}：\n",
    "chinese number": "{chinese}、{name}\n",
    "chinese bracket": "（{chinese}）{name}：\n",
    "lenticular": "【{name}】\n",
    "square": "[{name}]\n",
    "underlined": "{name}\n------\n",
    "html": "<h2>{n}. {name}</h2>\n",
    "strong": "<b>{name}</b>: ",
    "section word": "## Section {n}: {name}\n",
    "bullets": "- **{name}**: ",
    "circled": "{circled}{name}\n",
    "carriage return": "## {name}\r\n\r\n",
}


def headed(style: str, number: int, name: str) -> str:
    return STYLES[style].format(
        n=number,
        name=name,
        capitals=name.upper(),
        roman=("I", "II", "III", "IV", "V", "VI")[number - 1],
        chinese="一二三四五六"[number - 1],
        circled="①②③④⑤⑥"[number - 1],
    )


def texts(read: object) -> dict[str, str]:
    return {section.name: section.text for section in read.sections}  # type: ignore[attr-defined]


def written(style: str, names: dict[SectionName, str], bodies: dict[SectionName, str]) -> str:
    parts = [headed(style, n, names[name]) + bodies[name] for n, name in enumerate(names, start=1)]
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("style", STYLES)
def test_six_sections_are_read_from_every_style_of_heading(style: str, language: str) -> None:
    for names in NAMES[language]:
        for order in (SECTION_NAMES, tuple(reversed(SECTION_NAMES))):
            text = written(style, {name: names[name] for name in order}, BODIES[language])
            read = read_sections(text)
            assert texts(read) == BODIES[language], text
            assert read.order == order
            assert read.in_order == (order == SECTION_NAMES)
            for section in read.sections:
                assert text[slice(*section.span)] == section.text
                assert section.state == "found"
            assert (read.form, read.lacking, read.repeated) == ("headings", (), ())


@pytest.mark.parametrize("absent", SECTION_NAMES)
def test_a_missing_section_is_missing_and_an_empty_one_is_empty(absent: SectionName) -> None:
    names = {name: title for name, title in NAMES["en"][0].items() if name != absent}
    read = read_sections(written("markdown", names, BODIES["en"]))
    assert read.lacking == (absent,)
    assert read(absent) == read(absent)._replace(state="missing", text="", spans=())
    empty = read_sections(written("markdown", NAMES["en"][0], {**BODIES["en"], absent: ""}))
    assert empty(absent).state == "empty"
    assert empty.lacking == (absent,)


def test_a_merged_heading_gives_its_text_to_each_section_and_says_so() -> None:
    read = read_sections(
        "## Findings\nSlip at L5-S1.\n## Diagnosis and treatment plan\nIsthmic slip; exercise."
    )
    assert read("diagnosis").text == read("treatment").text == "Isthmic slip; exercise."
    assert read("diagnosis").shared == ("treatment",)
    assert read("treatment").shared == ("diagnosis",)
    assert read_sections("诊断与治疗：\n保守。\n影像所见：\n滑脱。")("treatment").text == "保守。"


def test_a_repeated_section_keeps_both_texts() -> None:
    read = read_sections("## Findings\nA.\n## Diagnosis\nB.\n## Findings\nC.")
    assert read("findings").text == "A.\n\nC."
    assert (read.repeated, read.in_order, len(read("findings").spans)) == (("findings",), False, 2)


def test_words_of_a_heading_inside_a_text_are_no_heading() -> None:
    text = (
        "## Findings\nThe diagnosis is clear.\nDiagnosis: see below.\n- Treatment: none yet.\n"
        "## Diagnosis\nSlip.\n**Findings** again.\n## Treatment\nRisk of falls is low.\nRisks: few.\n"
        "## Risk\nLow."
    )
    read = read_sections(text)
    assert read("findings").text.endswith("- Treatment: none yet.")
    assert read("diagnosis").text.endswith("again.")
    assert read("treatment").text.endswith("Risks: few.")
    assert read.order == ("findings", "diagnosis", "treatment", "risk")


def test_other_matter_ends_a_section_and_levels_as_headings_do_not() -> None:
    text = (
        "# Report\n## History\nPain.\n## Findings\n### L4-L5\nSlip.\n## Technique\nT2.\n## Impression\nSlip."
    )
    read = read_sections(text)
    assert read("findings").text == "### L4-L5\nSlip."
    assert read("diagnosis").text == "Slip."
    assert text[slice(*read.preamble)].startswith("# Report\n## History\nPain.")
    assert (
        read_sections("## Findings\n\n## L4-L5\nSlip.\n## Impression\nSlip.")("findings").text
        == "## L4-L5\nSlip."
    )


@pytest.mark.parametrize(
    ("patient", "doctor"),
    [
        ("### For the patient\n", "### For the doctor\n"),
        ("**Patient:** ", "**Doctor:** "),
        ("### 写给患者\n", "### 写给医生\n"),
        ("- **Patient guidance**: ", "- **Decision tree**: "),
        ("1) Patient explanation:\n", "2) Evidence-based decision tree:\n"),
        ("患者部分：\n", "医生部分：\n"),
    ],
)
def test_the_treatment_has_a_part_for_the_patient_and_one_for_the_doctor(patient: str, doctor: str) -> None:
    inner = f"{patient}Walk a lot.\n{doctor}1. Decompress L4-L5."
    read = read_sections(f"## Findings\nNarrow.\n## Treatment recommendations\n{inner}\n## Prognosis\nGood.")
    assert (read.patient.text, read.doctor.text) == ("Walk a lot.", "1. Decompress L4-L5.")
    assert read("treatment").text == inner
    assert read("risk").text == "Good."
    alone = read_sections("## Findings\nNarrow.\n## Patient guidance\nWalk.\n## Decision tree\nWait.")
    assert alone("treatment").text == "Walk.\n\nWait."


def test_sections_are_read_from_json_whole_fenced_wrapped_listed_and_cut_off() -> None:
    keys = ("structured_imaging_findings", "aiAssistedDiagnosis", "treatment", "risk_and_prognosis",
            "postoperative-issues", "rationale and disclaimer")  # fmt: skip
    fields = dict(zip(keys, BODIES["en"].values(), strict=True))
    for text in (
        json.dumps(fields),
        f"Here it is:\n```json\n{json.dumps(fields, indent=1)}\n```",
        json.dumps({"report": fields, "model": "x"}),
        json.dumps([{"title": key, "content": body} for key, body in fields.items()]),
        json.dumps({"sections": [{"title": key, "content": body} for key, body in fields.items()]}),
    ):
        read = read_sections(text)
        assert (read.form, texts(read)) == ("json", BODIES["en"])
    whole = json.dumps(fields)
    cut = read_sections(whole[: whole.index("Most patients") + 4])
    assert cut("diagnosis").text == BODIES["en"]["diagnosis"]
    assert cut("risk").text == "Most"
    nested = {
        "findings": [{"site": "L4-L5", "grade": 2}],
        "treatment": {"patient": "Walk.", "doctor": ["a", "b"]},
    }
    read = read_sections(json.dumps(nested))
    assert read("findings").text == "site: L4-L5, grade: 2"
    assert (read.patient.text, read.doctor.text) == ("Walk.", "a\nb")
    assert "Walk." in read("treatment").text


def test_sections_are_read_from_tags_with_parts_and_tags_left_open() -> None:
    text = (
        "<report><imaging_findings>Slip at <b>L5</b>.</imaging_findings><section name='Diagnosis'>Slip."
        "</section>"
        "<treatment><patient>Walk.</patient><doctor>Fuse L5-S1.</doctor></treatment><prognosis>Good."
        "<postoperative>None.</postoperative></report>"
    )
    read = read_sections(text)
    assert read.form == "xml"
    assert read("findings").text == "Slip at <b>L5</b>."
    assert (read("diagnosis").text, read("risk").text, read("postoperative").text) == (
        "Slip.",
        "Good.",
        "None.",
    )
    assert (read.patient.text, read.doctor.text) == ("Walk.", "Fuse L5-S1.")
    assert read.lacking == ("rationale",)


def test_a_report_without_line_breaks_is_cut_at_names_with_a_colon() -> None:
    read = read_sections(
        "Findings: slip at L5-S1. Impression: slip. Treatment plan: exercise. Prognosis: good."
    )
    assert [section.text for section in read.sections[:4]] == [
        "slip at L5-S1.",
        "slip.",
        "exercise.",
        "good.",
    ]


def test_a_title_a_bare_reader_and_a_weak_word_give_way_to_a_surer_heading() -> None:
    text = (
        "# Spine imaging report\n**Patient**: 54 F\n## Findings\nSlip.\n## Conclusion\nSlip.\n"
        "- Diagnosis: slip.\n## Treatment\nFor the patient: rest.\n*For doctors:* fuse.\n"
        "## Postoperative care\nFollow-up\nWound check."
    )
    read = read_sections(text)
    assert read("findings").text == "Slip."
    assert read("diagnosis").text == "Slip.\n- Diagnosis: slip."
    assert (read.patient.text, read.doctor.text) == ("rest.", "fuse.")
    assert read("postoperative").text == "Follow-up\nWound check."
    assert read_sections("# Imaging report\nSlip.\n# Impression\nSlip.")("findings").text == "Slip."


def test_findings_of_a_json_report_stay_one_line_each() -> None:
    rows = [
        {"level": "L4-L5", "finding": "disc extrusion", "side": "left"},
        {"level": "L5-S1", "finding": "spondylolisthesis"},
    ]
    read = read_sections(json.dumps({"findings": {"MRI": rows}, "diagnosis": "Extrusion."}))
    stated = [(one.site, one.finding, one.side) for one in statements_in(read("findings").text)]
    assert stated == [("L4-L5", "herniation", "left"), ("L5-S1", "slip", "")]


def test_reasoning_is_no_part_of_a_report() -> None:
    text = "<think>## Findings\nmaybe\n## Diagnosis\nno</think>\n## Findings\nSlip.\n## Diagnosis\nYes."
    assert read_sections(text)("findings").text == "Slip."
    assert read_sections("<think>## Findings\nSlip.").form == "none"
    assert read_sections("Maybe a slip.</think>\n## Findings\nSlip.\n## Diagnosis\nYes.").preamble == (22, 22)
    kept = read_sections("<findings>Slip.</findings><reasoning>It is seen.</reasoning>")
    assert kept("rationale").text == "It is seen."


@pytest.mark.parametrize("language", ["en", "zh"])
def test_our_own_reports_are_cut_into_six_sections_and_two_parts(language: str) -> None:
    for name in ("stenosis", "normal", "injury_b2", "operated"):
        draft = next(
            one for key in range(60) if isinstance(one := report(cases()[name], str(key), language), Draft)
        )  # type: ignore[arg-type]
        read = read_sections(draft.answer)
        assert (read.lacking, read.in_order) == ((), True)
        assert tuple(one.headings[0] for one in read.sections) == SECTIONS[language]  # type: ignore[index]
        assert read.patient.text
        assert read.doctor.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "\ufffd\x00",
        "{" * 3000,
        "[" * 3000,
        '{"findings":' * 2000,
        "<findings>" * 3000,
        "#" * 5000,
        "## Findings\n" * 3000,
        "<patient>" * 3000,
        "**" * 4000,
        "|" * 4000,
        "```\n" * 3000,
        ":" * 5000,
        "---\n" * 3000,
        "risk and " * 2000,
        "## x\n" * 3000 + "## Findings\n",
        '{"findings": "\\ud800"}',
        "1" * 9000 + ".",
        "\n" * 9000,
        "Findings",
        '{"findings": NaN, "risk": null}',
        "【" * 3000,
        "</findings>" * 3000,
    ],
)
def test_hostile_text_is_read_without_raising(text: str) -> None:
    read = read_sections(text)
    assert len(read.sections) == 6
    for section in (*read.sections, read.patient, read.doctor):
        assert section.state in ("found", "empty", "missing")
        for start, stop in section.spans:
            assert 0 <= start <= stop <= len(text)


@pytest.mark.parametrize(
    ("heading", "sections"),
    [
        ("Lumbar spine MRI findings", "findings"),
        ("Imaging Findings (MRI, T2)", "findings"),
        ("影像学表现", "findings"),
        ("AI diagnosis", "diagnosis"),
        ("Diagnosis (AI-assisted)", "diagnosis"),
        ("AI-Assisted Diagnostic Analysis", "diagnosis"),
        ("Findings & Impression", "findings diagnosis"),
        ("Assessment and plan", "diagnosis treatment"),
        ("Treatment recommendations and decision tree", "treatment"),
        ("诊疗建议", "treatment"),
        ("Risk stratification & outlook", "risk"),
        ("Prognosis, risks and complications", "risk"),
        ("风险及预后评估", "risk"),
        ("Post-op management / follow-up", "postoperative"),
        ("术后并发症及随访", "postoperative"),
        ("Rationale, limitations & disclaimer", "rationale"),
        ("Diagnostic basis and disclaimer", "rationale"),
        ("推理依据与免责声明", "rationale"),
        ("Technique and comparison", ""),
    ],
)
def test_a_heading_names_its_sections(heading: str, sections: str) -> None:
    assert " ".join(heading_names(heading).sections) == sections


def test_nothing_is_named_by_a_sentence_or_a_level() -> None:
    for text in (
        "L4-L5",
        "The diagnosis rests on the following findings",
        "What to do",
        "no treatment is needed",
        "患者有腰痛",
        "and",
        "",
        "risk " * 40,
    ):
        assert heading_names(text).sections == ()
