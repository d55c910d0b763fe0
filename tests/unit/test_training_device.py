"""Devices and number formats: chosen, or refused in words."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from alexnet_lib.training import device


def test_auto_prefers_cuda_then_mps_then_cpu(monkeypatch):
    for there, expected in (({"cuda", "mps"}, "cuda"), ({"mps"}, "mps"), (set(), "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda t=there: "cuda" in t)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda t=there: "mps" in t)
        assert device.pick_device().type == expected


def test_absent_device_is_refused_with_those_that_are_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"device is 'cuda', but torch .* finds only cpu"):
        device.pick_device("cuda")


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="device is 'gpu'; expected one of auto"):
        device.pick_device("gpu")
    with pytest.raises(ValueError, match="precision is 'half'"):
        device.pick_precision(torch.device("cpu"), "half")


def test_precision_by_name_is_obeyed():
    cpu = torch.device("cpu")
    assert device.pick_precision(cpu, "float32") is torch.float32
    assert device.pick_precision(cpu, "bfloat16") is torch.bfloat16


@pytest.mark.parametrize(("lower_s", "expected"), [(0.5, torch.bfloat16), (0.95, torch.float32)])
def test_auto_takes_bfloat16_only_where_a_trial_shows_it_faster(monkeypatch, lower_s, expected):
    device._bfloat16_pays.cache_clear()
    times = {torch.bfloat16: lower_s, torch.float32: 1.0}
    monkeypatch.setattr(device, "_trial_s", times.__getitem__)
    threads = torch.get_num_threads()
    assert device.pick_precision(torch.device("cpu")) is expected
    assert torch.get_num_threads() == threads
    device._bfloat16_pays.cache_clear()


def test_mps_keeps_float32():
    assert device.pick_precision(torch.device("mps")) is torch.float32


def test_description_names_the_threads():
    assert f"{torch.get_num_threads()} thread" in device.describe_device(torch.device("cpu"))


def test_random_numbers_come_back_whatever_happens_to_them():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with pytest.raises(KeyboardInterrupt), device.kept_randomness():
        torch.manual_seed(99)
        raise KeyboardInterrupt
    assert torch.equal(torch.rand(2), expected)


_STEPS = """
import resource, torch
from alexnet_lib.training.device import keep_memory
print(keep_memory())
x = torch.ones(64, 24, 28, 28)  # 5 MB, as maps of a small network are

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        (x * 2).relu().sum()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


def _run_steps(**environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC", "GLIBC", "THP"))}
    done = subprocess.run(
        [sys.executable, "-c", _STEPS],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    said, faults = done.stdout.split()
    return said == "True", int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is of the GNU C library")
def test_a_step_gets_the_memory_of_the_step_before():
    assert device.keep_memory.__wrapped__()
    was_set, faults = _run_steps()
    assert was_set and faults < 1000  # of 4 kB: 4 MB for 20 steps that use 200 MB
    was_set, _ = _run_steps(MALLOC_MMAP_THRESHOLD_="131072")
    assert not was_set  # the user's own setting stands
