"""An appliance that is a name space of the host, with folders for disks."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from builder.appliance.appliance import Appliance, Disk, StartMethod

UUID = "11111111-2222-3333-4444-555555555555"
"""The file system's, of every guest."""

PORT = "/dev/golden-output-port"
DAEMON = Path(__file__).with_name("daemon.py")

# Its own root: the host's programs to read, and for the rest memory that goes with it. Nothing that
# runs in it can change a file of the host's.
ENTER = """\
set -e
root=$1 trees=$2 python=$3 daemon=$4 output=$5
mount --make-rprivate /
mount -t tmpfs -o mode=755 none "$root"
cd "$root"
mkdir usr etc proc sys dev dev/pts run tmp var root sysroot trees disks host
for name in bin sbin lib lib32 lib64 libx32; do
    if [ -L /$name ]; then cp -P /$name .; elif [ -d /$name ]; then mkdir $name; mount --bind -o ro /$name $name; fi
done
for name in usr etc sys; do mount --bind /$name $name; mount -o remount,bind,ro $name; done
mount --bind "$trees" trees
mount -o remount,bind,ro trees
mount -t proc proc proc
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
chmod 1777 tmp
pivot_root . host
umount -l /host
rmdir /host
# The shell stays process 1, which has to take in what commands leave behind.
"$python" -I -c "$daemon" "$output"
exit $?
"""


class FolderAppliance(Appliance):
    """Disks are folders below `trees`, never written to; what is changed is kept in memory until they are unplugged."""

    start_method: StartMethod = "plain"
    keeps_mounts = False

    def __init__(self, trees: Path, scratch: Path) -> None:
        """`scratch` is an empty folder."""
        python = Path(sys.base_prefix, "bin/python3")  # a virtual environment is not in there
        command = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        (scratch / "root").mkdir()
        self._output = scratch / "output"
        with self._output.open("wb") as output:
            words = [str(scratch / "root"), str(trees), str(python), DAEMON.read_text(), str(output.fileno())]
            self._process = subprocess.Popen(
                [*command, "sh", "-c", ENTER, "sh", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[output.fileno()],
            )
        self._handle = FolderHandle(self._process)
        self._numbers = itertools.count(1)
        self._plugged: set[str] = set()
        self.pid = self._process.pid

    @property
    def handle(self) -> Any:
        return self._handle

    def plug(self, disk: Disk) -> str:
        """`disk.file` is a tree's name; names with a colon between are trees on top of each other."""
        device = next(name for name in ("/dev/vda", "/dev/vdb") if name not in self._plugged)
        self._handle.plug(device, next(self._numbers), str(disk.file).split(":"))
        self._plugged.add(device)
        return device

    def unplug(self, device: str) -> None:
        self._handle.unplug(device)
        self._plugged.remove(device)

    def checkpoint(self, device: str, overlay: Disk) -> None:
        raise NotImplementedError("folders have no layers")

    @property
    def output_port(self) -> str:
        return PORT

    @property
    def output_file(self) -> Path:
        return self._output


class FolderHandle:
    """Stands in for libguestfs's handle: every call goes to the daemon, and RuntimeError is raised as there."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self._call(name, *arguments)

    def _call(self, name: str, *arguments: Any) -> Any:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests
        assert answers
        try:
            pickle.dump((name, arguments), requests)
            requests.flush()
            done, result = pickle.load(answers)
        except (OSError, EOFError) as error:
            self._process.wait()
            raise RuntimeError(f"{name}: the appliance is gone") from error
        if done:
            return result
        raise result if isinstance(result, UnicodeError) else RuntimeError(result)

    def upload(self, source: str, path: str) -> None:
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise RuntimeError(f"upload: {source}: {error.strerror}") from error
        self._call("upload", path, content)

    def tar_in(self, source: str, folder: str) -> None:
        self._call("tar_in", Path(source).read_bytes(), folder)

    def debug_upload(self, source: str, path: str, mode: int) -> None:
        self._call("debug_upload", path, Path(source).read_bytes(), mode)

    def vg_activate(self, on: bool, groups: list[str]) -> None:
        raise RuntimeError("vg_activate: folders have no volume groups")

    def vfs_type(self, device: str) -> str:
        return "ext4"

    def list_partitions(self) -> list[str]:
        return ["/dev/vda1"]

    def blkid(self, device: str) -> dict[str, str]:
        return {"UUID": UUID, "PART_ENTRY_UUID": "99999999-01"}

    def is_ready(self) -> bool:
        return self._process.poll() is None

    def shutdown(self) -> None:
        """Nothing is to be written anywhere."""

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            stream.close()
        self._process.wait()
