"""Who comes on a replayed day: programs of many kinds, at hundreds of addresses."""

from random import Random

from replay.truth import Agent, Client

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"

BROWSERS = (
    Agent(f"{WINDOWS[:-1]}; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Windows"),
    Agent(f"{WINDOWS} {WEBKIT} Chrome/138.0.0.0 Safari/537.36", "Chrome", "Windows"),
    Agent(f"{WINDOWS} {WEBKIT} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0", "Edge", "Windows"),
    Agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
          "Firefox", "Linux"),
    Agent("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
          " Version/18.5 Safari/605.1.15", "Safari", "macOS"),
)  # fmt: skip
TOOLS = (
    Agent("curl/8.5.0", "curl", None, is_tool=True),
    Agent("Wget/1.21.4", "Wget", None, is_tool=True),
    Agent("python-requests/2.32.3", "Python", None, is_tool=True),
)
BOTS = (
    Agent("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "", None, is_bot=True),
    Agent("TelegramBot (like TwitterBot)", "", None, is_bot=True),
    Agent("WhatsApp/2.23.20.0", "", None, is_bot=True),
)

# What stands in the Referer, and which host of it may be shown.
REFERRERS: tuple[tuple[str, str | None], ...] = (
    ("https://www.example.com/some/page?with=query", "www.example.com"),
    ("https://mail.example.org/", "mail.example.org"),
    ("http://intranet.example.net:8080/wiki", "intranet.example.net"),
)
ODD_REFERRERS: tuple[str, ...] = (
    "https://long.example/" + "x" * 7900,
    "=cmd|' /C calc'!A0",
    "https://tab.example/\t@SUM(1)",
    "https://" + "a" * 300 + ".example/",
    "javascript:alert(1)",
    "https://[not-an-address/",
    "\x80\xff\xfe",
)


class Crowd:
    """Makes clients; no two of them are the same to the server."""

    def __init__(self, random: Random, address: "AddressMaker") -> None:
        self._random, self._address = random, address
        self.addresses: list[str] = []
        self.cookies: list[str] = []

    def tool(self) -> Client:
        return Client(self._new_address(), self._random.choice(TOOLS))

    def browser(self) -> Client:
        return Client(self._new_address(), self._random.choice(BROWSERS))

    def bot(self) -> Client:
        return Client(self._new_address(), self._random.choice(BOTS))

    def anybody(self) -> Client:
        return self.tool() if self._random.random() < 0.5 else self.browser()

    def _new_address(self) -> str:
        self.addresses.append(self._address(len(self.addresses)))
        return self.addresses[-1]


class AddressMaker:
    """Numbers addresses: those of this machine, or such as a proxy in front would name."""

    def __init__(self, *, by_proxy: bool) -> None:
        self.by_proxy = by_proxy

    def __call__(self, number: int) -> str:
        high, low = divmod(number, 250)
        if not self.by_proxy:
            return f"127.{77 + high // 250}.{high % 250}.{low + 2}"
        if number % 3 == 0:
            return f"2001:db8:{high + 0x4A00:x}:{low + 0x1A00:x}::7"
        return f"198.{18 + high // 250}.{high % 250}.{low + 2}"
