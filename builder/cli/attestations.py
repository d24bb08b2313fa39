"""golden sbom, golden sign, golden verify-signature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, output_at, print_json
from builder.errors import HostError
from builder.store import Store, Version

app = typer.Typer()

Template = Annotated[str, typer.Argument(metavar="TEMPLATE", help="NAME, NAME@CHANNEL or NAME:VERSION.")]


@app.command()
def sbom(template: Template, output: OutputFolder = OUTPUT) -> None:
    """Print the bill of materials of a version: SPDX 2.3, JSON."""
    version = Store(output_at(output).templates).find(template)
    print(text_of(version), end="")


def text_of(version: Version) -> str:
    """The published document; of a version that is older than those, one made from its manifest. Raises HostError."""
    if not version.sbom_file.exists():
        from builder.attestations.sbom import sbom as make

        return make(version.manifest, version.template, version.name)
    try:
        return version.sbom_file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f"the bill of materials of {version} cannot be read", details=str(error)) from error


@app.command()
def sign(
    template: Template,
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="minisign's secret key, without a password (minisign -G -W).")
    ],
    output: OutputFolder = OUTPUT,
) -> None:
    """Sign a version, for those who clone it."""
    from builder.attestations.signatures import sign as sign_version

    print(sign_version(Store(output_at(output).templates).find(template), key))


@app.command("verify-signature")
def verify_signature(
    template: Template,
    key: Annotated[str, typer.Option("--key", metavar="PUBKEY", help="minisign's public key: its file, or its text.")],
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Prove that a version is signed by a key, and that none of its files was changed since."""
    from builder.attestations.signatures import comment_of, verify

    version = Store(output_at(output).templates).find(template)
    verify(version, key)
    if as_json:
        about = {"template": version.template, "version": version.name, "signature": str(version.signature_file)}
        print_json({**about, "comment": comment_of(version), "ok": True})
    else:
        print(f"{version} is signed by that key, and whole")
