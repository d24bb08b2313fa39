"""golden sbom, golden sign, golden verify-signature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from builder.cli.options import OUTPUT, AsJson, OutputFolder, TemplateReference, output_at, print_json
from builder.errors import HostError
from builder.store import Store, Version

app = typer.Typer()


@app.command()
def sbom(template: TemplateReference, output: OutputFolder = OUTPUT) -> None:
    """Print the SBOM (software bill of materials) of a version as SPDX 2.3 JSON."""
    version = Store(output_at(output).templates).find(template)
    print(read_sbom(version), end="")


def read_sbom(version: Version) -> str:
    """The published SBOM. A version from before SBOMs gets one made from its manifest. Raises HostError."""
    if not version.sbom_file.exists():
        from builder.attestations.sbom import sbom as make_sbom

        return make_sbom(version.manifest, version.template, version.name)
    try:
        return version.sbom_file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f"cannot read the SBOM of {version}", details=str(error)) from error


@app.command()
def sign(
    template: TemplateReference,
    key: Annotated[
        Path,
        typer.Option(
            "--key", metavar="FILE", help="minisign secret key without a password, as made by `minisign -G -W`."
        ),
    ],
    output: OutputFolder = OUTPUT,
) -> None:
    """Sign a version with a minisign key."""
    from builder.attestations.signatures import sign as sign_version

    print(sign_version(Store(output_at(output).templates).find(template), key))


@app.command("verify-signature")
def verify_signature(
    template: TemplateReference,
    key: Annotated[
        str, typer.Option("--key", metavar="PUBKEY", help="minisign public key: a file, or the key itself.")
    ],
    output: OutputFolder = OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Check that a version is signed with a key and that its files are unchanged."""
    from builder.attestations.signatures import comment_of, verify

    version = Store(output_at(output).templates).find(template)
    verify(version, key)
    if as_json:
        report = {"template": version.template, "version": version.name, "signature": str(version.signature_file)}
        print_json({**report, "comment": comment_of(version), "ok": True})
    else:
        print(f"{version} is signed with this key, and its files are unchanged")
