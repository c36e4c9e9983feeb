import polars as pl

from seke_pipeline.sources.split import follow_person, hashed_split


def test_the_hash_is_the_same_on_every_machine_and_in_every_release():
    """A change of these sides would move people from FEID to FEAB: it must never pass unseen."""
    subjects = [f"S{n:03}" for n in range(1, 41)]
    sides = hashed_split(pl.Series(subjects))
    assert [subject for subject, side in zip(subjects, sides, strict=True) if side == "test"] == ["S010", "S012"]


def test_a_tenth_goes_to_test():
    sides = hashed_split(pl.Series([f"img_{n}.jpg" for n in range(20_000)]))
    assert 0.095 < (sides == "test").mean() < 0.105


def test_new_images_go_where_their_person_is():
    known = pl.DataFrame(
        {
            "source": ["a", "a", "a", "a", "b"],
            "subject": ["anna", "ben", "ben", None, "carl"],
            "split": ["test", "test", "train", "test", "test"],
        }
    )
    new = pl.DataFrame(
        {
            "path": ["1", "2", "3", "4", "5"],
            "source": ["a", "a", "a", "a", "b"],
            "subject": ["anna", "ben", None, "carl", "anna"],
            "split": ["train"] * 5,
        }
    )
    moved = follow_person(new, known)
    assert moved.columns == new.columns
    assert moved["split"].to_list() == ["test", "train", "train", "train", "train"]
