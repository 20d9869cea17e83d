"""The known name that a misspelt one may mean."""

from engine.nearest import ask_nearest, find_nearest


def test_the_name_with_most_letters_in_common_is_found() -> None:
    assert find_nearest("oportunity", ["lead", "opportunity", "account"]) == "opportunity"
    assert find_nearest("zzz", ["lead", "opportunity"]) is None
    assert find_nearest("leads", ["lead"], likeness=0.95) is None


def test_a_question_shows_the_name_as_it_is_known() -> None:
    assert ask_nearest("old leds", ["Old leads"], folds=True) == '; did you mean "Old leads"?'
    assert ask_nearest("OLD LEADS", ["old leads"]) == ""
    assert ask_nearest("begin-with", ["begins-with"], quotes="“”") == (
        "; did you mean “begins-with”?"
    )
    assert ask_nearest("zzz", ["lead"]) == ""
