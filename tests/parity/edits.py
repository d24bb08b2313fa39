"""The same edits for virt-customize and for golden, one for each option."""

from __future__ import annotations

from dataclasses import dataclass

OPTIONS = (
    # files
    *("append-line", "chmod", "chown", "copy", "copy-in", "delete", "edit", "link", "mkdir", "move", "scrub"),
    *("tar-in", "touch", "truncate", "truncate-recursive", "upload", "write"),
    # packages
    *("install", "uninstall", "update"),
    # commands
    *("run", "run-command", "firstboot", "firstboot-command", "firstboot-install"),
    # identity
    *("hostname", "timezone", "password", "root-password", "password-crypto", "ssh-inject"),
)
"""Everything that virt-customize can do to a guest, and that a recipe must be able to do.

`selinux-relabel` needs a guest with SELinux; tests/steps/test_selinux_relabel.py tests it.
"""

HOME = "/parity"
"""The parent of the folders in which the options work, one each."""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsHtCZ4o3wPe5i2z9+bnSEJeAlm3EyWGvQIv1SMeMYS me"


@dataclass(frozen=True)
class Edit:
    """One option. In all texts, HERE is its folder in the guest, and HOST the folder of input files on the host.

    before:    a shell script that runs in HERE, in the guest that both start from.
    theirs:    arguments of virt-customize.
    guestfish: for an option newer than virt-customize 1.48, the libguestfs call that it makes.
    ours:      the steps, in YAML.
    paths:     other paths that the option affects, besides its folder.
    """

    option: str
    ours: str
    theirs: tuple[str, ...] = ()
    guestfish: tuple[str, ...] = ()
    before: str = ""
    paths: tuple[str, ...] = ()


