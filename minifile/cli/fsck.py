"""`minifile fsck`: does the storage hold what the rows promise?"""

import sys

import click
from flask.cli import with_appcontext

from minifile.services.fsck import list_faults
from minifile.services.fsck import repair as repair_finding
from minifile.units import plural
from minifile.web.current import current_storage


@click.command("fsck")
@click.option("--repair", is_flag=True, help="Delete orphan blobs, and rows without their blob.")
@click.option("--digests", is_flag=True, help="Read every byte and compare its SHA-256.")
@with_appcontext
def fsck(*, repair: bool, digests: bool) -> None:
    """Look for rows without blobs, blobs without rows, wrong sizes and wrong digests.

    Safe while serving. Exit status 1 when anything was found, repaired or not.
    """
    storage = current_storage()
    found = repaired = 0
    for finding in list_faults(storage=storage, digests=digests):
        found += 1
        done = repair and repair_finding(finding, storage=storage)
        repaired += done
        owner = "" if finding.link_id is None else f" of link {finding.link_id}"
        click.echo(f"{finding.fault}: {finding.key}{owner}{' (repaired)' if done else ''}")
    click.echo(f"Found {plural(found, 'fault')}" + (f", repaired {repaired}." if repair else "."))
    sys.exit(1 if found else 0)
