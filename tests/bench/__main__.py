"""`make bench`: how long golden takes, beside the tools that it replaces, measured in one run.

Both begin from the same bootstrapped Debian base and make the same edits; both get an appliance of
the same memory and processors. The other tools keep nothing between runs, so that after any edit,
or none, they do everything again.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from builder import process
from builder.appliance import accelerator, state
from builder.appliance.handle import MEMORY, ApplianceSettings
from builder.appliance.saved import SavedStates
from builder.appliance.start import boot, record_argv, restore, start
from builder.events import silent
from builder.layers import LayerCache
from builder.layers.work import work_folder
from builder.paths import Output
from builder.pipeline import prepare_base
from builder.pipeline.journal import BuildJournal
from builder.pipeline.run import BuildRun
from builder.pipeline.session import BuildSession
from builder.plan import make_plan
from builder.recipe import load
from tests.bench import nights, nodes, prune

PROJECT = Path(__file__).parents[2]
RECIPE = PROJECT / "recipes/debian-12.yaml"
GOLDEN = Path(sys.executable).with_name("golden")
QEMU = process.find_tool("qemu-system-x86_64", package="qemu-system-x86")
STARTS = 3

SOURCE = """\
Types: deb
URIs: {mirror}
Suites: bookworm-backports
Components: main
Signed-By: /etc/apt/keyrings/backports.asc
"""

INTERFACE = "allow-hotplug eth0\niface eth0 inet dhcp\n"

GROW = """\
[Unit]
Description=Grow the root file system
[Service]
Type=oneshot
ExecStart=/bin/sh -c "growpart /dev/vda 1; resize2fs /dev/vda1"
[Install]
WantedBy=multi-user.target
"""

GRUB = (
    'GRUB_CMDLINE_LINUX="net.ifnames=0 biosdevname=0 console=tty0 console=ttyS0,115200n8"\\n'
    'GRUB_CMDLINE_LINUX_DEFAULT=\\nGRUB_DISABLE_LINUX_UUID=true\\nGRUB_TERMINAL="console serial"\\n'
    'GRUB_SERIAL_COMMAND="serial --speed=115200"\\n'
)


def seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="golden-bench-", dir=os.environ.get("GOLDEN_BENCH_FOLDER")) as folder:
        output = Output(Path(folder) / "output")
        base = make_base(output)
        cold, warm = appliance_starts(output)
        whole, late, unchanged = golden_builds(output, Path(folder))
        others = other_tools(base, output, Path(folder))
        cloned = nodes.measure(output, Path(folder))
        nightly = nights.measure(output, Path(folder) / RECIPE.name)
        pruned = prune.measure(Path(folder) / "prune")
    peer = sum(others.values())
    print(f"\naccelerator: {accelerator.probe(QEMU).kind}; {os.cpu_count()} processors\n")
    print(f"appliance start, cold      {cold:8.2f} s")
    print(f"appliance start, restored  {warm:8.2f} s   {warm / cold:6.3f} of cold (aim 0.1)\n")
    for name, took in others.items():
        print(f"{name:<26} {took:8.2f} s")
    print(f"{'all four':<26} {peer:8.2f} s\n")
    for name, took, aim in (("whole build", whole, 0.5), ("late edit", late, 0.15), ("unchanged", unchanged, 0.02)):
        print(f"golden, {name:<18} {took:8.2f} s   {took / peer:6.3f} of all four (aim {aim})")
    print("\n" + "\n".join(cloned))
    print("\n" + nightly)
    print("\n" + "\n".join(pruned))


def make_base(output: Output) -> Path:
    print("bootstrapping the base …", flush=True)
    plan = make_plan(load(RECIPE), output)
    with (
        work_folder(output) as work,
        BuildSession(ApplianceSettings(output.appliance), work, LayerCache(output.layers), silent) as session,
    ):
        return prepare_base(BuildRun(plan, output, session, BuildJournal(silent))).disk


def appliance_starts(output: Output) -> tuple[float, float]:
    """Median seconds of a cold and of a restored start of the same machine."""
    print("starting appliances …", flush=True)
    settings, kind = ApplianceSettings(output.appliance), accelerator.probe(QEMU).kind
    with start(settings, silent):  # saves it, the first time
        pass
    saved = SavedStates(output.appliance).state(state.key(QEMU, record_argv(settings, QEMU, kind), kind))
    times: dict[str, list[float]] = {"cold": [], "warm": []}
    for _ in range(STARTS):
        begun = time.monotonic()
        with boot(settings, QEMU, kind):
            times["cold"].append(time.monotonic() - begun)
        begun = time.monotonic()
        with restore(settings, QEMU, kind, saved):
            times["warm"].append(time.monotonic() - begun)
    return statistics.median(times["cold"]), statistics.median(times["warm"])


def golden_builds(output: Output, folder: Path) -> tuple[float, float, float]:
    """Seconds of a build without layers, after an edit of the last step, and with nothing changed."""
    print("building with golden …", flush=True)
    recipe = folder / RECIPE.name
    shutil.copytree(RECIPE.parent / "files", folder / "files")
    shutil.copy(RECIPE, recipe)

    def build() -> None:
        subprocess.run(
            [str(GOLDEN), "build", str(recipe), "--output", str(output.root)], check=True, stdout=subprocess.DEVNULL
        )

    whole = seconds(build)
    recipe.write_text(recipe.read_text().replace("golden template", "very best template"))
    return whole, seconds(build), seconds(build)


def other_tools(base: Path, output: Output, folder: Path) -> dict[str, float]:
    """Seconds of each of the other tools on a copy of the same base, with the recipe's edits."""
    print("the same with virt-customize, virt-sysprep, virt-sparsify and qemu-img …", flush=True)
    disk = folder / "peer.qcow2"
    overlay = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(disk)]
    subprocess.run(overlay, check=True)
    processors = str(min(os.cpu_count() or 1, 4))
    commands = {
        "virt-customize": ["virt-customize", "-a", str(disk), "--memsize", str(MEMORY), "--smp", processors, *edits()],
        "virt-sysprep": ["virt-sysprep", "-a", str(disk)],
        "virt-sparsify --in-place": ["virt-sparsify", "--in-place", str(disk)],
        "qemu-img convert": ["qemu-img", "convert", "-O", "qcow2", str(disk), str(folder / "peer-flat.qcow2")],
    }
    # Left alone, libguestfs would pick a KVM that is there but broken, and crash.
    env = dict(os.environ)
    if accelerator.probe(QEMU).kind == "tcg":
        env["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    times = {}
    for name, command in commands.items():
        log = folder / f"{name.partition(' ')[0]}.log"
        begun = time.monotonic()
        with log.open("wb") as file:
            done = subprocess.run(command, env=env, stdout=file, stderr=file, check=False)
        times[name] = time.monotonic() - begun
        if done.returncode != 0:
            sys.exit(f"{name} failed:\n{log.read_text(errors='replace')[-2000:]}")
    return times


def edits() -> list[str]:
    """The shipped recipe's steps as options of virt-customize, with one run of update-grub for all."""
    recipe = load(RECIPE)
    sources = recipe.base.bootstrap.sources  # type: ignore[attr-defined]
    key = RECIPE.parent / "files/debian-archive-bookworm.asc"
    return [
        *("--uninstall", "tasksel,tasksel-data,dmidecode,nano"),
        *("--mkdir", "/etc/apt/keyrings", "--upload", f"{key}:/etc/apt/keyrings/backports.asc"),
        *("--write", f"/etc/apt/sources.list.d/backports.sources:{SOURCE.format(mirror=sources[0].uri)}"),
        "--update",
        *("--install", "less,rsync"),
        *("--write", "/etc/default/locale:LANG=C.UTF-8\n"),
        *("--run-command", "ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime"),
        *("--run-command", "sed -i 's,^UUID=[^ ]*,/dev/vda1,' /etc/fstab"),
        *("--run-command", f"printf '{GRUB}' >> /etc/default/grub && update-grub"),
        *("--run-command", "systemctl enable serial-getty@ttyS0.service"),
        *("--write", f"/etc/network/interfaces.d/eth0:{INTERFACE}"),
        *("--write", f"/etc/systemd/system/grow.service:{GROW}"),
        *("--run-command", "systemctl enable grow.service ssh.service"),
        *("--run-command", "systemctl disable apt-daily.timer apt-daily-upgrade.timer"),
        *("--write", "/etc/motd:A node made by hand.\n"),
    ]


if __name__ == "__main__":
    main()
