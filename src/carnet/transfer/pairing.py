"""Hand-over cards: how two nodes learn each other's keys, by a file that a person carries.

A card holds only public things: name, region, address, the signing key, the TLS certificate and the key to
which segments are sealed. It is signed by the signing key it holds, which proves that the parts belong
together; that the card is really the other node's is what the two people make sure of, by reading the
fingerprint to each other.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.x509.oid import NameOID

from carnet.errors import PeerError, SignatureError
from carnet.evidence.signing import PublicKey, Signer, strict_base64
from carnet.model.canonical import canonical_json
from carnet.model.ids import Country

_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_FIELDS = {
    "carnet_card",
    "name",
    "region",
    "operator",
    "url",
    "signing_key",
    "certificate",
    "sealing_key",
    "signature",
}


@dataclass(frozen=True, slots=True)
class Card:
    """What another node needs to know of this one."""

    name: str
    region: Country
    operator: dict[str, Any]
    """The legal person that runs the node, in the form of a movement's `exporter`."""
    url: str
    signing_key: PublicKey
    certificate: str
    """PEM."""
    sealing_key: bytes
    """X25519, 32 bytes."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in DER, hexadecimal."""
        return certificate_fingerprint(self.certificate)

    def body(self) -> dict[str, Any]:
        """Give what is signed."""
        return {
            "carnet_card": "v1",
            "name": self.name,
            "region": self.region,
            "operator": self.operator,
            "url": self.url,
            "signing_key": self.signing_key.to_text(),
            "certificate": self.certificate,
            "sealing_key": base64.b64encode(self.sealing_key).decode("ascii"),
        }

    def to_json(self, signer: Signer) -> dict[str, Any]:
        """Give the card, signed."""
        body = self.body()
        return body | {"signature": base64.b64encode(signer.sign(canonical_json(body))).decode("ascii")}

    def sealing_public_key(self) -> X25519PublicKey:
        """Give the key to which segments are sealed."""
        return X25519PublicKey.from_public_bytes(self.sealing_key)


def read_card(form: Any) -> Card:
    """Read a card and check its signature; raises `PeerError` for anything else."""
    try:
        if set(form) != _FIELDS or form["carnet_card"] != "v1" or not _NAME.fullmatch(form["name"]):
            raise ValueError("fields")
        card = Card(
            form["name"],
            Country(form["region"]),
            dict(form["operator"]),
            str(form["url"]),
            PublicKey.from_text(form["signing_key"]),
            str(form["certificate"]),
            strict_base64(form["sealing_key"]),
        )
        card.sealing_public_key()
        if not card.url.startswith("https://") or not card.fingerprint:
            raise ValueError("address")
        card.signing_key.check(strict_base64(form["signature"]), canonical_json(card.body()))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PeerError("this is no hand-over card of version v1", remedy="export it again") from error
    except SignatureError as error:
        raise PeerError("the card was changed after it was signed", remedy="export it again") from error
    return card


def certificate_fingerprint(pem: str) -> str:
    """SHA-256 of a certificate in DER, hexadecimal."""
    certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def new_certificate(name: str, *, now: dt.datetime) -> tuple[bytes, str]:
    """Make a TLS key (PEM, PKCS #8) and its self-signed certificate (PEM), good for ten years.

    Nodes trust exactly the certificates on the cards they paired with, so no authority stands between them.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"carnet {name}")])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=False, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"{name}.carnet")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def sealing_key_bytes(key: X25519PrivateKey) -> bytes:
    """Give a sealing key's raw private bytes, for its key file."""
    return key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
