"""In which country a cloud region lies.

Source: Amazon's page "AWS Regions", as repeated by the manuals of OpenShift (openshift-docs, AWS regions) and PRTG
and a list of 2022 with the two of China, looked at on 22 November 2026; the country is that of the place in a
region's name. A region that none of them has is not known here: say the country.
"""

from __future__ import annotations

from carnet.model.countries import COUNTRIES

AWS_REGIONS: dict[str, str] = {
    "us-east-1": "US",
    "us-east-2": "US",
    "us-west-1": "US",
    "us-west-2": "US",
    "us-gov-east-1": "US",
    "us-gov-west-1": "US",
    "ca-central-1": "CA",
    "ca-west-1": "CA",
    "mx-central-1": "MX",
    "sa-east-1": "BR",
    "eu-central-1": "DE",
    "eu-central-2": "CH",
    "eu-west-1": "IE",
    "eu-west-2": "GB",
    "eu-west-3": "FR",
    "eu-north-1": "SE",
    "eu-south-1": "IT",
    "eu-south-2": "ES",
    "cn-north-1": "CN",
    "cn-northwest-1": "CN",
    "ap-east-1": "HK",
    "ap-northeast-1": "JP",
    "ap-northeast-2": "KR",
    "ap-northeast-3": "JP",
    "ap-south-1": "IN",
    "ap-south-2": "IN",
    "ap-southeast-1": "SG",
    "ap-southeast-2": "AU",
    "ap-southeast-3": "ID",
    "ap-southeast-4": "AU",
    "ap-southeast-5": "MY",
    "ap-southeast-7": "TH",
    "il-central-1": "IL",
    "me-central-1": "AE",
    "me-south-1": "BH",
    "af-south-1": "ZA",
}


def country_of_region(region: str) -> str | None:
    """Give the country of an AWS region, or of a region named as a country (`CN`); None where it is not known."""
    return region if region in COUNTRIES else AWS_REGIONS.get(region)
