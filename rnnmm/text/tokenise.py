"""Captions to tokens, as the caption metrics of the literature count them.

Published caption scores are counted on tokens of Stanford's PTB tokenizer (CoreNLP 3.4.1, run
through Java), lower-cased and without punctuation. This is its behaviour on captions, in one
regular expression. Another tokenizer moves scores by up to a point, so a difference on a caption
is a fault; what it does to smileys, telephone numbers and file names is left out.
"""

import re

# Letters and the marks on them (not \w); disjoint, so that nothing can backtrack exponentially.
_LETTER = r"(?:[^\W\d_]|(?!\w)[\u0300-\u036f\u0591-\u05c7\u064b-\u0670\u0900-\u0eff])"
_ALNUM = rf"(?:{_LETTER}|\d)"

# Those that keep their full stop wherever they stand, and those that do in front of a number or
# with a capital only (a caption that ends in "in." or "miss." ends in a word).
_ABBREVIATIONS = r"""adj adm adv al ala alex apr ariz assn asst atty attys aug ave bhd bldg blvd
    brig bros calif capt cf cie cmdr co col colo comdr conn corp cos cpl ct dak dec dept det dr
    drs elec ens esq est etc ext feb fla fri ft ga gen gov govs hon inc ind insp intl invt jan jos
    jr jul jun kan kans ky lieut lt ltd maj mar md messrs mfg mich minn mlle mme mo mon mont mr
    mrs ms msgr mt mtg natl neb nev nov oct okla penn pfc ph ph\.d plc pres prof pvt rd rep reps
    rev rt sen sens sep sept seq sfc sgt spc sq sr st ste supt sys tel tenn thu thurs treas tue
    tues univ va vs vt wed wis wisc wm wyo"""
_CAPITAL_ABBREVIATIONS = "Ark Az Del Ill La Mass Miss Ore Pa Tex Wash"
_NUMBERED_ABBREVIATIONS = "art ca fig figs no nos op pp prop"

# Dropped: control, zero-width and direction signs, variation selectors, surrogates, emoji.
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_UNSEEN += r"\ud800-\udfff\U00010000-\U0010ffff"

_TOKEN = re.compile(
    rf"""
    (?: https?:// | www\.) [^\s<>"]+                  # addresses
    | [\w.+-]{{1,64}} @ \w+ (?: \.\w+)+
    | </? [a-z] [^<>]* >                              # mark-up
    | [#@] {_LETTER} \w*                              # hash tags, user names
    | n't (?!{_ALNUM})                                # clitics
    | ' (?: s | m | d | re | ve | ll) (?!{_ALNUM})
    | can (?=not (?!{_ALNUM}))                        # words written as one
    | (?: gon | wan) (?=na (?!{_ALNUM}|-)) | got (?=ta (?!{_ALNUM}|-))
    | (?: gim | lem) (?=me (?!{_ALNUM}|-)) | 't (?=(?: is | was) (?!{_ALNUM}))
    | (?<!{_ALNUM}) (?: {"|".join(_ABBREVIATIONS.split())}) \. (?!{_ALNUM})
    | (?<!{_ALNUM}) (?-i:{"|".join(_CAPITAL_ABBREVIATIONS.split())}) \. (?!{_ALNUM})
    | (?<!{_ALNUM}) (?: {"|".join(_NUMBERED_ABBREVIATIONS.split())}) \. (?=\s?\d)
    | (?<!{_ALNUM}) {_LETTER} (?: \.{_LETTER})* \. (?: -{_ALNUM}+ | (?!{_ALNUM}))  # U.S., p.m.
    | {_LETTER}+ (?=n't (?!{_ALNUM}))                 # didn't: did + n't
    | 'n' | ' (?: em | cause | till? | n | [2-9]0s | \d\d) (?![\w"])  # 'em, rock 'n' roll, '80s
    | (?: [dl] | o | n | (?-i:[A-HJ-XZ])) ' {_LETTER}{{2,}}            # o'clock, O'Brien
    | c'mon | ma'am | (?<!{_ALNUM}) ol' | y' (?={_LETTER})             # y'all: y' + all
    | {_LETTER}* [aeiouy] ' [aeiou] {_LETTER}*                         # ne'er
    | [-+]? [.,:]? \d+ (?: [.,:]\d+)+ | [-+]? [.,:] \d+                # 10,000  3.5  10:30
    | [-+]? \d+ (?: [-/]\d+)* (?: -{_ALNUM}+)* (?!{_ALNUM})            # 24/7  5-year-old
    | {_ALNUM}+ (?: (?: [-/&_] {_ALNUM} | [.!?] {_LETTER}) {_ALNUM}*)* # x-ray  and/or  AT&T
    | --+ | \.\.+ | [!?]+ | \*+ | \#+ | _+            # one token, however long
    | [^\s{_UNSEEN}]                                  # any other sign, alone
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SPELLINGS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u2039\u203a", "'")
    | dict.fromkeys("\u201c\u201d\u00ab\u00bb", '"')
    | dict.fromkeys("\u2013\u2014", "--")
    | {"\u2026": "...", "\u00ad": "", "\u00bd": " 1/2 ", "\u00bc": " 1/4 "}
    | {"\u00a3": "#", "\u20ac": "$", "\u00a2": " cents "}
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_PUNCTUATION = re.compile(r"""['"`.?!,:;-] | --+ | \.\.+""", re.VERBOSE)


def tokenise_caption(text: str) -> list[str]:
    """Splits a caption into lower-case tokens without punctuation.

    Contractions are split ("isn't" -> "is", "n't"; "man's" -> "man", "'s"), hyphens and slashes
    inside words stay, abbreviations keep their full stop, brackets become "-lrb-" and so on.
    Line and page ends of any kind inside the caption are spaces. Tokens joined again are split at
    their spaces, not tokenised a second time ("-lrb-" would fall apart).

    Args:
        text: one caption, not normalised: capitals tell an abbreviation from a word.

    Returns:
        Tokens, none of them empty or with white space inside; joined by spaces they are a caption
        for `Vocabulary` of unit "word".

    Source: checked against ``pycocoevalcap.tokenizer.ptbtokenizer`` on the captions of Flickr8k.

    Example:
        >>> tokenise_caption("The man's dog isn't on a T-shirt.")
        ['the', 'man', "'s", 'dog', 'is', "n't", 'on', 'a', 't-shirt']
    """
    tokens = _TOKEN.findall(" ".join(text.translate(_SPELLINGS).split()))
    return [
        piece
        for token in tokens
        if not _PUNCTUATION.fullmatch(token)
        for piece in _BRACKETS.get(token, token.lower()).split()
    ]
