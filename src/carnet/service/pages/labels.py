"""What rule pages say around the law, in both languages, and how days and marks are written in each."""

from __future__ import annotations

from datetime import date

from carnet.law.words import Pair

BOTH, ENGLISH, CHINESE = "both", "en", "zh"
LANGUAGES = (ENGLISH, CHINESE, BOTH)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

LAW_SAYS = Pair("The law says", "法条原文")
WE_CHECK = Pair("We check", "判定条件")
NUMBERS = Pair("The numbers", "数值")
READING = Pair("Our reading", "我们的解读")
CASES = Pair("Cases", "案例")
EXCEPTIONS = Pair("Exceptions", "例外")
DUTIES = Pair("Duties", "义务")
COUNTS = Pair("Where it counts", "影响范围")
READING_NOTE = Pair(
    "The law did not change when a reading does. Decisions taken under an old reading are listed.",
    "解读变更并不意味着法律变更。依旧解读作出的判定将被列出。",
)
CASES_NOTE = Pair("On both sides of every number and every first day.", "每一数值和每一首日的两侧均有案例。")
NO_NUMBER = Pair("The rule reads no number.", "该规则不涉及数值。")
NO_READING = Pair(
    "No reading of ours is recorded: the condition follows the source named above.",
    "未记录解读：判定条件依上述来源。",
)
NO_EXCEPTION = Pair("No rule excepts this one.", "无规则作为其例外。")
NO_CASE = Pair(
    "No own case is held beside this lawbook. Cases lie in the folder cases of each order.",
    "该法规库未附案例。案例存于各法域的cases文件夹。",
)
ALONE = Pair("No other rule reads the same numbers.", "无其他规则使用相同数值。")
SAME_NUMBERS = Pair("These rules read the same numbers:", "下列规则使用相同数值：")
NOT_HELD = Pair("We do not hold the official wording of this rule.", "我们未持有该条的官方文字。")
HELD_IN_PART = Pair(
    "We hold fragments of the wording, not the sentence.", "我们仅持有文字片段，未持有完整条文。"
)
OURS = Pair("Our words for it", "我们的表述")
NOW = Pair("in force on the day shown", "所示日期有效")
TABLE = {
    "what": Pair("What", "内容"),
    "value": Pair("Value", "数值"),
    "from": Pair("From", "起始日"),
    "where": Pair("Where it stands", "出处"),
    "sure": Pair("How sure", "可靠程度"),
    "case": Pair("Case", "案例"),
    "day": Pair("Day", "日期"),
    "answer": Pair("Answer", "结论"),
    "source": Pair("Why it is here", "列入理由"),
    "exception": Pair("Exception", "例外"),
    "rule": Pair("Rule", "规则"),
}
FOOT = {
    "rule": Pair("Rule", "规则"),
    "instrument": Pair("Instrument", "文件"),
    "read": Pair("Read by", "阅读人"),
    "day": Pair("Law as of", "所示法律日期"),
    "sure": Pair("Weakest source", "最弱来源"),
    "lawbook": Pair("Lawbook", "法规库"),
}
NOBODY = Pair("Not recorded: nobody signed for it.", "未记录：无人署名。")


def day(when: date) -> Pair:
    """Write a day as people do."""
    return Pair(
        f"{when.day} {_MONTHS[when.month - 1]} {when.year}", f"{when.year}年{when.month}月{when.day}日"
    )


def where_it_comes_from(cite: str, title: Pair) -> Pair:
    """Say where a rule comes from whose wording is not held."""
    zh = None if title.zh is None else f"该条依{title.zh}（{cite}）编写，左侧不以我们的文字代替法条。"
    return Pair(
        f"It was made from {title.en}: {cite}. What is not held as official wording is not put here in its place.",
        zh,
    )


def what_to_do(rule: str) -> tuple[Pair, str]:
    """Say what to do about wording that is not held, and the command for it."""
    return (
        Pair(
            "What to do: compare the condition with the published document, then record it:",
            "怎么办：将判定条件与公布的文件核对，然后记录：",
        ),
        f"carnet law confirm {rule} --by NAME --text DOCUMENT --lawbook FOLDER",
    )
