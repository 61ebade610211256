"""The addresses of buckets and databases: what is read, and what is refused, without a secret."""

import sys

import pytest

from minifile.config.buckets import parse_bucket_url
from minifile.config.urls import check_database_url, check_storage_url


def test_everything_in_the_address_of_a_bucket_is_read():
    found = parse_bucket_url(
        "s3://my.bucket/a%20b/c%2Bd/?endpoint=https://s3.example.org:9000&region=eu-1"
        "&access_key_id=AK&secret_access_key=a%2Fb%2Bc%3D&addressing=virtual"
    )

    assert (found.scheme, found.bucket, found.prefix) == ("s3", "my.bucket", "a b/c+d")
    assert (found.endpoint, found.region) == ("https://s3.example.org:9000", "eu-1")
    assert (found.access_key_id, found.secret_access_key) == ("AK", "a/b+c=")
    assert found.addressing == "virtual"


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "gs://bucket/?endpoint=http://x"])
def test_a_bucket_needs_no_prefix(url: str):
    assert parse_bucket_url(url).prefix == ""


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        ("", "must name a bucket"),
        ("/prefix", "must name a bucket"),
        ("key:SECRET@bucket", "must name a bucket"),
        ("b", "must name a bucket"),
        ("bucket/a//b", "an empty segment"),
        ("bucket/a/../b", "an empty segment, . or .."),
        ("bucket/%2e%2e/b", "an empty segment, . or .."),
        ("bucket/a%0Ab", "control characters"),
        ("bucket/a%00", "control characters"),
        ("bucket/a%5Cb", "backslashes"),
        ("bucket/%FF", "not UTF-8"),
        ("bucket/a#b", "write it as %23"),
        ("bucket/" + "x" * 901, "more than 900 bytes"),
        ("bucket?endpoint", "options that can't be read"),
        ("bucket?endpoint=", "gives endpoint without a value"),
        ("bucket?endpoint=s3.example.org", "an endpoint like"),
        ("bucket?endpoint=ftp://s3.example.org", "an endpoint like"),
        ("bucket?endpoint=http://key:SECRET@s3.example.org", "an endpoint like"),
        ("bucket?region=eu west", "a region like"),
        ("bucket?region=eu&region=us", "twice"),
        ("bucket?secret=SECRET", "an option that is not known"),
        ("bucket?secret_access_key=SECRET", "both access_key_id and secret_access_key"),
        ("bucket?addressing=both", "addressing=path"),
    ],
)
def test_an_address_that_can_not_be_meant_is_refused_in_one_sentence(rest: str, sentence: str):
    with pytest.raises(ValueError, match=sentence) as caught:
        parse_bucket_url(f"s3://{rest}")

    assert "SECRET" not in str(caught.value)


def test_an_address_never_shows_its_secret():
    found = parse_bucket_url("s3://bucket?access_key_id=AK&secret_access_key=SECRET")

    assert "SECRET" not in repr(found)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("s3://bucket", "botocore", "s3"),
        ("gs://bucket", "google.cloud.storage", "gcs"),
        ("postgresql+psycopg://localhost/x", "psycopg", "postgres"),
    ],
)
def test_a_missing_driver_names_the_extra(
    url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    check = check_database_url if url.startswith("postgresql") else check_storage_url

    with pytest.raises(ValueError, match=rf"pip install 'minifile\[{extra}\]'"):
        check(url)
