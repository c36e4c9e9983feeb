import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from seke_pipeline.emotion.tables import IMAGES
from seke_pipeline.sources import deal
from seke_pipeline.sources.rows import complete


def scanned(rows, source="raf"):
    """Rows of (path, split, expression) as `scan` gives them."""
    frame = pl.DataFrame(rows, schema=["path", "split", "expression"], orient="row")
    return complete(frame.with_columns(edition=pl.lit("basic")), source=source, licence="none", split="auto")


def what(frame, *columns):
    return frame.select("shard", "path", *columns).rows()


def test_the_first_deal_fills_shards_in_the_order_of_the_paths():
    rows = [(f"{n}.jpg", "test" if n == 3 else "train", "fear") for n in (5, 3, 1, 4, 2)]
    dealt = deal(scanned(rows), None, 2)
    assert what(dealt, "split", "expression", "reason") == [
        ("raf-test-00000", "3.jpg", "test", "fear", None),
        ("raf-train-00000", "1.jpg", "train", "fear", None),
        ("raf-train-00000", "2.jpg", "train", "fear", None),
        ("raf-train-00001", "4.jpg", "train", "fear", None),
        ("raf-train-00001", "5.jpg", "train", "fear", None),
    ]
    assert dealt.schema == IMAGES.schema
    assert_frame_equal(deal(scanned(rows[::-1]).reverse(), None, 2), dealt)


def test_a_collection_that_grew_keeps_its_shards_and_opens_new_ones():
    first = deal(scanned([("b.jpg", "train", "fear"), ("d.jpg", "train", None)]), None, 3)
    grown = scanned(
        [
            ("a.jpg", "train", "anger"),
            ("b.jpg", "test", "disgust"),
            ("c.jpg", "train", None),
            ("e.jpg", "test", None),
        ]
    )
    assert what(deal(grown, first, 3), "split", "expression", "reason") == [
        ("raf-test-00000", "e.jpg", "test", None, None),
        ("raf-train-00000", "b.jpg", "train", "disgust", None),
        ("raf-train-00000", "d.jpg", "train", None, "missing_file"),
        ("raf-train-00001", "a.jpg", "train", "anger", None),
        ("raf-train-00001", "c.jpg", "train", None, None),
    ]


def test_what_vanished_keeps_its_labels_and_comes_back_to_its_place():
    full = scanned([("a.jpg", "train", "fear"), ("b.jpg", "train", "anger")])
    first = deal(full, None, 10)
    without_a = deal(full.filter(path="b.jpg"), first, 10)
    assert what(without_a, "expression", "reason") == [
        ("raf-train-00000", "a.jpg", "fear", "missing_file"),
        ("raf-train-00000", "b.jpg", "anger", None),
    ]
    assert_frame_equal(deal(full, without_a, 10), first)


def test_sources_count_for_themselves_and_one_that_was_not_scanned_is_left_alone():
    a, b = scanned([("1.jpg", "train", None)], "a"), scanned([("1.jpg", "train", None)], "b")
    both = deal(pl.concat([a, b]), None, 10)
    assert what(both) == [("a-train-00000", "1.jpg"), ("b-train-00000", "1.jpg")]
    grown = scanned([("1.jpg", "train", None), ("2.jpg", "train", None)], "a")
    assert what(deal(grown, both, 10), "reason") == [
        ("a-train-00000", "1.jpg", None),
        ("a-train-00001", "2.jpg", None),
        ("b-train-00000", "1.jpg", None),
    ]


def test_numbers_go_on_after_the_highest_in_use_and_past_five_digits():
    first = deal(scanned([("a.jpg", "train", None)]), None, 1)
    high = first.with_columns(shard=pl.lit("raf-train-99999"))
    grown = scanned([(name, "train", None) for name in ("a.jpg", "b.jpg", "c.jpg")])
    higher = deal(grown, high, 1)
    assert set(what(higher)) == {
        ("raf-train-99999", "a.jpg"),
        ("raf-train-100000", "b.jpg"),
        ("raf-train-100001", "c.jpg"),
    }
    highest = deal(scanned([("d.jpg", "train", None)]), higher, 1)
    assert highest.filter(path="d.jpg")["shard"].to_list() == ["raf-train-100002"]


def test_new_images_of_a_known_person_stay_on_his_side():
    """First the photos came without names: all went to train. Then F004, who hashes to test, is named."""
    first = deal(scanned([("a.jpg", "train", None)]), None, 10)
    named = scanned([("a.jpg", None, None), ("b.jpg", None, None)]).with_columns(
        subject=pl.lit("F004"), split=pl.lit("test", dtype=IMAGES.schema["split"])
    )
    assert what(deal(named, first, 10), "subject", "split") == [
        ("raf-train-00000", "a.jpg", "F004", "train"),
        ("raf-train-00001", "b.jpg", "F004", "train"),
    ]


@pytest.mark.parametrize("shard_size", [0, -1])
def test_a_shard_holds_at_least_one_image(shard_size):
    with pytest.raises(ValueError, match=f"shard_size is {shard_size}"):
        deal(scanned([("a.jpg", "train", None)]), None, shard_size)


PATHS = st.sets(st.integers(0, 60), min_size=1)


@given(first=PATHS, then=PATHS, size=st.integers(1, 7), next_size=st.integers(1, 7))
def test_dealing_in_two_steps_keeps_the_first_assignment(first, then, size, next_size):
    def look(numbers):
        return scanned([(f"{n:02}.jpg", None, None) for n in numbers])

    before = deal(look(first), None, size)
    after = deal(look(then), before, next_size)
    place = ("image_id", "shard", "split")
    old = after.filter(pl.col("image_id").is_in(before["image_id"].implode()))
    new = after.filter(~pl.col("image_id").is_in(before["image_id"].implode()))
    assert set(old.select(place).rows()) == set(before.select(place).rows())
    assert not set(new["shard"]) & set(before["shard"])
    assert set(after["path"]) == {f"{n:02}.jpg" for n in first | then}
    assert set(after.filter(pl.col("reason").is_not_null())["path"]) == {f"{n:02}.jpg" for n in first - then}
    assert after["image_id"].is_unique().all()
    assert all(rows.height <= next_size for _, rows in new.group_by("shard"))
    assert_frame_equal(deal(look(then), after, next_size), after)
