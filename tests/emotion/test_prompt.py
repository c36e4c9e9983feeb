"""The prompts, word for word, and what arms, anchors and settings change in them."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seke_pipeline.emotion.answer import answer_schema
from seke_pipeline.emotion.arms import ARMS
from seke_pipeline.emotion.labels import AUS, EXPRESSIONS, FIELDS, Labels
from seke_pipeline.emotion.method import MethodSettings
from seke_pipeline.emotion.prompt import PROMPT_VERSION, compose

SETTINGS = MethodSettings()
BARE = MethodSettings(knowledge=False)
PLAIN, REVERSED, REWORDED = ARMS["plain"], ARMS["reordered"], ARMS["reworded"]


def all_aus_but(*unknown, active=()):
    return {number: number in active for number in AUS if number not in unknown}


HAPPY = Labels("happiness", 0.45, None, all_aus_but(4, 6, 24, active=(12, 25)))
"""A face of which only arousal and three action units are missing."""

HAPPY_SYSTEM = (
    "You describe what the facial muscles show in a picture, for research on facial expressions. This is "
    "description, not identification: never say or guess who the person is. Judge only what is visible, and "
    "answer with one JSON object and nothing else."
)

HAPPY_FACTS = """\
Describe the facial expression in this picture.

Known of this face from human coders; take it as true:
- expression: happiness
- valence: 0.45
- AU1 (inner brow raiser): not active
- AU2 (outer brow raiser): not active
- AU5 (upper lid raiser): not active
- AU7 (lid tightener): not active
- AU9 (nose wrinkler): not active
- AU10 (upper lip raiser): not active
- AU12 (lip corner puller): active
- AU14 (dimpler): not active
- AU15 (lip corner depressor): not active
- AU17 (chin raiser): not active
- AU20 (lip stretcher): not active
- AU23 (lip tightener): not active
- AU25 (lips part): active
- AU26 (jaw drop): not active

"""

HAPPY_KNOWLEDGE = """\
What is known of faces in general; the picture decides:
happiness: AU6 frequent; AU4 not expected
happiness: valence > 0, distance from (0, 0) > 0.2
AU24 and AU25 exclude each other

"""

HAPPY_KEYS = """\
Answer with these keys:
"answerable": false if no face can be read (the other values are then ignored), else true
"arousal": from -1 (calm) to 1 (excited)
"active_aus": the numbers of the action units that are visibly active ([] if none), out of \
4 (lower brow), 6 (raise cheek), 24 (press lips)"""

CODED = Labels(arousal=-0.1, aus=all_aus_but(15, active=(1, 12)))
"""A face as a FACS coder leaves it: no expression, no valence."""

CODED_SYSTEM = (
    "You code facial behaviour for a scientific study of expressions. Look at how brows, eyes, nose, mouth "
    "and chin have moved. Identity plays no part in it and is not to be inferred. Rely on what can be seen. "
    "Reply with a single JSON object, without further text."
)

CODED_USER = """\
What does the face in this picture show?

People have already coded the following for this face, and it stands:
- arousal: -0.1
- AU1 (inner brow raiser): active
- AU2 (outer brow raiser): not active
- AU4 (brow lowerer): not active
- AU5 (upper lid raiser): not active
- AU6 (cheek raiser): not active
- AU7 (lid tightener): not active
- AU9 (nose wrinkler): not active
- AU10 (upper lip raiser): not active
- AU12 (lip corner puller): active
- AU14 (dimpler): not active
- AU17 (chin raiser): not active
- AU20 (lip stretcher): not active
- AU23 (lip tightener): not active
- AU24 (lip pressor): not active
- AU25 (lips part): not active
- AU26 (jaw drop): not active

Rules of thumb about faces, which the picture may overrule:
AU1: usual in surprise, fear; frequent in sadness; not expected in disgust, anger, contempt
AU12: usual in happiness; frequent in contempt; not expected in sadness, fear, disgust, anger
AU12 and AU15 are rarely active together

