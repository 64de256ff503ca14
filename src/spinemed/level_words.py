"""The vocabulary of the level grammar: every word that says something about a level, by kind.

Words are written as folded text (see `level_patterns.fold`): lower case, one hyphen; `_` stands for a blank.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Final

# SIDE left, right, both, central. ROOT, VERTEBRA, DISC: what a number beside the word means.
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
BORDER: Final = "border"  # but, except: negation does not reach over it
NOTHING: Final = "nothing"  # phrases that contain a word of another kind and mean nothing here
LOOKALIKE: Final = "lookalike"  # type, stage, figure: the label that follows is none
CONTEXT: Final = "context"  # thyroid, murmur: some labels of this text are none
ODD: Final = "odd"  # cells, larvae, receptor: a label just before may be none
SEQUENCE: Final = "sequence"  # words of MR technique
FLAG: Final = "flag"  # lumbarised, sacralised, transitional
SITE: Final = "site"  # names of levels; the value is a label or two
REGION: Final = "region"  # the value is the regions' letters

HEADS: Final = frozenset({ROOT, VERTEBRA, DISC})

Word = tuple[str, str]

_TABLE: list[tuple[str, str, str]] = [
    (
        SIDE,
        "left",
        """
        left leftward leftwards lt links li. linke linker linken linkes linkem 左
        """,
    ),
    (
        SIDE,
        "right",
        """
        right rightward rightwards rt rechts re. rechte rechter rechten rechtes rechtem 右
        """,
    ),
    (
        SIDE,
        "both",
        """
        bilateral bilaterally bilat b/l both_sides either_side beidseits bds 双侧 雙側 两侧 兩側 左右 双 雙
        """,
    ),
    (SIDE, "central", "central centrally midline mid-line mittig 中央 正中 居中 中线"),
    (
        ROOT,
        "",
        """
        root roots nerve nerves nerve_root nerve_roots spinal_nerve spinal_nerves radiculopathy
        radiculopathies radicular radiculitis dermatome dermatomes dermatomal myotome myotomes
        dorsal_root_ganglion dorsal_root_ganglia drg palsy wurzel wurzeln nervenwurzel nervenwurzeln
        radikulopathie wurzelsyndrom dermatom 神经根 神經根 脊神经 脊神經 神经 神經 根性
        """,
    ),
    (ROOT, "before", "exiting traversing descending"),
    (
        VERTEBRA,
        "",
        """
        vertebra vertebrae vertebras vertebral_body vertebral_bodies vertebral_level bodies body
        vertebral_levels laminoplasty laminoplasties corpectomy corpectomies vertebrectomy vertebroplasty
        kyphoplasty spinous_process spinous_processes laminae transverse_process transverse_processes
        pedicle pedicles pedicle_screw pedicle_screws wirbel wirbeln corpora corpus wirbelkörper
        wirbelkörpern wirbelkörpers 椎体 椎體 锥体 椎弓根 椎弓 棘突 横突 椎板 椎骨 椎体骨折
        """,
    ),
    (
        DISC,
        "one",
        """
        disc disk disc_space disk_space discus interspace intervertebral_disc intervertebral_disk
        intervertebral_space bandscheibe motion_segment bandscheibenfach
        """,
    ),
    (
        DISC,
        "",
        """
        discs disks disc_spaces disk_spaces interspaces intervertebral_discs intervertebral_disks
        intervertebral_spaces disci discal disc_level disc_levels disk_level disk_levels discectomy
        discectomies facet facets facet_joint facet_joints foramen foramina segment segments motion_segments
        bandscheiben etagen segmente segmenten zwischenwirbelraum bandscheibenfächer bandscheibenräume
        zwischenwirbelräume 椎间盘 椎間盤 间盘 間盤 椎间隙 椎間隙 间隙 間隙 椎间孔 椎間孔 椎体间 椎體間
        节段 節段 小关节
        """,
    ),
    (DISC, "level", "level levels"),
    (BETWEEN, "", "between zwischen"),
    (BETWEEN, "after", "之间 之間"),
    (
        UP,
        "",
        """
        above cranial_to superior_to proximal_to cephalad_to over oberhalb oberhalb_von
        """,
    ),
    (
        DOWN,
        "",
        """
        below caudal_to inferior_to distal_to beneath underneath under unterhalb unterhalb_von
        """,
    ),
    (UP, "after", "上方 以上 上位"),
    (DOWN, "after", "下方 以下 下位"),
    (
        NEGATION,
        "",
        """
        no without denies denied deny negative_for absence_of free_of rather_than instead_of neither nor
        never lack_of lacks kein keine keinen keiner keinem keines ohne weder never_had no_evidence_of
        未见 未見
        无 無 没有 沒有 否认 否認 未发现 未發現 未累及 未及 未提示
        """,
    ),
    (
        NOT,
        "",
        """
        not isn't aren't wasn't doesn't don't didn't nicht cannot 不是 并非 並非 而非 不在 未
        """,
    ),
    (
        NORMAL,
        "",
        """
        normal intact unremarkable preserved maintained uninvolved within_normal_limits normally regelrecht
        regelrechte regelrechter normale normaler normales normalen intakt intakte intakter erhalten
        erhaltene o.b. no_abnormality no_abnormalities unauffällig unauffällige unauffälliger unauffälliges
        unauffälligen 正常 完整 未见异常 未見異常 无异常 無異常 未见明显异常 未見明顯異常 良好 无殊
        未受累 无明显异常 無明顯異常
        """,
    ),
    (NORMAL, "pre", "sparing spares"),
    (NORMAL, "post", "unaffected spared clear healthy wnl negative"),
    (
        ABSENT,
        "",
        """
        not_seen not_identified not_present not_evident not_demonstrated not_visualized excluded
        not_visualised not_found not_detected ruled_out absent is_excluded was_excluded ausgeschlossen
        nicht_nachweisbar 已排除
        """,
    ),
    (
        BORDER,
        "",
        """
        but however although though while whereas except yet other_than apart_from aside_from besides
        because due_to secondary_to which sondern aber jedoch hingegen ausser während außer 但 而是 除
        却 然而 外 但是
        """,
    ),
    (
        NOTHING,
        "",
        """
        central_canal central_cord left_untreated left_open left_alone left_in right_away right-hand
        right-handed left-handed right_hand left_hand no_change no_interval_change no_significant_change
        no_significant_interval_change no_progression no_longer no_doubt no_improvement not_normal
        not_intact not_preserved not_well_preserved not_entirely_normal not_completely_normal
        not_unremarkable not_only not_just not_excluded not_ruled_out cannot_be_excluded cannot_exclude
        cannot_be_ruled_out cannot_rule_out can_not_be_excluded not_be_excluded not_clear nicht_normal
        nicht_nur nicht_intakt without_contrast unclear without_and_with without_gadolinium without_iv
        without_change not_spared no_significant_interval_progression unchanged abnormal not_be_ruled_out
        not_maintained 中央管 nicht_auszuschließen keine_änderung 无力 無力 无明显变化 無明顯變化
        未见明显变化 不正常 不完整 无变化 不仅
        不仅仅 无法 不除外 不能除外 不排除 不能排除 欠佳 未愈 未定 外侧 外側 外周 以外 外伤
        """,
    ),
    (
        LOOKALIKE,
        "any",
        """
        type stage staging grade class typ stadium hla vitamin vit factor ldl-c hdl-c complement version
        category tile icd icd-10 room ward bed floor chapter model pathological_stage clinical_stage
        tumor_stage tumour_stage lenke_type spike
        """,
    ),
    (LOOKALIKE, "lab", "free total serum plasma"),
    (LOOKALIKE, "spaced", "asia ais frankel lenke ao hepatitis hep child-pugh"),
    (
        LOOKALIKE,
        "figure",
        """
        fig figure figures figs table tables tab supplementary suppl appendix video movie dataset panel file
        equation slide text box
        """,
    ),
    (
        CONTEXT,
        "t",
        """
        thyroid tsh hormone hormones thyroxine hypothyroidism hyperthyroidism ft4 ft3 triiodothyronine
        levothyroxine 甲状腺 甲狀腺 促甲状腺激素
        """,
    ),
    (CONTEXT, "s", "murmur murmurs heart_sounds heart_sound gallop auscultation rrr 心音 杂音"),
    (CONTEXT, "c", "complements complement_levels c3a c5a c1q hypocomplementemia 补体 補體"),
    (
        CONTEXT,
        "d",
        """
        dopamine vitamins cholecalciferol 25-oh d-dimer dextrose dopaminergic 25-hydroxy
        """,
    ),
    (
        ODD,
        "",
        """
        protein supplement n0 n1 n2 n3 nx n0m0 n0m1 n1m0 n1m1 n2m0 n2m1 n3m0 n3m1 staged cell cells
        lymphocyte lymphocytes cytokine cytokines immunity immune diabetes diabetic dm half half-life helper
        responses polarization heart subunit proteins domain monotherapy chemotherapy oxaliplatin cisplatin
        adjuvant sound sounds inhibitor inhibitors esterase convertase glomerulopathy glomerulonephritis
        deficiency deficient hydrocarbon hydrocarbons nephritic nephropathy plant plants fragment fragments
        carbon carbons glioma norm norms regularization regularisation regularized regularizer loss losses
        penalty penalties speaker speakers larva larvae larval receptor receptors
        agonist agonists antagonist antagonists supplements supplementation 期
        """,
    ),
    (
        SEQUENCE,
        "",
        """
        weighted signal signals hyperintense hypointense isointense hyperintensity intensity hypointensity
        stir flair sequence sequences bright dark image images imaging mri mr tse fse gre t1w t2w t1wi t2wi
        weighting gewichtet gewichtete hyperintens hypointens 信号 信號 加权 加權 序列 压脂 抑脂
        """,
    ),
    (
        FLAG,
        "lumbarisation",
        """
        lumbarised lumbarized lumbarisation lumbarization lumbarisiert lumbarisierter lumbarisierung 腰化
        """,
    ),
    (
        FLAG,
        "sacralisation",
        """
        sacralised sacralized sacralisation sacralization sakralisiert sakralisierter sakralisierung
        sakralisierte 骶化
        """,
    ),
    (FLAG, "transitional", "transitional lstv castellvi supernumerary 移行椎 移行"),
    (
        SITE,
        "c1",
        """
        atlas atlantooccipital atlanto-occipital occipitoatlantal occipitocervical_junction
        craniocervical_junction craniovertebral_junction cranio-cervical_junction atlantal occipitoatloid
        cvj 寰椎 寰枕关节
        """,
    ),
    (SITE, "c2", "axis dens odontoid epistropheus densfraktur 枢椎 樞椎 齿状突 齒狀突 齿突"),
    (SITE, "c7", "vertebra_prominens prominens 隆椎"),
    (
        SITE,
        "s1",
        """
        sacral_promontory promontorium sacral_endplate sacral_end_plate sacral_plateau
        """,
    ),
    (
        SITE,
        "c1 c2",
        """
        atlantoaxial atlanto-axial atlantodental atlanto-dental atlantoaxiales atlantoaxialgelenk
        atlantodens atlanto-dens atlanto-odontoid 寰枢 寰樞
        """,
    ),
    (
        SITE,
        "c7 t1",
        """
        cervicothoracic_junction cervico-thoracic_junction cervicothoracic_transition ctj
        cervicodorsal_junction zervikothorakaler_übergang 颈胸交界 颈胸段 颈胸结合部 頸胸交界
        """,
    ),
    (
        SITE,
        "t12 l1",
        """
        thoracolumbar_junction thoraco-lumbar_junction thoracolumbar_transition tlj dorsolumbar_junction
        thorakolumbaler_übergang 胸腰段 胸腰交界 胸腰结合部 胸腰椎交界
        """,
    ),
    (
        SITE,
        "l5 s1",
        """
        lumbosacral_junction lumbo-sacral_junction lumbosacral_disc lumbosacral_joint lumbosacral_disk
        lumbosacral_transition lumbosacral_segment lsj lumbosacral_level lumbosacral_interspace
        lumbosacral_facet lumbosakraler_übergang 腰骶关节 腰骶交界 腰骶结合部 腰骶椎间盘 腰骶關節 腰骶角
        """,
    ),
    (REGION, "c", "c-spine c_spine hws halswirbelsäule 颈椎 頸椎 颈段 颈髓"),
    (REGION, "t", "t-spine t_spine bws d-spine brustwirbelsäule 胸椎 胸段 胸髓"),
    (REGION, "l", "l-spine l_spine lws lendenwirbelsäule 腰椎 腰段 腰椎管"),
    (
        REGION,
        "s",
        """
        sacrum sacra os_sacrum sakrum kreuzbein sacral_ala sacral_bone sacral_alae pelvis ilium 骶骨
        骶椎 荐骨 薦骨
        薦椎
        """,
    ),
    (REGION, "o", "coccyx coccygeal os_coccygis tailbone steissbein steißbein 尾骨 尾椎"),
    (REGION, "l s", "ls_spine ls-spine l/s_spine lss_spine 腰骶椎 腰骶部 腰骶段"),
    (REGION, "t l", "tl_spine tl-spine t/l_spine 胸腰椎"),
    (REGION, "c t", "ct-spine 颈胸椎"),
]

# German adjectives with their endings.
_INFLECTED: dict[str, Word] = {
    "linksseitig": (SIDE, "left"),
    "rechtsseitig": (SIDE, "right"),
    "beidseitig": (SIDE, "both"),
    "median": (SIDE, "central"),
    "zentral": (SIDE, "central"),
}

_ADJECTIVES = {"cervical": "c", "thoracic": "t", "dorsal": "t", "lumbar": "l", "sacral": "s"}
_PAIRS = {"cervicothoracic": "c t", "thoracolumbar": "t l", "lumbosacral": "l s", "cervicodorsal": "c t"}
_WHOLES = """
    spine spines spinal column vertebral_column region spinal_column spondylosis stenosis spinal_stenosis
    canal_stenosis spinal_canal canal myelopathy radiculopathy cord spinal_cord spondylotic
    spondylolisthesis
