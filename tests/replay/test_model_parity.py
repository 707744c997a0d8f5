"""`sluice model eval` on two small labelled sets beside the reference's figures, measured with scikit-learn
(10 seeds; tests/bench/model.py measures both anew in one run). Skipped where the sets are not there."""
import json
import pathlib
import statistics
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data/anomaly"
SEEDS = 5


@pytest.mark.parametrize("name,auc,ap", [("mammography", 0.8615, 0.221), ("annthyroid", 0.8184, 0.304)])
def test_forest_is_as_good_as_the_reference(name, auc, ap):
    path = DATA / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip("no labelled sets beside the checkout")
    answers = [json.loads(subprocess.run([ROOT / "build/sluice", "model", "eval", path, "--seed", str(seed)],
                                         check=True, capture_output=True, text=True).stdout)
               for seed in range(SEEDS)]
    # facts of the sets: at most max(0.01, sd) of AUC and max(0.02, sd) of AP below the reference
    assert statistics.mean(a["auc"] for a in answers) >= auc - (0.016 if name == "annthyroid" else 0.01)
    assert statistics.mean(a["ap"] for a in answers) >= ap - 0.02
    assert all(a["model_bytes"] <= 320 * 1024 for a in answers)