Give a value for each of these keys:
"answerable": true, or false when there is no readable face (nothing else counts then)
"expression": which of these describes the face best: neutral, happiness, sadness, surprise, fear, disgust, \
anger, contempt
"valence": how pleasant the expression is, -1 very unpleasant, 0 neither, 1 very pleasant
"active_aus": which of these action units you can see at work, by number, [] if none: 15 (depress lip corner)
"rationale": what you saw, in one brief sentence"""


def test_a_face_with_a_known_expression():
    question = compose(HAPPY, PLAIN, SETTINGS)
    assert question.system == HAPPY_SYSTEM
    assert question.user == HAPPY_FACTS + HAPPY_KNOWLEDGE + HAPPY_KEYS
    assert question.asked == ("arousal", "au04", "au06", "au24")
    assert question.schema == answer_schema(question.asked, "standard", rationale=False)
    assert (question.arm, question.version) == (PLAIN, PROMPT_VERSION)


def test_a_coded_face_in_the_other_wording_with_a_rationale():
    question = compose(CODED, REWORDED, MethodSettings(rationale=True))
    assert question.system == CODED_SYSTEM
    assert question.user == CODED_USER
    assert question.asked == ("expression", "valence", "au15")
    assert question.schema == answer_schema(question.asked, "standard", rationale=True)


def test_without_knowledge_only_its_block_is_gone():
    question = compose(HAPPY, PLAIN, BARE)
    assert question.user == HAPPY_FACTS + HAPPY_KEYS
    assert question.version == f"{PROMPT_VERSION}-bare"
    told = compose(HAPPY, PLAIN, SETTINGS)
    assert (question.system, question.schema, question.asked) == (told.system, told.schema, told.asked)


def test_a_known_point_rules_out_expressions():
    lines = compose(Labels(valence=0.5, arousal=0.2), PLAIN, SETTINGS).user.splitlines()
    assert "valence and arousal as given rule out neutral, sadness, fear, disgust, contempt" in lines


def test_knowledge_of_what_is_not_asked_is_not_told():
    lines = compose(Labels("happiness", 0.5, 0.5, all_aus_but(9)), PLAIN, SETTINGS).user.splitlines()
    assert [line for line in lines if line.startswith("happiness")] == ["happiness: AU9 not expected"]


def test_neutral_is_told_by_intensity_and_region():
    lines = compose(Labels("neutral"), PLAIN, SETTINGS).user.splitlines()
    assert [line for line in lines if line.startswith("neutral")] == [
        "neutral: any action unit of marked intensity (C or more) contradicts it",
        "neutral: distance from (0, 0) < 0.2",
    ]


def test_a_pair_is_told_only_where_both_may_be_active():
    def pairs(known):
        return [line for line in compose(known, PLAIN, SETTINGS).user.splitlines() if " and AU" in line]

    hard = "AU24 and AU25 exclude each other"
    assert pairs(Labels(aus=all_aus_but(24, 25))) == [hard]
    assert pairs(Labels(aus=all_aus_but(24, active=(25,)))) == [hard]
    assert pairs(Labels(aus=all_aus_but(24))) == []
    assert pairs(Labels(aus=all_aus_but(active=(24, 25)))) == []


def test_reversed_order_reverses_the_options_and_nothing_else():
    known = Labels(valence=0.5, aus=all_aus_but(1, 2, 4))
    plain, turned = compose(known, PLAIN, BARE), compose(known, REVERSED, BARE)
    words, aus = ", ".join(EXPRESSIONS), "1 (raise inner eyebrow), 2 (raise outer eyebrow), 4 (lower brow)"
    words_turned = ", ".join(reversed(EXPRESSIONS))
    aus_turned = "4 (lower brow), 2 (raise outer eyebrow), 1 (raise inner eyebrow)"
    assert turned.user == plain.user.replace(words, words_turned).replace(aus, aus_turned) != plain.user
    assert turned.system == plain.system
    assert turned.schema == answer_schema(turned.asked, "reversed", rationale=False)


def test_arms_that_turn_only_the_picture_ask_in_the_same_words():
    asked = {name: compose(HAPPY, ARMS[name], SETTINGS) for name in ("plain", "mirrored", "grey", "padded")}
    assert {(question.system, question.user) for question in asked.values()} == {
        (asked["plain"].system, asked["plain"].user)
    }


def test_values_are_told_rounded_and_without_a_negative_zero():
    lines = compose(Labels(valence=-0.001, arousal=0.07936), PLAIN, BARE).user.splitlines()
    assert [line for line in lines if line.startswith("- ")] == ["- valence: 0", "- arousal: 0.08"]


def test_a_face_of_which_nothing_is_known_is_asked_shortly():
    question = compose(Labels(), PLAIN, BARE)
    assert question.asked == FIELDS
    assert "Known" not in question.user
    assert len((question.system + " " + question.user).split()) < 200  # about 300 tokens


def test_nothing_to_ask_is_an_error():
    with pytest.raises(ValueError, match="nothing to ask"):
        compose(Labels("fear", -0.5, 0.5, all_aus_but()), PLAIN, SETTINGS)


_ANCHORS = st.builds(
    Labels,
    expression=st.none() | st.sampled_from(EXPRESSIONS),
    valence=st.none() | st.floats(-1, 1),
    arousal=st.none(),
    aus=st.dictionaries(st.sampled_from(AUS), st.booleans()),
)


@given(_ANCHORS, st.sampled_from(sorted(ARMS)), st.booleans())
def test_an_anchor_is_told_once_and_never_asked(known, arm, knowledge):
    question = compose(known, ARMS[arm], MethodSettings(knowledge=knowledge))
    assert set(question.asked) == set(FIELDS) - set(known.known())
    keys = [line.split('"')[1] for line in question.user.splitlines() if line.startswith('"')]
    assert keys == list(question.schema["properties"])
    assert ("expression" in keys) == (known.expression is None)
    asked_aus = question.schema["properties"].get("active_aus", {"items": {"enum": []}})["items"]["enum"]
    assert set(asked_aus) == set(AUS) - set(known.aus)
    assert sum(line.startswith("- ") for line in question.user.splitlines()) == len(known.known())


@given(_ANCHORS, st.sampled_from(sorted(ARMS)))
def test_the_same_face_and_arm_give_the_same_bytes(known, arm):
    shuffled = Labels(known.expression, known.valence, known.arousal, dict(reversed(known.aus.items())))
    first, second = (compose(labels, ARMS[arm], SETTINGS) for labels in (known, shuffled))
    assert json.dumps(asdict(first)) == json.dumps(asdict(second))
