"""`minifile check`: a line for each part, all faults at once, nothing changed."""

from mailbox import mail_server
from pathlib import Path

from cli.conftest import Run
from identity_providers import IdentityProvider

PARTS = ["settings", "database", "schema", "storage", "free space", "secret key", "public URL",
         "proxies", "downloads", "host names", "rate limits", "extras"]  # fmt: skip


def lines(said: str) -> list[tuple[str, str, str]]:
    """Return level, part and sentence of each line."""
    found = [(line[:9].strip(), line[9:23].strip(), line[23:]) for line in said.splitlines()]
    assert all(sentence for _, _, sentence in found)
    return found


def test_a_sound_instance_is_told_part_by_part(run: Run):
    assert run("purge").returncode == 0

    done = run("check")

    assert (done.returncode, done.stderr) == (0, "")
    assert [(level, part) for level, part, _ in lines(done.stdout)] == [("ok", p) for p in PARTS]


def test_every_fault_is_told_at_once_and_no_secret_with_it(run: Run):
    done = run(
        "check",
        max_file_size="huge", code_lenght="12", secret_key="short",
        database_url="postgresql+psycopg://alice:hidden@localhost:1/minifile",
        storage_url="s3://bucket/x?endpoint=http://127.0.0.1:1&access_key_id=alice&secret_access_key=hidden",
        trusted_hosts="files.example.org:443", rate_uploads="off",
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == ""
    told = [f"{part}: {said}" for level, part, said in lines(done.stdout) if level == "wrong"]
    beginnings = (
        "settings: MINIFILE_CODE_LENGHT is no setting",
        "settings: SECRET_KEY: ",
        "settings: MAX_FILE_SIZE: 'huge' is no size",
        "database: Nothing answers at localhost port 1.",
        "storage: The bucket's endpoint can't be reached.",
        "host names: TRUSTED_HOSTS: files.example.org:443 fits no request",
    )
    assert [begins for begins in beginnings if not any(t.startswith(begins) for t in told)] == []
    assert len(told) == len(beginnings)
    assert "hidden" not in done.stdout


def test_a_part_whose_setting_can_not_be_used_is_not_looked_at(run: Run):
    done = run("check", database_url="mysql://alice:hidden@localhost/minifile")

    parts = [part for _, part, _ in lines(done.stdout)]
    assert done.returncode == 1
    assert "database" not in parts
    assert "storage" in parts


def test_nothing_is_made_where_nothing_is_yet(run: Run, tmp_path: Path):
    folder = tmp_path / "fresh"

    done = run("check", instance_path=str(folder))

    assert done.returncode == 0
    assert "warning  instance" in done.stdout
    assert not folder.exists()


def test_a_server_does_not_start_on_a_storage_that_can_not_be_written(run: Run, tmp_path: Path):
    (tmp_path / "file").touch()

    done = run("serve", "--port", "0", storage_url=f"file:{tmp_path}/file/uploads")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: The storage can't be used. Uploads can't be written: Not a directory.\n"
    )


def test_a_server_does_not_start_without_its_database(run: Run):
    done = run(
        "serve", "--port", "0", secret_key="a key that only tests use",
        database_url="postgresql+psycopg://alice:hidden@localhost:1/minifile",
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: The database can't be used. Nothing answers at localhost port 1.\n"
    )


def test_a_provider_that_answers_is_told_with_the_address_it_must_know(
    run: Run, mock_provider: IdentityProvider
):
    done = run("check", **mock_provider.settings, public_url="https://files.example.org/")

    sign_in = [line for line in lines(done.stdout) if line[1] == "sign-in"]
    assert sign_in == [
        (
            "ok",
            "sign-in",
            "The provider answers; its redirect URI is"
            " https://files.example.org/login/oidc/callback.",
        )
    ]


def test_a_provider_of_another_name_or_none_at_all_is_wrong(
    run: Run, mock_provider: IdentityProvider
):
    other = mock_provider.issuer.replace("127.0.0.1", "localhost")
    settings = mock_provider.settings | {"oidc_client_secret": "hidden-secret"}

    renamed = run("check", **settings | {"oidc_issuer": f"{other}/"})
    away = run("check", **settings | {"oidc_issuer": "http://127.0.0.1:1"})

    for done, said in ((renamed, "it calls itself"), (away, "does not answer (ConnectionError)")):
        (told,) = (line for line in lines(done.stdout) if line[1] == "sign-in")
        assert (told[0], done.returncode, done.stderr) == ("wrong", 1, "")
        assert said in told[2]
        assert "hidden-secret" not in done.stdout


def test_the_mail_server_is_asked_and_its_password_is_not_told(run: Run):
    given = {"public_url": "http://localhost:8000", "mail_from": "files@example.org"}
    with mail_server() as mailbox:
        well = run("check", mail_url=mailbox.url, **given)
        url = mailbox.url.replace("//", "//minifile:hidden@")
    ill = run("check", mail_url=url, **given)

    assert ("ok", "mail", "The mail server answers and lets us in.") in lines(well.stdout)
    (told,) = [
        said for level, part, said in lines(ill.stdout) if (level, part) == ("warning", "mail")
    ]
    assert "does not take our mail: ConnectionRefusedError" in told
    assert "hidden" not in ill.stdout
    assert ill.returncode == 0