"""
_PARTS = """
    vertebra vertebrae vertebral vertebral_body vertebral_bodies disc discs disk disks intervertebral
    segment
"""


def _regions() -> dict[str, Word]:
    found: dict[str, Word] = {}
    for (adjective, letters), noun in product({**_ADJECTIVES, **_PAIRS}.items(), _split(_WHOLES)):
        found[f"{adjective} {noun}"] = (REGION, letters)
    for (adjective, letters), noun in product(_ADJECTIVES.items(), _split(_PARTS)):
        found[f"{adjective} {noun}"] = (REGION, letters)
    for letter, name in zip("ctlso", ("cervical", "thoracic", "lumbar", "sacral", "coccygeal"), strict=True):
        found[f"region:{name}"] = (REGION, letter)
    return found


def _split(words_of_kind: str) -> list[str]:
    return [word.replace("_", " ") for word in words_of_kind.split()]


@cache
def words() -> dict[str, Word]:
    """Return every word of the vocabulary with its kind and value.

    >>> words()["nerve root"], words()["双侧"]
    (('root', ''), ('side', 'both'))
    """
    found = {word: (kind, value) for kind, value, listed in _TABLE for word in _split(listed)}
    for stem, word in _INFLECTED.items():
        found |= {f"{stem}{ending}": word for ending in ("", "e", "er", "es", "en", "em")}
    return {**_regions(), **found}
