"""Fixtures of the whole-system tests: a lab of two hosts and a service on the first."""
import os
import pathlib

import pytest

import lab as labs


@pytest.fixture(scope="session", autouse=True)
def can_run():
    """Root, BPF and the built program, or the whole folder is skipped by name."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces and BPF need root")
    if not pathlib.Path("/sys/fs/bpf").is_dir():
        pytest.skip("this kernel has no BPF file system")
    if not pathlib.Path(labs.SLUICE).exists():
        pytest.fail("build/sluice is missing: make")


@pytest.fixture
def lab():
    """Two hosts."""
    made = labs.Lab()
    yield made
    made.close()


@pytest.fixture
def service(lab):
    """sluice on the first host's end of the pair."""
    made = labs.Service(lab)
    try:
        made.start()
        yield made
    finally:
        made.close()
