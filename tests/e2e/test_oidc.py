"""Signing in at a provider as a person does: in Chromium, with and without JavaScript."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.conftest import keep_screenshot, violations
from e2e.test_pages import LOOK_AT_PAGE, LOOKS, WALKED_LOOKS, Documents, unseen_focus
from identity_providers import IdentityProvider
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

StartServer = Callable[..., RunningServer]
OpenPage = Callable[..., Page]


def keep_fonts_away(page: Page) -> None:
    """The provider's own pages ask for fonts of another site."""
    page.route(re.compile("fonts"), lambda route: route.abort())


def sign_in_there(page: Page, issuer: str, login: str) -> None:
    """Sign in on the provider's pages and consent; the browser is sent back."""
    page.wait_for_url(f"{issuer}/**")
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["javascript", "no-javascript"])
def test_somebody_signs_in_and_out(
    scripts: bool, start_server: StartServer, open_page: OpenPage, npm_provider: IdentityProvider
):
    server = start_server("--workers", "1", **npm_provider.settings)
    page = open_page(java_script_enabled=scripts)
    keep_fonts_away(page)

    page.goto(f"{server.url}/account/")
    page.get_by_role("button", name="Sign in with the directory").click()
    sign_in_there(page, npm_provider.issuer, "alice")
    page.wait_for_url(f"{server.url}/account/")
    shown = page.locator("h1").inner_text()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{server.url}/")

    assert shown == "alice"
    assert page.goto(f"{server.url}/account/").url.startswith(f"{server.url}/login")
    assert "code=" not in server.log()


def test_somebody_says_no_there(
    start_server: StartServer, open_page: OpenPage, npm_provider: IdentityProvider
):
    server = start_server("--workers", "1", **npm_provider.settings)
    page = open_page()
    keep_fonts_away(page)

    page.goto(f"{server.url}/login")
    page.get_by_role("button", name="Sign in with the directory").click()
    page.wait_for_url(f"{npm_provider.issuer}/**")
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url(f"{server.url}/login")

    assert page.get_by_text("You have not signed in with the directory.").is_visible()


@pytest.mark.parametrize("look", WALKED_LOOKS)
def test_every_page_of_it_is_accessible_and_fits(
    look: str,
    start_server: StartServer,
    open_page: OpenPage,
    npm_provider: IdentityProvider,
    tmp_path: Path,
):
    server = start_server("--workers", "1", **npm_provider.settings)
    page = open_page(**LOOKS[look])
    keep_fonts_away(page)
    documents, faults = Documents(page, server.url), []

    for name in walk(page, server.url, npm_provider.issuer):
        keep_screenshot(page, f"{name}-{look}")
        faults += [f"{name}: {fault}" for fault in violations(page)]
        faults += [f"{name}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]
        faults += [f"{name}: no visible focus on {element}" for element in unseen_focus(page)]

    assert faults == []
    assert documents.faults(tmp_path) == ""


def walk(page: Page, url: str, issuer: str):
    """Go through the pages and yield the name of each while it is shown."""
    page.goto(f"{url}/login?next=/account/")
    yield "oidc-sign-in"
    # A browser stays where it is when an answer is empty.
    page.route(f"{issuer}/**", lambda route: route.fulfill(status=204))
    page.get_by_role("button", name="Sign in with the directory").click()
    page.get_by_role("heading", name="On to the directory").wait_for()
    yield "oidc-leaving"
    page.unroute(f"{issuer}/**")
    page.get_by_role("link", name="Go on").click()
    sign_in_there(page, issuer, "alice")
    page.wait_for_url(f"{url}/account/")
    yield "oidc-account-without-password"
    page.goto(f"{url}/login/oidc/callback?state=x&code=y")
    yield "error-oidc"
