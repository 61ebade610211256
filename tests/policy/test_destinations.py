"""Where a server may be sent to: what is refused, in every spelling."""

from ipaddress import ip_address, ip_network

import pytest

from minifile.errors import BadOption
from minifile.policy.destinations import check_host, is_public, read_destination

# Each leads to this machine, into its network, or nowhere that anybody should be sent.
REFUSED = """
http://127.0.0.1/ http://127.1/ http://127.0.1/ http://2130706433/ http://0x7f000001/
http://0x7f.0.0.1/
http://0177.0.0.1/ http://017700000001/ http://0xA9FEA9FE/ http://2852039166/
http://0251.0376.0251.0376/
http://169.254.43518/ http://0x7F000001/ http://127.0.0.0x1/ http://127.0.0.1:8080/ http://0/
http://0.0.0.0/ http://0.1.2.3/ http://127.0.0.1./
http://00127.0.0.1/ http://127.0.0.01/ http://1.1.1/ http://256.1.1.1/ http://1.1.1.1.1/ http://0x/
http://10.0.0.1/ http://172.16.0.1/ http://172.31.255.255/ http://192.168.1.1/
http://169.254.169.254/
http://100.64.0.1/ http://100.127.255.255/ http://192.0.0.1/ http://192.0.2.1/ http://198.18.0.1/
http://198.51.100.1/ http://203.0.113.1/ http://224.0.0.1/ http://239.255.255.255/ http://240.0.0.1/
http://255.255.255.255/ http://192.88.99.1/
http://[::1]/ http://[::]/ http://[::127.0.0.1]/ http://[::ffff:127.0.0.1]/ http://[::ffff:8.8.8.8]/
http://[0:0:0:0:0:ffff:7f00:1]/ http://[::ffff:a9fe:a9fe]/ http://[::a9fe:a9fe]/
http://[::ffff:100.64.0.1]/
http://[64:ff9b::a9fe:a9fe]/ http://[2002:a9fe:a9fe::1]/
http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/
http://[fdff:ffff::1]/ http://[febf::1]/ http://[ff0e::1]/ http://[2001:10::1]/
http://[2001:20::1]/ http://[5f00::1]/
http://[4000::1]/ http://[100:0:0:1::1]/ http://[2001:db8:ffff::1]/ http://[::ffff:0:a9fe:a9fe]/
http://[::ffff:0:127.0.0.1]/ http://[64:ff9b::7f00:1]/
http://[64:ff9b::8.8.8.8]/ http://[64:ff9b:1::1]/ http://[2002:7f00:1::]/ http://[2002:808:808::]/
http://[2001::1]/ http://[2001:db8::1]/ http://[fe80::1]/ http://[fe80::1%25eth0]/ http://[fc00::1]/
http://[fd00:ec2::254]/ http://[fec0::1]/ http://[ff02::1]/ http://[100::1]/ http://[3fff::1]/
http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://１２７.0.0.1/ http://[::1 http://::1/ http://[v1.fe80]/
""".split()
# Read otherwise by others, or nothing that is posted to.
MISREAD = [
    *"""
    ftp://example.org/ file:///etc/passwd gopher://example.org/ //example.org/ example.org
    javascript:x     https://user@example.org/ https://user:word@example.org/ https://example.org@127.0.0.1/
    https://example.org#@127.0.0.1/ https://example.org/# https://example.org\\@127.0.0.1/
    https://127.0.0.1@example.org/ https://@example.org/ https://:@example.org/ https://user%40example.org/
    https://example.org:6379/ https://example.org:5432/ https://example.org:-1/ https://example.org:80:80/
    https://example.org:٨٠/ https:/example.org/ https:example.org
    https://example.org:0/ https://example.org:22/ https://example.org:25/ https://example.org:65536/
    https://example.org:x/ https:///path https://-a.example/ https://a..example/ https://.example/
    https://exa_mple..org/ https://%31%32%37.0.0.1/ https://example.org%00.evil/ https://*/
    https://example.org/ü
    """.split(),
    "https://example.org/a b",
    "https://example.org/\r\nX-Evil: 1",
    "https://example.org\t/",
    " https://example.org/",
    "https://example.org/\0",
    "https://" + "a" * 254 + "/",
    "https://example.org/" + "a" * 2000,
]


@pytest.mark.parametrize("url", REFUSED)
def test_no_address_that_is_not_public_is_taken_however_it_is_spelled(url: str):
    with pytest.raises(BadOption):
        check_host(read_destination(url), [])


@pytest.mark.parametrize("url", MISREAD)
def test_what_could_be_read_otherwise_is_no_address(url: str):
    with pytest.raises(BadOption):
        read_destination(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "host_field"),
    [
        ("https://example.org", "example.org", 443, "/", "example.org"),
        ("http://Example.ORG.:8080/a?b=c", "example.org", 8080, "/a?b=c", "example.org:8080"),
        ("https://bücher.example/x", "xn--bcher-kva.example", 443, "/x", "xn--bcher-kva.example"),
        ("http://8.8.8.8/", "8.8.8.8", 80, "/", "8.8.8.8"),
        ("https://[2606:4700::1111]:8443/", "2606:4700::1111", 8443, "/", "[2606:4700::1111]:8443"),
    ],
)
def test_a_public_address_is_read(url: str, host: str, port: int, target: str, host_field: str):
    found = read_destination(url)

    check_host(found, [])
    assert (found.host, found.port, found.target) == (host, port, target)
    assert found.host_field == host_field


def test_a_network_that_the_admin_names_is_sent_to():
    allowed = [ip_network("10.1.0.0/16")]

    assert is_public(ip_address("10.1.2.3"), allowed)
    assert not is_public(ip_address("10.2.2.3"), allowed)
    assert not is_public(ip_address("::ffff:10.1.2.3"), allowed)
