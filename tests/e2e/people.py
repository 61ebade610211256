"""People with accounts in real browsers."""

import re

from conftest import RunningServer
from playwright.sync_api import Page

PASSWORD = "correct horse battery staple"


def make_user(server: RunningServer, name: str, *options: str) -> None:
    """Make a user from the shell, as an admin does."""
    done = server.run("user", "create", name, "--password-stdin", *options, text=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr


def invite(server: RunningServer, *options: str) -> str:
    """Return the address of a new invitation."""
    done = server.run("invite", *options)
    assert done.returncode == 0, done.stderr
    return server.url + done.stdout.strip()


def sign_in(page: Page, server: RunningServer, name: str, password: str = PASSWORD) -> None:
    page.goto(f"{server.url}/login")
    page.get_by_label("Name or e-mail address").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(rf"{re.escape(server.url)}/$"))


def register(page: Page, address: str, name: str, password: str = PASSWORD) -> None:
    """Make the account of an invitation."""
    page.goto(address)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("New password").fill(password)
    page.get_by_label("The same once more").fill(password)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url(re.compile("/account/$"))


def open_menu(page: Page) -> None:
    page.locator(".menu > summary").click()
