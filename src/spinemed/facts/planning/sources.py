"""One table of citations for the decision rules: key to full reference with its DOI or address."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

CITATIONS: Final = MappingProxyType(
    {
        "acr_2021": (
            "Expert Panel on Neurological Imaging. ACR Appropriateness Criteria Low Back Pain: 2021 update. "
            "J Am Coll Radiol 2021;18(11S):S361-S379. "
            "https://acsearch.acr.org/list/GetAppendix?PanelName=Neurologic&TopicId=141"
        ),
        "adolescent_slip_2006": (
            "Surgical management of spondylolysis and spondylolisthesis in children and adolescents. PMID "
            "16885480"
        ),
        "aosis_subaxial": (
            "Canseco JA, et al. The Subaxial Cervical AO Spine Injury Score. Global Spine J. "
            "doi:10.1177/2192568220974339, PMC9210250"
        ),
        "aosis_thoracolumbar_2016": (
            "Vaccaro AR, et al. The surgical algorithm for the AOSpine thoracolumbar spine injury "
            "classification system. Eur Spine J 2016;25:1087-1094. doi:10.1007/s00586-015-3982-2. "
            "Kepler CK, et al. The Thoracolumbar AOSpine Injury Score. Global Spine J 2016;6:329-334. "
            "doi:10.1055/s-0035-1563610, PMC4868575"
        ),
        "aospine_thoracolumbar_2013": (
            "Vaccaro AR, et al. AOSpine thoracolumbar spine injury classification system: fracture "
            "description, neurological status, and key modifiers. Spine 2013;38:2028-2037. "
            "doi:10.1097/BRS.0b013e3182a8a381"
        ),
        "burst_fixation": (
            "Short segment fixation in dorsolumbar spine injuries, a narrative review, PMC7452221 (one level "
            "above and one below); intermediate and long segment instrumentation, PMC3990854 (two and two)"
        ),
        "cauda_equina_2023": (
            "Getting It Right First Time. National suspected cauda equina syndrome pathway. NHS England, "
            "2023. https://gettingitrightfirsttime.co.uk/"
            "pathway-supports-clinicians-to-diagnose-and-treat-cauda-equina-syndrome-without-delay/"
        ),
        "cervical_canal": (
            "Cervical canal stenosis. Radiopaedia. https://radiopaedia.org/articles/cervical-canal-stenosis"
        ),
        "csrs_2017": (
            "Fehlings MG, et al. A clinical practice guideline for the management of patients with "
            "degenerative cervical myelopathy. Global Spine J 2017. doi:10.1177/2192568217701914"
        ),
        "definition": "By definition of the words; no paper decides it.",
        "expert_opinion": "Expert opinion; no published rule that this toolkit holds decides here.",
        "herniation_anatomy": (
            "Disc herniation affecting transiting nerve root. Radiopaedia. https://radiopaedia.org/cases/"
            "disc-herniation-affecting-transiting-nerve-root-lumbar-spine; far lateral: "
            "https://nspc.com/lateral-disc-herniations; cervical: https://www.spine-health.com/conditions/"
            "herniated-disc/cervical-radiculopathy-a-herniated-cervical-disc; ways in: Ryang YM, et al. "
            "Lateral transmuscular or combined interlaminar/paraisthmic approach to lateral lumbar disc "
            "herniation? J Neurol Neurosurg Psychiatry 2005"
        ),
        "herniation_urgency": (
            "Weinstein JN, et al. Surgical vs nonoperative treatment for lumbar disk herniation (SPORT). "
            "JAMA 2006;296:2441-2450. doi:10.1001/jama.296.20.2441, PMC2553805"
        ),
        "idsa_2015": (
            "Berbari EF, et al. 2015 IDSA clinical practice guidelines for the diagnosis and treatment of "
            "native vertebral osteomyelitis in adults. Clin Infect Dis 2015;61:e26-e46. "
            "doi:10.1093/cid/civ482"
        ),
        "lee_2010": (
            "Lee S, et al. A practical MRI grading system for lumbar foraminal stenosis. AJR Am J Roentgenol "
            "2010;194:1095-1098. doi:10.2214/AJR.09.2772"
        ),
        "lenke_2001": (
            "Lenke LG, et al. Adolescent idiopathic scoliosis: a new classification to determine extent of "
            "spinal arthrodesis. J Bone Joint Surg Am 2001;83:1169-1181. PMID 11507125"
        ),
        "lurie_2008": (
            "Lurie JD, et al. 2008; https://radiopaedia.org/articles/lumbar-spinal-stenosis-grading"
        ),
        "meyerding_1932": (
            "Meyerding HW. Spondylolisthesis. Surg Gynecol Obstet 1932;54:371-377. "
            "https://radiopaedia.org/articles/meyerding-classification-of-spondylolisthesis"
        ),
        "modic_1988": (
            "Modic MT, et al. Degenerative disk disease: assessment of changes in vertebral body marrow with "
            "MR imaging. Radiology 1988;166:193-199. doi:10.1148/radiology.166.1.3336678"
        ),
        "msu_2010": (
            "Mysliwiec LW, et al. MSU classification for herniated lumbar discs on MRI. Eur Spine J "
            "2010;19:1087-1093. doi:10.1007/s00586-009-1274-4, PMC2900017"
        ),
        "myelopathy_2018": (
            "Davies BM, Mowforth OD, Smith EK, Kotter MRN. Degenerative cervical myelopathy. BMJ "
            "2018;360:k186. doi:10.1136/bmj.k186"
        ),
        "nice_ng234": (
            "NICE. Spinal metastases and metastatic spinal cord compression. NG234, 2023. "
            "https://www.nice.org.uk/guidance/ng234/chapter/Recommendations"
        ),
        "noms_2006": (
            "Bilsky M, Smith M. Surgical approach to epidural spinal cord compression. Hematol Oncol Clin "
            "North Am 2006;20:1307-1317. doi:10.1016/j.hoc.2006.09.009; Laufer I, et al. The NOMS framework: "
            "approach to the treatment of spinal metastatic tumors. Oncologist 2013;18:744-751. "
            "doi:10.1634/theoncologist.2012-0293"
        ),
        "pfirrmann_2001": (
            "Pfirrmann CW, et al. Magnetic resonance classification of lumbar intervertebral disc "
            "degeneration. Spine 2001;26:1873-1878. doi:10.1097/00007632-200109010-00011"
        ),
        "red_flags_2020": (
            "Finucane LM, et al. International framework for red flags for potential serious spinal "
            "pathologies. J Orthop Sports Phys Ther 2020;50:350-372. doi:10.2519/jospt.2020.9971"
        ),
        "schizas_2010": (
            "Schizas C, et al. Qualitative grading of severity of lumbar spinal stenosis based on the "
            "morphology of the dural sac on magnetic resonance images. Spine 2010;35:1919-1924. "
            "doi:10.1097/BRS.0b013e3181d359bd"
        ),
        "scoliosis_cobb": (
            "Sardar ZM, Lenke LG. Adolescent idiopathic scoliosis: classification and natural history. "
            "https://musculoskeletalkey.com/"
            "2-adolescent-idiopathic-scoliosis-classification-and-natural-history/; "
            "2016 SOSORT guidelines, doi:10.1186/s13013-017-0145-8"
        ),
        "sins_2010": (
            "Fisher CG, et al. A novel classification system for spinal instability in neoplastic disease. "
            "Spine 2010;35:E1221-E1229. doi:10.1097/BRS.0b013e3181e16ae2"
        ),
        "slic_2007": (
            "Vaccaro AR, et al. The subaxial cervical spine injury classification system. Spine "
            "2007;32:2365-2374. https://radiopaedia.org/articles/66874"
        ),
        "slip_high_grade": (
            "Rajasekaran S, Aiyer S, Kanna RM. High-grade spondylolisthesis: pediatric and adults. ISSLS "
            "textbook of the lumbar spine. https://www.wheelessonline.com/issls/"
            "section-19-chapter-4-high-grade-spondylolisthesis-pediatric-and-adults/"
        ),
        "sport_herniation_2006": (
            "Weinstein JN, et al. Surgical vs nonoperative treatment for lumbar disk herniation (SPORT). "
            "JAMA 2006;296:2441-2450. doi:10.1001/jama.296.20.2441, PMC2553805"
        ),
        "srs_schwab_2012": (
            "Schwab F, et al. Scoliosis Research Society-Schwab adult spinal deformity classification. Spine "
            "2012;37:1077-1082; Terran J, et al. Neurosurgery 2013;73:559-568. "
            "doi:10.1227/NEU.0000000000000012"
        ),
        "stenosis_2009": (
            "Siebert E, et al. Lumbar spinal stenosis: syndrome, diagnostics and treatment. Nat Rev Neurol "
            "2009;5:392-403. doi:10.1038/nrneurol.2009.90"
        ),
        "tlics_2005": (
            "Lee JY, Vaccaro AR, et al. Thoracolumbar injury classification and severity score: a new "
            "paradigm for the treatment of thoracolumbar spine trauma. J Orthop Sci 2005;10:671-675. "
            "doi:10.1007/s00776-005-0956-y, PMC2779435"
        ),
        "torg_1987": (
            "Pavlov H, Torg JS, et al. Cervical spinal stenosis: determination with vertebral body ratio "
            "method. Radiology 1987;164:771-775. "
            "https://radiopaedia.org/articles/canal-to-body-ratio-of-torg-and-pavlov"
        ),
    }
)
"""Key to reference, as texts print it."""
NOTES: Final = MappingProxyType(
    {
        "adolescent_slip_2006": ("abstract read at https://orthobullets.com/evidence/16885480"),
        "aosis_subaxial": ("abstract read"),
        "aosis_thoracolumbar_2016": ("bands from the first paper, points from the second"),
        "cauda_equina_2023": (
            "its 4 hours as quoted at "
            "https://pure.canterbury.ac.uk/en/publications/improving-the-suspected-cauda-equina-syndrome-pathway-at-a-distri-2/"
        ),
        "csrs_2017": ("as quoted in J Am Board Fam Med, table 5"),
        "herniation_anatomy": ("abstract of Ryang read"),
        "herniation_urgency": (
            "six weeks from the paper; the urgency of a progressive motor deficit is expert opinion: "
            "secondary pages agree on urgent surgery for a progressive motor deficit: "
            "http://lowback-pain.com/surgery.urgent.htm, "
            "http://m.medicalcriteria.com/crit/neuro_disk_surgery.html; no primary paper was read"
        ),
        "lenke_2001": (
            "criteria read at "
            "https://surgeryreference.aofoundation.org/spine/deformities/adolescent-idiopathic-scoliosis/further-reading/lenke-classification"
        ),
        "lurie_2008": ("thirds of the area, read at that page"),
        "meyerding_1932": (
            "read at https://radiopaedia.org/articles/meyerding-classification-of-spondylolisthesis"
        ),
        "noms_2006": (
            "abstract read; grades: "
            "https://radiopaedia.org/articles/epidural-spinal-cord-compression-scale and "
            "https://thespinebook.com/2022/04/07/noms-framework/"
        ),
        "sins_2010": (
            "points read at https://radiopaedia.org/articles/spinal-instability-neoplastic-score-sins-2"
        ),
        "slic_2007": ("points read at https://radiopaedia.org/articles/66874"),
        "srs_schwab_2012": (
            "cuts read at https://neurosurgerywiki.com/wiki/doku.php?id=srs-schwab_classification"
        ),
        "stenosis_2009": ("abstract read"),
        "tlics_2005": ("table 1 read"),
        "torg_1987": ("read at https://radiopaedia.org/articles/canal-to-body-ratio-of-torg-and-pavlov"),
    }
)
"""Key to what was read of a source where the paper itself was not; never printed in instances."""


def cite(key: str) -> str:
    """Return the full reference of a key; a ValueError for an unknown one lists the known keys.

    >>> cite("tlics_2005").startswith("Lee JY")
    True
    """
    if key not in CITATIONS:
        raise ValueError(f"no citation has the key {key!r}; known keys: {', '.join(sorted(CITATIONS))}")
    return CITATIONS[key]
