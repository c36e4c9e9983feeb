"""The rules as asset checks: one per file, on its asset, over the run's partition."""

import shutil
from pathlib import Path

import dagster as dg
import polars as pl

from seke_pipeline.checks import build_checks, evaluate
from seke_pipeline.emotion.tables import VERDICTS
from seke_pipeline.resources.places import CHECKS
from seke_pipeline.storage.lake import Lake
from seke_pipeline.storage.manifest import Recipe
from seke_pipeline.storage.rules import read_rules
from tests.conftest import House

RULES = {rule.name: rule for rule in read_rules(CHECKS)}
RULE = RULES["verdicts_all_fields_present"]


def spoilt(house: House, folder: Path) -> Lake:
    """A copy of the house's lake in which one shard's verdicts lost a field."""
    shutil.copytree(house.settings.lake, folder / "lake")
    lake = Lake(folder / "lake")
    whole = lake.read(VERDICTS, ["rafdb-train-00000"])
    lake.write(VERDICTS, "rafdb-train-00000", whole.filter(pl.col("field") != "au12"), Recipe("spoilt"))
    return lake


def test_every_rule_is_a_check_of_its_asset_by_its_name() -> None:
    specs = [spec for checks in build_checks(CHECKS) for spec in checks.check_specs]

    assert len(specs) == len(list(CHECKS.glob("*.sql"))) >= 10
    assert {(spec.name, spec.asset_key.to_user_string()) for spec in specs} == {
        (rule.name, rule.asset) for rule in RULES.values()
    }
    assert {spec.name for spec in specs if spec.blocking} == {rule.name for rule in RULES.values() if rule.blocking}
    assert all(spec.partitions_def for spec in specs)


def test_all_rules_hold_on_the_demo_and_were_run_for_every_partition(house: House) -> None:
    for checks in build_checks(CHECKS):
        for spec in checks.check_specs:
            summary = house.instance.event_log_storage.get_latest_asset_check_execution_by_key([spec.key])
            event = summary[spec.key].event
            assert event is not None
            assert event.dagster_event is not None
            evaluation = event.dagster_event.asset_check_evaluation_data
            assert evaluation.passed or evaluation.severity == dg.AssetCheckSeverity.WARN
            assert evaluation.partition is not None


def test_an_offence_fails_the_check_of_its_partition_and_of_no_other(house: House, tmp_path: Path) -> None:
    lake = spoilt(house, tmp_path)
    failed = evaluate(RULE, "verdicts", lake, ["rafdb-train-00000"])
    sound = evaluate(RULE, "verdicts", lake, ["rafdb-train-00001"])
    everywhere = evaluate(RULE, "verdicts", lake, [])

    assert (failed.passed, sound.passed, everywhere.passed) == (False, True, False)
    assert failed.metadata["offenders"].value == everywhere.metadata["offenders"].value > 0
    first = failed.metadata["first_offenders"]
    assert isinstance(first, dg.TableMetadataValue)
    assert len(first.records) <= 20
    assert {"face_id"} <= set(first.records[0].data)
    assert failed.severity == dg.AssetCheckSeverity.ERROR


def test_a_blocking_offence_stops_what_follows(house: House, tmp_path: Path) -> None:
    """Nothing is built from a shard that broke a blocking rule."""
    lake = spoilt(house, tmp_path)

    @dg.asset(name="verdicts", partitions_def=dg.StaticPartitionsDefinition(["rafdb-train-00000"]))
    def stands_already() -> None:
        """The spoilt shard, as it lies there."""

    @dg.asset(deps=[stands_already], partitions_def=dg.StaticPartitionsDefinition(["rafdb-train-00000"]))
    def downstream() -> None:
        raise AssertionError("built from a shard that broke a blocking rule")

    @dg.asset_check(asset="verdicts", blocking=True)
    def rule() -> dg.AssetCheckResult:
        result = evaluate(RULE, "verdicts", lake, ["rafdb-train-00000"])
        return dg.AssetCheckResult(passed=result.passed, severity=result.severity)

    run = dg.materialize(
        [stands_already, downstream, rule], partition_key="rafdb-train-00000", raise_on_error=False
    )  # fmt: skip
    assert not run.success
    assert not [
        event for event in run.get_asset_materialization_events() if event.asset_key == dg.AssetKey("downstream")
    ]
