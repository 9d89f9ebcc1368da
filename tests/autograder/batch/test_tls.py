"""A scheduler that speaks TLS only: it grades for those who have the certificates."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_processes import drive, finish, free_port, hand_in_many, start

__all__ = ["start"]


def make_certificates(folder):
    """A certificate that vouches for itself, its key, and Dask's settings that name them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "grading")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    settings = {"CA_FILE": folder / "ca.pem"}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        settings |= {f"{role}__CERT": folder / "ca.pem", f"{role}__KEY": folder / "key.pem"}
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(path) for name, path in settings.items()}


@pytest.mark.slow
def test_a_scheduler_behind_tls_grades_for_those_with_certificates_only(course, start, tmp_path):
    tls = make_certificates(tmp_path)
    tls["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] = "True"
    address = f"tls://127.0.0.1:{free_port()}"
    start("distributed.cli.dask_scheduler", "--host", address, "--no-dashboard", **tls)
    worker = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
    start("distributed.cli.dask_worker", address, *worker, **tls)
    hand_in_many(course, 10)
    report = finish(drive(course, 2, address, **tls))
    assert len(report["graded"]) == 9

    hand_in_many(course, 10, "# score: {score} # again")
    stranger = drive(course, 2, address.replace("tls", "tcp"))
    _, error = stranger.communicate(timeout=120)
    assert stranger.returncode != 0
    assert "no Dask scheduler" in error