EDITS = (
    Edit(
        "append-line",
        before="printf 'one\\n' >whole; printf one >open; : >empty; chmod 640 whole; chown 12:34 whole open",
        theirs=tuple(
            word for name in ("whole", "open", "empty", "none") for word in ("--append-line", f"HERE/{name}:a line: #1")
        ),
        ours="""
        - append-line: {path: HERE/whole, line: "a line: #1"}
        - append-line: {path: HERE/open, line: "a line: #1"}
        - append-line: {path: HERE/empty, line: "a line: #1"}
        - append-line: {path: HERE/none, line: "a line: #1"}
        """,
    ),
    Edit(
        "chmod",
        before="touch file; mkdir folder; ln -s target link; touch target",
        theirs=("--chmod", "0600:HERE/file", "--chmod", "02775:HERE/folder", "--chmod", "04711:HERE/link"),
        ours="""
        - chmod: {path: HERE/file, mode: "0600"}
        - chmod: {path: HERE/folder, mode: "2775"}
        - chmod: {path: HERE/link, mode: "4711"}
        """,
    ),
    Edit(
        "chown",
        before="mkdir folder; touch folder/file target; ln -s target link",
        guestfish=("chown", "12", "34", "HERE/folder", ":", "chown", "12", "34", "HERE/link"),
        ours="""
        - chown: {path: HERE/folder, owner: "12:34"}
        - chown: {path: HERE/link, owner: "12:34"}
        """,
    ),
    Edit(
        "copy",
        before="""
        mkdir -p tree/folder into; echo text >tree/folder/file; chmod 4711 tree/folder/file
        ln -s /nowhere tree/link; chown -h 12:34 tree tree/link; chmod 2750 tree; echo old >old; echo new >new
        """,
        theirs=("--copy", "HERE/tree:HERE/made", "--copy", "HERE/tree:HERE/into", "--copy", "HERE/new:HERE/old"),
        ours="""
        - copy: {source: HERE/tree, path: HERE/made}
        - copy: {source: HERE/tree, path: HERE/into}
        - copy: {source: HERE/new, path: HERE/old}
        """,
    ),
    Edit(
        "copy-in",
        before="mkdir -p merged/tree/folder; echo old >merged/tree/file; echo own >merged/tree/folder/own",
        theirs=(
            *("--copy-in", "HOST/tree:HERE", "--copy-in", "HOST/tree/file:HERE", "--copy-in", "HOST/tree:HERE/merged"),
        ),
        ours="""
        - copy-in: {source: HOST/tree, path: HERE}
        - copy-in: {source: HOST/tree/file, path: HERE}
        - copy-in: {source: HOST/tree, path: HERE/merged}
        """,
    ),
    Edit(
        "delete",
        before="""
        touch one.log two.log .hidden.log other file; mkdir -p tree/deep all; touch tree/deep/file all/a all/.b
        ln -s tree link; ln -s /nowhere dangling
        """,
        theirs=(
            *("--delete", "HERE/*.log", "--delete", "HERE/{file,none}", "--delete", "HERE/tree"),
            *("--delete", "HERE/all/*", "--delete", "HERE/link", "--delete", "HERE/none"),
        ),
        ours='- delete: [HERE/*.log, "HERE/{file,none}", HERE/tree, HERE/all/*, HERE/link, HERE/none]',
    ),
    Edit(
        "edit",
        before="printf '#Port 22\\nPort 23\\nother\\n' >file; chmod 4640 file; chown 12:34 file; chmod 640 file",
        theirs=("--edit", "HERE/file:s/^#?Port (.*)$/Port 2222 # was $1/"),
        ours=r"""
        - edit: {path: HERE/file, pattern: '^#?Port (.*)$', replace: 'Port 2222 # was \1'}
        """,
    ),
    Edit(
        "link",
        before="touch file; ln -s /old old",
        theirs=("--link", "/usr/bin/vi:HERE/new", "--link", "../target:HERE/old", "--link", "/nowhere:HERE/file"),
        ours="""
        - link: {target: /usr/bin/vi, path: HERE/new}
        - link: {target: ../target, path: HERE/old}
        - link: {target: /nowhere, path: HERE/file}
        """,
    ),
    Edit(
        "mkdir",
        before="mkdir there; chmod 700 there",
        theirs=("--mkdir", "HERE/new/deep/er", "--mkdir", "HERE/there"),
        ours="- mkdir: [HERE/new/deep/er, HERE/there]",
    ),
    Edit(
        "move",
        before="""
        for name in file other third; do echo $name >$name; chown 12:34 $name; chmod 640 $name; done
        mkdir -p tree/deep into; echo old >old
        """,
        theirs=(
            *("--move", "HERE/file:HERE/renamed", "--move", "HERE/other:HERE/into", "--move", "HERE/third:HERE/old"),
            *("--move", "HERE/tree:HERE/moved"),
        ),
        ours="""
        - move: {source: HERE/file, path: HERE/renamed}
        - move: {source: HERE/other, path: HERE/into}
        - move: {source: HERE/third, path: HERE/old}
        - move: {source: HERE/tree, path: HERE/moved}
        """,
    ),
    Edit(
        "scrub",
        before="echo secret >file; echo text >other",
        theirs=("--scrub", "HERE/file"),
        ours="- scrub: HERE/file",
    ),
    Edit(
        "tar-in",
        before="mkdir -p folder; echo own >folder/own; echo old >file",
        guestfish=("tar-in", "HOST/tree.tar", "HERE"),
        ours="- tar-in: {source: HOST/tree.tar, path: HERE}",
    ),
    Edit(
        "touch",
        before="echo text >there; chmod 640 there; chown 12:34 there",
        theirs=("--touch", "HERE/new", "--touch", "HERE/there"),
        ours="- touch: [HERE/new, HERE/there]",
    ),
    Edit(
        "truncate",
        before="echo text >file; chown 12:34 file; chmod 4640 file; echo text >target; ln -s target link",
        theirs=("--truncate", "HERE/file", "--truncate", "HERE/link"),
        ours="- truncate: [HERE/file, HERE/link]",
    ),
    Edit(
        "truncate-recursive",
        before="""
        mkdir -p logs/deep; echo text >target
        for name in one .two deep/three; do echo text >logs/$name; done; ln -s ../target logs/link; chmod 640 logs/one
        """,
        theirs=("--truncate-recursive", "HERE/logs"),
        ours="- truncate-recursive: HERE/logs",
    ),
    Edit(
        "upload",
        before="mkdir into; echo old >old; chmod 600 old",
        theirs=(
            *("--upload", "HOST/tree/file:HERE/new", "--upload", "HOST/tree/file:HERE/into"),
            *("--upload", "HOST/tree/file:HERE/old", "--upload", "HOST/program:HERE/program"),
        ),
        ours="""
        - upload: {source: HOST/tree/file, path: HERE/new}
        - upload: {source: HOST/tree/file, path: HERE/into}
        - upload: {source: HOST/tree/file, path: HERE/old}
        - upload: {source: HOST/program, path: HERE/program}
        """,
    ),
    Edit(
        "write",
        before="echo old >old; echo old >private; chmod 600 private; echo old >target; ln -s target link",
        theirs=tuple(
            word for name in ("new", "old", "private", "link") for word in ("--write", f"HERE/{name}:one\ntwo: #3\n")
        ),
        ours=r"""
        - write: {path: HERE/new, content: "one\ntwo: #3\n"}
        - write: {path: HERE/old, content: "one\ntwo: #3\n"}
        - write: {path: HERE/private, content: "one\ntwo: #3\n"}
        - write: {path: HERE/link, content: "one\ntwo: #3\n"}
        """,
    ),
    Edit(
        "install",
        theirs=("--install", "parity-new"),
        ours="- install: [parity-new]",
        paths=("/usr/share/parity-new", "/usr/share/parity-needed", "/var/lib/dpkg/info/parity-ne*"),
    ),
    Edit(
        "uninstall",
        before="apt-get -qq -y install parity-old >/dev/null",
        theirs=("--uninstall", "parity-old"),
        ours="- uninstall: [parity-old]",
        paths=("/usr/share/parity-old", "/etc/parity-old*", "/var/lib/dpkg/info/parity-old*"),
    ),
    Edit(
        "update",
        before="apt-get -qq -y install parity-updated=1.0 >/dev/null",
        theirs=("--update",),
        ours="- update: true",
        paths=("/usr/share/parity-updated", "/var/lib/dpkg/info/parity-updated*"),
    ),
    Edit(
        "run-command",
        theirs=("--run-command", "cd HERE; id -u >id; umask >umask; echo $HOME >home; pwd >pwd; tty >tty; mkdir a b"),
        ours='- run-command: "cd HERE; id -u >id; umask >umask; echo $HOME >home; pwd >pwd; tty >tty; mkdir a b"',
    ),
    Edit(
        "run",
        theirs=("--run", "HOST/script"),
        ours="- run: HOST/script",
    ),
    Edit(
        "firstboot",
        theirs=("--firstboot", "HOST/script"),
        ours="- firstboot: HOST/script",
        paths=("/usr/lib/virt-sysprep/scripts/5000-0001-*", "/usr/lib/golden/firstboot.d/001"),
    ),
    Edit(
        "firstboot-command",
        theirs=("--firstboot-command", "echo second"),
        ours="- firstboot-command: echo second",
        paths=("/usr/lib/virt-sysprep/scripts/5000-0002-*", "/usr/lib/golden/firstboot.d/002"),
    ),
    Edit(
        "firstboot-install",
        theirs=("--firstboot-install", "parity-new"),
        ours="- firstboot-install: [parity-new]",
        paths=("/usr/lib/virt-sysprep/scripts/5000-0003-*", "/usr/lib/golden/firstboot.d/003"),
    ),
    Edit(
        "hostname",
        theirs=("--hostname", "node.example.com"),
        ours="- hostname: node.example.com",
        paths=("/etc/hostname", "/etc/hosts"),
    ),
    Edit(
        "timezone",
        theirs=("--timezone", "Europe/London"),
        ours="- timezone: Europe/London",
        paths=("/etc/localtime", "/etc/timezone"),
    ),
    Edit(
        "root-password",
        theirs=("--root-password", "file:HOST/password"),
        ours="- root-password: {file: HOST/password}",
        paths=("/etc/shadow/root",),
    ),
    Edit(
        "password",
        before="useradd -m carol",
        theirs=("--password", "carol:file:HOST/password"),
        ours="- password: {user: carol, file: HOST/password}",
        paths=("/etc/shadow/carol",),
    ),
    Edit(
        "password-crypto",
        before="useradd -m bob",
        theirs=("--password-crypto", "sha256", "--password", "bob:file:HOST/password"),
        ours="""
        - password-crypto: sha256
        - password: {user: bob, file: HOST/password}
        """,
        paths=("/etc/shadow/bob",),
    ),
    Edit(
        "ssh-inject",
        before="useradd -m alice; mkdir -p /root/.ssh; echo '# mine' >/root/.ssh/authorized_keys",
        theirs=("--ssh-inject", f"alice:string:{KEY}", "--ssh-inject", "root:file:HOST/key.pub"),
        ours=f"""
        - ssh-inject: {{user: alice, key: {KEY}}}
        - ssh-inject: {{user: root, file: HOST/key.pub}}
        """,
        paths=("/root/.ssh", "/home/alice"),
    ),
)
