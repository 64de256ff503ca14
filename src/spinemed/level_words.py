"""The vocabulary of the level grammar: words by kind, numerals, and the scanner that finds both in a text.

All patterns are written for folded text (see `fold`): lower case, full-width characters narrowed, `_` as `-`,
one character for one character, so that spans stay valid in the raw text.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from typing import Final

# Kinds of words. SIDE left, right, both, central. ROOT, VERTEBRA and DISC say what a neighbouring number means.
SIDE: Final = "side"
ROOT: Final = "root"
VERTEBRA: Final = "vertebra"
DISC: Final = "disc"
BETWEEN: Final = "between"
UP: Final = "up"
DOWN: Final = "down"
NEGATION: Final = "negation"  # no, without: before or after a level
NOT: Final = "not"  # not, does not
NORMAL: Final = "normal"  # normal, intact
ABSENT: Final = "absent"  # not seen, excluded: after a named finding
LOOKALIKE: Final = "lookalike"  # type, stage, figure: the label that follows is none
CONTEXT: Final = "context"  # thyroid, murmur: some labels of this text are none
SEQUENCE: Final = "sequence"  # words of MR technique
SITE: Final = "site"  # atlas, lumbosacral junction: a name for levels
REGION: Final = "region"
FLAG: Final = "flag"  # lumbarised, sacralised, transitional
NOTHING: Final = "nothing"  # phrases that contain a word of another kind and mean nothing here

Word = tuple[str, str]


def _plain(kind: str, value: str, words: str) -> dict[str, Word]:
    return {word.strip().replace("_", " "): (kind, value) for word in words.split()}


_SIDES = {
    **_plain(SIDE, "left", "left leftward leftwards lt links li. linke linker linken linkes linkem 左"),
    **_plain(SIDE, "right", "right rightward rightwards rt rechts re. rechte rechter rechten rechtes rechtem 右"),
    **_plain(SIDE, "both", "bilateral bilaterally bilat b/l both_sides either_side beidseits beidseitig bds"),
    **_plain(SIDE, "both", "beidseitige beidseitiger beidseitigen 双侧 雙側 两侧 兩側 左右 双 雙"),
    **_plain(SIDE, "central", "central centrally midline median mid-line zentral zentrale zentraler mittig"),
    **_plain(SIDE, "central", "medialer mediale 中央 正中 居中 中线"),
    **_plain(NOTHING, "", "central_canal central_cord left_untreated left_open left_alone left_in right_away"),
    **_plain(NOTHING, "", "right-hand right-handed left-handed right_hand left_hand 中央管"),
}

_HEADS = {
    **_plain(ROOT, "", "root roots nerve nerves nerve_root nerve_roots spinal_nerve spinal_nerves radiculopathy"),
    **_plain(ROOT, "", "radiculopathies radicular radiculitis dermatome dermatomes dermatomal myotome myotomes"),
    **_plain(ROOT, "", "dorsal_root_ganglion dorsal_root_ganglia drg palsy wurzel wurzeln nervenwurzel"),
    **_plain(ROOT, "", "nervenwurzeln radikulopathie wurzelsyndrom dermatom 神经根 神經根 脊神经 脊神經 神经 神經 根性"),
    **_plain(ROOT, "before", "exiting traversing descending"),
    **_plain(VERTEBRA, "", "vertebra vertebrae vertebras vertebral_body vertebral_bodies vertebral_level bodies"),
    **_plain(VERTEBRA, "", "body vertebral_levels laminoplasty laminoplasties corpectomy corpectomies"),
    **_plain(VERTEBRA, "", "vertebrectomy vertebroplasty kyphoplasty spinous_process spinous_processes laminae"),
    **_plain(VERTEBRA, "", "transverse_process transverse_processes pedicle pedicles pedicle_screw pedicle_screws"),
    **_plain(VERTEBRA, "", "wirbel wirbelkörper wirbelkörpern wirbelkörpers wirbeln corpora corpus 椎体 椎體 锥体"),
    **_plain(VERTEBRA, "", "椎弓根 椎弓 棘突 横突 椎板 椎骨 椎体骨折"),
    **_plain(DISC, "", "disc discs disk disks disc_space disc_spaces disk_space disk_spaces discus interspace"),
    **_plain(DISC, "", "interspaces intervertebral_disc intervertebral_discs intervertebral_disk"),
    **_plain(DISC, "", "intervertebral_disks intervertebral_space intervertebral_spaces disci discal"),
    **_plain(DISC, "", "disc_level disc_levels disk_level disk_levels discectomy discectomies facet facets"),
    **_plain(DISC, "", "facet_joint facet_joints foramen foramina segment segments motion_segment"),
    **_plain(DISC, "", "motion_segments bandscheibe bandscheiben bandscheibenfach bandscheibenfächer etagen"),
    **_plain(DISC, "", "segmente segmenten bandscheibenräume zwischenwirbelraum zwischenwirbelräume"),
    **_plain(DISC, "", "椎间盘 椎間盤 间盘 間盤 椎间隙 椎間隙 间隙 間隙 椎间孔 椎間孔 椎体间 椎體間 节段 節段 小关节"),
    **_plain(DISC, "level", "level levels"),
    **_plain(BETWEEN, "", "between zwischen"),
    **_plain(BETWEEN, "after", "之间 之間"),
    **_plain(UP, "", "above cranial_to superior_to proximal_to cephalad_to over oberhalb oberhalb_von"),
    **_plain(DOWN, "", "below caudal_to inferior_to distal_to beneath underneath under unterhalb unterhalb_von"),
    **_plain(UP, "after", "上方 以上 上位"),
    **_plain(DOWN, "after", "下方 以下 下位"),
    **_plain(NOTHING, "", "foraminal_stenosis"),
}

_POLARITY = {
    **_plain(NEGATION, "", "no without denies denied deny negative_for absence_of free_of rather_than instead_of"),
    **_plain(NEGATION, "", "neither nor never lack_of lacks kein keine keinen keiner keinem keines ohne weder"),
    **_plain(NEGATION, "", "never_had no_evidence_of 未见 未見 无 無 没有 沒有 否认 否認 未发现 未發現 未累及 未及 未提示"),
    **_plain(NOT, "", "not isn't aren't wasn't doesn't don't didn't nicht cannot 不是 并非 並非 而非 不在 未"),
    **_plain(NORMAL, "", "normal intact unremarkable preserved maintained unaffected uninvolved spared sparing"),
    **_plain(NORMAL, "", "spares clear healthy wnl within_normal_limits normally unauffällig unauffällige"),
    **_plain(NORMAL, "", "unauffälliger unauffälliges unauffälligen regelrecht regelrechte regelrechter normale"),
    **_plain(NORMAL, "", "normaler normales normalen intakt intakte intakter erhalten erhaltene o.b. negative"),
    **_plain(NORMAL, "", "正常 完整 未见异常 未見異常 无异常 無異常 未见明显异常 未見明顯異常 良好 无殊 未受累"),
    **_plain(NORMAL, "", "无明显异常 無明顯異常 normaal no_abnormality no_abnormalities without_abnormality"),
    **_plain(ABSENT, "", "not_seen not_identified not_present not_evident not_demonstrated not_visualized excluded"),
    **_plain(ABSENT, "", "not_visualised not_found not_detected ruled_out absent is_excluded was_excluded"),
    **_plain(ABSENT, "", "ausgeschlossen nicht_nachweisbar 已排除"),
    **_plain(NOTHING, "", "no_change no_interval_change no_significant_change no_significant_interval_change"),
    **_plain(NOTHING, "", "no_progression no_longer no_doubt no_improvement not_normal not_intact not_preserved"),
    **_plain(NOTHING, "", "not_well_preserved not_entirely_normal not_completely_normal not_unremarkable"),
    **_plain(NOTHING, "", "not_only not_just not_excluded not_ruled_out cannot_be_excluded cannot_exclude"),
    **_plain(NOTHING, "", "cannot_be_ruled_out cannot_rule_out can_not_be_excluded not_be_excluded not_clear"),
    **_plain(NOTHING, "", "nicht_normal nicht_nur nicht_auszuschließen nicht_intakt without_contrast unclear"),
    **_plain(NOTHING, "", "without_and_with without_gadolinium without_iv without_change keine_änderung not_spared"),
    **_plain(NOTHING, "", "no_significant_interval_progression unchanged abnormal nor_mal not_be_ruled_out"),
    **_plain(NOTHING, "", "无力 無力 无明显变化 無明顯變化 未见明显变化 不正常 不完整 无变化 不仅 不仅仅 无法"),
    **_plain(NOTHING, "", "不除外 不能除外 不排除 不能排除 欠佳 未愈 正中 未定 not_maintained"),
}

_LOOKALIKES = {
    **_plain(LOOKALIKE, "any", "type stage staging grade class typ stadium hla vitamin vit factor ldl-c hdl-c"),
    **_plain(LOOKALIKE, "lab", "free total serum plasma"),
    **_plain(LOOKALIKE, "any", "complement version category tile icd icd-10 room ward bed floor chapter model"),
    **_plain(LOOKALIKE, "any", "pathological_stage clinical_stage tumor_stage tumour_stage lenke_type spike"),
    **_plain(LOOKALIKE, "spaced", "asia ais frankel lenke ao hepatitis hep child-pugh protein"),
    **_plain(LOOKALIKE, "figure", "fig figure figures figs table tables tab supplementary suppl appendix video"),
    **_plain(LOOKALIKE, "figure", "movie dataset panel file equation slide supplement text box"),
    **_plain(CONTEXT, "t", "thyroid tsh hormone hormones thyroxine hypothyroidism hyperthyroidism ft4 ft3 t3/t4"),
    **_plain(CONTEXT, "t", "triiodothyronine levothyroxine 甲状腺 甲狀腺 促甲状腺激素"),
    **_plain(CONTEXT, "s", "murmur murmurs heart_sounds heart_sound gallop auscultation"),
    **_plain(CONTEXT, "s", "rrr 心音 杂音"),
    **_plain(CONTEXT, "c", "complements complement_levels c3a c5a c1q hypocomplementemia 补体 補體"),
    **_plain(CONTEXT, "d", "dopamine vitamins cholecalciferol 25-oh d-dimer dextrose dopaminergic 25-hydroxy"),
    **_plain(SEQUENCE, "", "weighted signal signals hyperintense hypointense isointense hyperintensity intensity"),
    **_plain(SEQUENCE, "", "hypointensity stir flair sequence sequences bright dark image images imaging mri mr"),
    **_plain(SEQUENCE, "", "tse fse gre t1w t2w t1wi t2wi weighting gewichtet gewichtete hyperintens hypointens"),
    **_plain(SEQUENCE, "", "信号 信號 加权 加權 序列 压脂 抑脂"),
}

_FLAGS = {
    **_plain(FLAG, "lumbarisation", "lumbarised lumbarized lumbarisation lumbarization lumbarisiert lumbarisierter"),
    **_plain(FLAG, "lumbarisation", "lumbarisierung 腰化"),
    **_plain(FLAG, "sacralisation", "sacralised sacralized sacralisation sacralization sakralisiert sakralisierter"),
    **_plain(FLAG, "sacralisation", "sakralisierung sakralisierte 骶化"),
    **_plain(FLAG, "transitional", "transitional lstv castellvi supernumerary übergangswirbel 移行椎 移行"),
}

# Names of levels, as folded text that the scanner's own labels read: one atom or a pair.
_NAMES = {
    **_plain(SITE, "c1", "atlas 寰椎 atlantooccipital atlanto-occipital occipitoatlantal occipitocervical_junction"),
    **_plain(SITE, "c1", "craniocervical_junction craniovertebral_junction cranio-cervical_junction 寰枕关节 atlantal"),
    **_plain(SITE, "c1", "occipitoatloid cvj"),
    **_plain(SITE, "c2", "axis dens odontoid epistropheus 枢椎 樞椎 齿状突 齒狀突 齿突 densfraktur"),
    **_plain(SITE, "c7", "vertebra_prominens prominens 隆椎"),
    **_plain(SITE, "s1", "sacral_promontory promontorium sacral_endplate sacral_end_plate sacral_plateau"),
    **_plain(SITE, "c1 c2", "atlantoaxial atlanto-axial atlantodental atlanto-dental atlantoaxiales 寰枢 寰樞"),
    **_plain(SITE, "c1 c2", "atlantoaxialgelenk atlantodens atlanto-dens atlanto-odontoid"),
    **_plain(SITE, "c7 t1", "cervicothoracic_junction cervico-thoracic_junction cervicothoracic_transition ctj"),
    **_plain(SITE, "c7 t1", "zervikothorakaler_übergang cervicodorsal_junction 颈胸交界 颈胸段 颈胸结合部 頸胸交界"),
    **_plain(SITE, "t12 l1", "thoracolumbar_junction thoraco-lumbar_junction thoracolumbar_transition tlj"),
    **_plain(SITE, "t12 l1", "thorakolumbaler_übergang dorsolumbar_junction 胸腰段 胸腰交界 胸腰结合部 胸腰椎交界"),
    **_plain(SITE, "l5 s1", "lumbosacral_junction lumbo-sacral_junction lumbosacral_disc lumbosacral_joint"),
    **_plain(SITE, "l5 s1", "lumbosacral_disk lumbosacral_transition lumbosacral_segment lsj lumbosacral_level"),
    **_plain(SITE, "l5 s1", "lumbosakraler_übergang lumbosacral_interspace lumbosacral_facet 腰骶关节 腰骶交界"),
    **_plain(SITE, "l5 s1", "腰骶结合部 腰骶椎间盘 腰骶關節 腰骶角"),
}

_ADJECTIVES = {"cervical": "c", "thoracic": "t", "dorsal": "t", "lumbar": "l", "sacral": "s"}
_PAIRS = {"cervicothoracic": "c t", "thoracolumbar": "t l", "lumbosacral": "l s", "cervicodorsal": "c t"}
_WHOLES = (
    "spine|spinal|column|vertebral_column|region|spinal_column|spondylosis|stenosis|spinal_stenosis|spinal_canal"
    "|canal|myelopathy|radiculopathy|cord|spinal_cord|spondylotic|spondylolisthesis|spines|canal_stenosis"
)
_PARTS = "vertebra vertebrae vertebral vertebral_body vertebral_bodies disc discs disk disks intervertebral segment"


def _regions() -> dict[str, Word]:
    words = {
        **_plain(REGION, "c", "c-spine c_spine hws halswirbelsäule cervical_vertebral_column 颈椎 頸椎 颈段 颈髓"),
        **_plain(REGION, "t", "t-spine t_spine bws brustwirbelsäule 胸椎 胸段 胸髓 d-spine"),
        **_plain(REGION, "l", "l-spine l_spine lws lendenwirbelsäule 腰椎 腰段 腰椎管"),
        **_plain(REGION, "s", "sacrum sacra os_sacrum sakrum kreuzbein 骶骨 骶椎 荐骨 薦骨 薦椎 sacral_ala"),
        **_plain(REGION, "s", "sacral_bone sacral_alae pelvis ilium sacral_canal"),
        **_plain(REGION, "o", "coccyx coccygeal os_coccygis tailbone steißbein steissbein 尾骨 尾椎"),
        **_plain(REGION, "l s", "ls_spine ls-spine l/s_spine lss_spine 腰骶椎 腰骶部 腰骶段"),
        **_plain(REGION, "t l", "tl_spine tl-spine t/l_spine 胸腰椎"),
        **_plain(REGION, "c t", "ct-spine 颈胸椎"),
    }
    wholes = [whole.replace("_", " ") for whole in _WHOLES.split("|")]
    for adjective, noun in product({**_ADJECTIVES, **_PAIRS}.items(), wholes):
        words[f"{adjective[0]} {noun}"] = (REGION, adjective[1])
    for adjective, noun in product(_ADJECTIVES.items(), _PARTS.split()):
        words[f"{adjective[0]} {noun.replace('_', ' ')}"] = (REGION, adjective[1])
    return words


@cache
def words() -> dict[str, Word]:
    """Return every word of the vocabulary, folded, with its kind and value."""
    return {**_SIDES, **_HEADS, **_POLARITY, **_LOOKALIKES, **_FLAGS, **_NAMES, **_regions()}
