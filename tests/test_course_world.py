"""The generated world: same seed, same text; answers are in the text; what is held out stays out."""

import json
from random import Random

import pytest

from course.world import arithmetic, dialogue, instructions, passages, stories, tools, words
from course.world.document import Document
from course.world.relations import RELATIONS

WRITERS = {
    "recall": passages.recall,
    "echo": passages.echo,
    "retold": passages.retold,
    "story": stories.plain_story,
    "story with questions": stories.story_with_questions,
    "sums": arithmetic.sums,
    "passage chat": dialogue.ask_about_passage,
    "story chat": dialogue.ask_about_story,
    "story on request": dialogue.ask_for_story,
    "instruction": instructions.instruction,
    "tool": tools.tool_dialogue,
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_same_seed_same_text(writer):
    first, second = ([writer(rng) for _ in range(20)] for rng in (Random(3), Random(3)))
    assert first == second
    assert len({document.text for document in first}) > 10


def test_spans_of_the_same_sort_are_joined():
    document = Document("any").add("a.").add("\nb").add(" c", answer=True)
    assert document.spans == [("a.\nb", False), (" c", True)]
    assert document.text == "a.\nb c"


def test_lists_of_words_hold_no_word_twice():
    lists = [words.PEOPLE, words.PLACES, words.THINGS, words.JOBS, words.FOODS, words.PETS, words.COLOURS]
    for entries in lists:
        assert len(set(entries)) == len(entries)
    assert not set(words.PEOPLE) & set(words.TOWNS)


def test_every_answer_about_a_passage_can_be_read_in_it():
    rng = Random(5)
    for _ in range(300):
        facts = passages.draw_facts(rng, 3, 3)
        text = " ".join(passages.state(rng, fact) for fact in facts)
        for _ in range(4):
            question, short, sentence = passages.ask(rng, facts)
            assert question.endswith(("?", "."))
            if short == passages.UNKNOWN:
                assert sentence == "The text does not say."
            else:
                assert short in text
                assert short in sentence


def test_a_question_has_one_right_answer():
    rng = Random(7)
    for _ in range(300):
        facts = passages.draw_facts(rng, 4, 3)
        assert len({(f.person, f.relation.name) for f in facts}) == len(facts)
        assert len({(f.value, f.relation.name) for f in facts}) == len(facts)


def test_held_out_wordings_are_never_written():
    rng = Random(11)
    held_out = [wording for r in RELATIONS for group in (r.statements, r.questions) for wording in group[-1:]]
    fixed = [max(wording.replace("{x}", "{p}").split("{p}"), key=len).strip() for wording in held_out]
    text = "\n".join(passages.recall(rng).text for _ in range(3000))
    for piece in (piece for piece in fixed if len(piece) > 18):
        assert piece not in text, f"The held-out wording with {piece!r} was written."


def test_a_story_holds_the_answers_to_its_questions():
    rng = Random(13)
    for _ in range(300):
        story = stories.draw_story(rng)
        assert 5 <= len(story.sentences) <= 8
        assert "{" not in story.text
        for _, short, _ in story.asked:
            assert short in story.text


def test_one_pair_of_summands_in_ten_is_held_out():
    kept = sum(arithmetic.is_held_out(a, b) for a in range(100) for b in range(100))
    assert kept == pytest.approx(1000, rel=0.02)
    rng = Random(17)
    for _ in range(500):
        a, operator, b, result = arithmetic.draw_sum(rng)
        assert result == (a + b if operator == "+" else a - b)
        assert operator == "-" or not arithmetic.is_held_out(a, b)


def test_a_tool_call_is_json_that_names_a_tool_on_offer():
    rng = Random(19)
    for _ in range(300):
        system, request, tool, arguments = tools.draw_request(rng)
        message = tools.call(tool.name, arguments)
        said = json.loads(message.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>"))
        assert said == {"name": tool.name, "arguments": arguments}
        offered = [json.loads(line)["name"] for line in system.splitlines()[1:]]
        assert tool.name in offered
        assert all(str(value) in request for value in arguments.values())
        assert set(arguments) == set(tool.parameters)


def test_retold_facts_repeat_the_first_telling():
    rng = Random(23)
    for _ in range(100):
        lines = passages.retold(rng).text.strip().split("\n")
        tellings = {tuple(sorted(line.rstrip(".").split(". "))) for line in lines}
        assert len(tellings) == 1
