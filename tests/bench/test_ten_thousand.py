"""The measurement of a large class: its arithmetic, its page, and a small one for real."""

import json

import pytest

from bench import ten_thousand

RECORD = json.loads(ten_thousand.DATA.with_suffix(".json").read_text())


def test_workers_share_their_cost_until_the_coordinator_is_the_slowest():
    few = ten_thousand.duration(2, workers=0.06, scheduler=0.001, coordinator=0.006)
    assert few["minutes_for_10,000"] == 10_000 * 0.03 / 60 and few["limited_by"] == "the workers"
    many = ten_thousand.duration(50, workers=0.06, scheduler=0.001, coordinator=0.006)
    assert many["minutes_for_10,000"] == 1.0 and many["limited_by"] == "the coordinator"


def test_the_handbooks_table_is_that_of_the_record():
    assert ten_thousand.DATA.with_suffix(".md").read_text() == ten_thousand.page(RECORD)


def test_the_records_times_follow_from_its_costs():
    costs = {r["part"]: r["CPU_ms_a_submission"] / 1000 for r in RECORD["rows"] if "part" in r}
    times = [row for row in RECORD["rows"] if "cores_of_workers" in row]
    assert times == [ten_thousand.duration(row["cores_of_workers"], **costs) for row in times]
    assert [row["cores_of_workers"] for row in times] == list(ten_thousand.CLUSTERS)


@pytest.mark.slow
@pytest.mark.full
def test_a_small_class_is_graded_and_counted():
    graded, *rest = ten_thousand.rows(quick=True)
    assert graded["submissions_graded"] == graded["of"] == 60
    assert graded["marks_written"] == 60 * 6
    costs = {row["part"]: row["CPU_ms_a_submission"] for row in rest if "part" in row}
    assert costs["workers"] > costs["coordinator"] > 0 and costs["scheduler"] > 0
