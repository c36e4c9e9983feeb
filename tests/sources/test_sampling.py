import polars as pl

from seke_pipeline.sources.sampling import sample


def frames(rows, **more):
    return pl.DataFrame(rows, schema=["video", "frame", "au01"], orient="row").with_columns(**more)


def kept(table, every):
    return sample(table, every, ["video"]).select("video", "frame").rows()


def test_every_nth_frame_and_every_change():
    rows = [("a", frame, 3 <= frame < 5) for frame in range(12)]
    # the frames of every 5th alone, the naive reading: 0, 5, 10
    assert kept(frames(rows), 5) == [("a", 0), ("a", 3), ("a", 5), ("a", 10)]


def test_each_video_counts_from_its_own_first_frame_by_number():
    rows = [
        ("a", 2440, True),
        ("a", 2443, True),
        ("a", 2450, True),
        ("b", 7, False),
        ("b", 17, False),
        ("b", 18, False),
    ]
    assert kept(frames(rows), 10) == [("a", 2440), ("a", 2450), ("b", 7), ("b", 17)]


def test_the_last_frame_of_one_video_is_no_change_of_the_next():
    rows = [("a", 0, True), ("a", 1, True), ("b", 0, False), ("b", 1, False)]
    assert kept(frames(rows), 10) == [("a", 0), ("b", 0)]


def test_unknown_is_no_change_but_the_other_value_after_it_is():
    rows = [("a", 0, True), ("a", 1, None), ("a", 2, True), ("a", 3, None), ("a", 4, False), ("a", 5, False)]
    assert kept(frames(rows), 10) == [("a", 0), ("a", 4)]


def test_frames_that_stand_out_of_order_are_compared_in_order():
    rows = [("a", 3, True), ("a", 1, False), ("a", 2, False), ("a", 0, False)]
    assert kept(frames(rows), 10) == [("a", 3), ("a", 0)]


def test_one_keeps_all_and_without_action_units_the_number_alone_counts():
    rows = frames([("a", frame, True) for frame in range(4)])
    assert sample(rows, 1, ["video"]).equals(rows)
    assert kept(rows.drop("au01"), 3) == [("a", 0), ("a", 3)]
