"""`carnet scan s3://…`: who may look at a bucket from where, what it costs, and the looking."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
import yaml

from carnet.errors import InputError, MissingExtraError, RefusedError, UnreadableError
from carnet.model.cloud_regions import country_of_region
from carnet.model.countries import COUNTRIES
from carnet.model.factsheet import FactSheet

BucketRegion = Annotated[
    str | None,
    typer.Option("--bucket-region", help="Where the bucket lies: eu-central-1, or a country such as DE."),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="COUNTRY", help="Look at a bucket from another country; --policy must allow it."
    ),
]
Policy = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="What may be looked at from where (lake: v1).")
]
Endpoint = Annotated[
    str | None, typer.Option("--endpoint", metavar="URL", help="Of an S3 server that is not Amazon's.")
]
Sample = Annotated[int, typer.Option("--sample", min=0, help="Objects beyond 1 MiB to be read whole.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before a bucket is scanned.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a bucket's scan that was killed.")]
Since = Annotated[
    Path | None, typer.Option("--since", metavar="INVENTORY", help="Take over what has not changed since.")
]

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_REGION_IN_HOST = re.compile(r"s3[.-](?:dualstack\.)?([a-z]{2,4}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True, slots=True)
class LakeWishes:
    """What was asked for on the command line."""

    region: str | None
    bucket_region: str | None
    from_country: str | None
    policy: Path | None
    endpoint: str | None
    sample: int
    yes: bool
    resume: bool
    inventory: Path | None
    since: Path | None
    sketch: bool


def bucket_of(address: str) -> tuple[str, str]:
    """Split an address into bucket and prefix; raises `InputError` for any other address."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise InputError("an address is s3://BUCKET or s3://BUCKET/PREFIX", where="PATH")
    return match[1], (match[2] or "").rstrip("/")


def signed_region(wishes: LakeWishes, bucket: str) -> str:
    """Say where the bucket lies and refuse whoever looks from elsewhere; gives the region to sign for.

    Raises:
        RefusedError: the caller is in another country, or it is not known where somebody or something is.
    """
    region = wishes.bucket_region
    if region is None and wishes.endpoint is not None:
        found = _REGION_IN_HOST.search(wishes.endpoint)
        region = found[1] if found else None
    lies_in = country_of_region(region) if region else None
    if region is None or lies_in is None:
        raise RefusedError(
            "it is not known in which country the bucket lies",
            where=f"s3://{bucket}",
            remedy="say --bucket-region with Amazon's region (eu-central-1), or the country of your own server (DE)",
        )
    here = wishes.from_country or wishes.region
    if here is None:
        raise RefusedError(
            "it is not known where you are: reading a bucket from another country is a transfer",
            where="--region",
            remedy=f"say --region {lies_in} if you are there",
        )
    if here not in COUNTRIES:
        raise InputError("a country is an ISO 3166-1 alpha-2 code such as CN", where="--from")
    if here != lies_in and not _allowed(wishes, bucket, here):
        raise RefusedError(
            f"the bucket lies in {lies_in} and you are in {here}: to look at it takes data across the border",
            where=f"s3://{bucket}",
            remedy=f"run the scan in {lies_in}; or --from {here} with a --policy that allows this bucket from there",
        )
    return region


def _allowed(wishes: LakeWishes, bucket: str, here: str) -> bool:
    """Ask the policy; without one, or without `--from`, nothing is allowed."""
    if wishes.from_country is None or wishes.policy is None:
        return False
    try:
        document = yaml.safe_load(wishes.policy.read_text("utf-8"))
        if document["lake"] != "v1":
            raise KeyError("lake")
        rules = document["allow"]
        return any(
            rule["bucket"] == bucket and here in rule["from"] and str(rule["reason"]).strip()
            for rule in rules
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            "the policy does not read",
            where=str(wishes.policy),
            remedy="lake: v1, allow: a list of {bucket: NAME, from: [DE], reason: TEXT}",
        ) from error


def scan_lake(address: str, wishes: LakeWishes) -> list[tuple[Path, FactSheet]]:
    """Scan a bucket; gives bucket and key, with what identifies replaced, and the sheet of every object.

    Raises:
        RefusedError: the caller does not sit where the bucket lies.
        MissingExtraError: obstore or pyarrow is not installed.
        UnreadableError: the bucket cannot be read.
    """
    name, prefix = bucket_of(address)
    region = signed_region(wishes, name)
    for library in ("obstore", "pyarrow"):
        if find_spec(library) is None:
            raise MissingExtraError(
                f"scanning a bucket needs the library {library}", remedy="pip install 'carnet[lake]'"
            )
    from carnet.service.lake import LakeScan, objects_of, sample_of
    from carnet.service.lake_store import Bucket

    if wishes.inventory is not None and not wishes.inventory.parent.is_dir():
        raise InputError(
            "there is no such folder", where=str(wishes.inventory.parent), remedy="make it first"
        )
    if wishes.resume and wishes.inventory is None:
        raise InputError("the journal lies beside the inventory", where="--resume", remedy="name --inventory")
    bucket = Bucket(name, region=region, endpoint=wishes.endpoint)
    scan = LakeScan(
        bucket,
        prefix,
        inventory=wishes.inventory,
        since=wishes.since,
        resume=wishes.resume,
        sketch=wishes.sketch,
    )
    began = time.monotonic()
    objects = objects_of(bucket, prefix)
    took = (time.monotonic() - began) / max(1, bucket.requests)
    sample = sample_of(objects, wishes.sample)
    sys.stderr.write(scan.cost(objects, sample).sentence(took) + "\n")
    if wishes.sample:
        large = sum(one.size > 1 << 20 for one in objects)
        sys.stderr.write(
            f"read whole: {len(sample)} of {large} objects beyond 1 MiB, chosen by a hash of the key\n"
        )
    if sys.stdin.isatty() and not wishes.yes and not typer.confirm("Begin?", err=True):
        raise UnreadableError(
            "nothing was scanned", where=f"s3://{name}", remedy="--yes begins without asking"
        )

    def told(done: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done} of {len(objects)} objects looked at")

    scan.begin()
    rows = list(scan.run(objects, sample, told))
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    scan.finish(rows)
    sys.stderr.write(f"{bucket.requests:,} requests, {bucket.bytes / 1e6:,.1f} MB fetched\n")
    return [(Path(name, one.key), one.sheet) for one in rows]
