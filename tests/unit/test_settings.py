"""Settings: defaults, bounds, and refusals that name the setting and never its value."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.settings import BadSettings, Settings, load
from domain.pricing import Rates
from domain.remedies import Remedies, Remedy
from domain.rules import Rules
from tests.unit.environment import EPAY, HTTPS, TOKEN, WRITTEN, Environment, clear, known


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear(monkeypatch, tmp_path)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(monkeypatch)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("bot_token", None),
        ("owner_ids", frozenset()),
        ("telegram_api_url", "https://api.telegram.org"),
        ("telegram_mode", "polling"),
        ("telegram_webhook_secret", None),
        ("public_url", None),
        ("host", "127.0.0.1"),
        ("port", 8080),
        ("database_url", "sqlite+aiosqlite:///data/keystall.db"),
        ("redis_url", None),
        ("secret_key", None),
        ("currency", "USD"),
        ("order_ttl_minutes", 15),
        ("max_pending_orders", 3),
        ("low_stock_threshold", 5),
        ("delivery_max_attempts", 8),
        ("shop_name", "keystall"),
        ("support_contact", ""),
        ("stars_enabled", True),
        ("stars_rate", None),
        ("rates", {}),
        ("methods_order", ()),
        ("method_titles", {}),
        ("top_up_min", 1),
        ("top_up_max", 1000),
        ("confirming_hold_minutes", 120),
        ("rule_late", "deliver"),
        ("rule_sold_out", "credit"),
        ("rule_under", "ask"),
        ("rule_over", "credit"),
        ("rule_twice", "credit"),
        ("rule_mismatch", "ask"),
        ("rule_unknown", "ask"),
        ("rule_undeliverable", "ask"),
        ("ban_on_chargeback", False),
        ("daily_report", True),
        ("metrics_token", None),
        ("log_level", "INFO"),
        ("data_dir", Path("data")),
    ],
)
def test_a_setting_that_is_not_there_has_its_default(name: str, default: object) -> None:
    assert getattr(load(), name) == default


def test_the_defaults_are_the_shops_rules() -> None:
    assert load().rules == Rules()


def test_the_rules_follow_the_settings(env: Environment) -> None:
    settings = env.set(
        ORDER_TTL_MINUTES="7",
        MAX_PENDING_ORDERS="2",
        LOW_STOCK_THRESHOLD="0",
        DELIVERY_MAX_ATTEMPTS="4",
        CONFIRMING_HOLD_MINUTES="30",
        BAN_ON_CHARGEBACK="true",
        TOP_UP_MIN="5",
        TOP_UP_MAX="50",
        CURRENCY="EUR",
        RATES="CNY=7.8",
        STARS_RATE="55",
    )
    assert settings.rules == Rules(
        order_ttl=timedelta(minutes=7),
        max_pending=2,
        low_stock=0,
        delivery_attempts=4,
        rates=Rates("EUR", {"CNY": Decimal("7.8"), "XTR": Decimal(55)}),
        confirming_hold=timedelta(minutes=30),
        ban_on_chargeback=True,
        least_top_up=Decimal(5),
        most_top_up=Decimal(50),
    )


def test_the_owner_says_what_happens_to_money_that_does_not_fit(env: Environment) -> None:
    settings = env.set(
        RULE_LATE="ask",
        RULE_SOLD_OUT="wait",
        RULE_UNDER="credit",
        RULE_OVER="refund",
        RULE_TWICE="ask",
        RULE_MISMATCH="refund",
        RULE_UNKNOWN="wait",
        RULE_UNDELIVERABLE="wait",
    )
    assert settings.rules.remedies == Remedies(
        late=Remedy.ASK,
        sold_out=Remedy.WAIT,
        under=Remedy.CREDIT,
        over=Remedy.REFUND,
        twice=Remedy.ASK,
        mismatch=Remedy.REFUND,
        unknown=Remedy.WAIT,
        undeliverable=Remedy.WAIT,
    )


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("PORT", 0, 65535),
        ("ORDER_TTL_MINUTES", 1, 1440),
        ("MAX_PENDING_ORDERS", 1, 100),
        ("LOW_STOCK_THRESHOLD", 0, 1_000_000),
        ("DELIVERY_MAX_ATTEMPTS", 1, 100),
        ("CONFIRMING_HOLD_MINUTES", 1, 10_080),
    ],
)
def test_a_number_is_taken_up_to_its_bounds_and_no_further(
    env: Environment, name: str, least: int, most: int
) -> None:
    for value in (least, most):
        assert getattr(env.set(**{name: str(value)}), name.lower()) == value
    for wrong in (least - 1, most + 1, "1.5", "many"):
        sentence = env.refusal(**{name: str(wrong)})
        assert sentence.startswith(f"{name}: ")
        assert "many" not in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_MODE", WRITTEN),
        ("TELEGRAM_API_URL", WRITTEN),
        ("PUBLIC_URL", WRITTEN),
        ("OWNER_IDS", WRITTEN),
        ("OWNER_IDS", "9001,0"),
        ("OWNER_IDS", "-5"),
        ("OWNER_IDS", str(2**52)),
        ("CURRENCY", WRITTEN),
        ("CURRENCY", "XTR"),
        ("STARS_ENABLED", WRITTEN),
        ("STARS_RATE", WRITTEN),
        ("STARS_RATE", "0"),
        ("STARS_RATE", "NaN"),
        ("STARS_RATE", "Infinity"),
        ("STARS_RATE", "100001"),
        ("SHOP_NAME", "n" * 65),
        ("SUPPORT_CONTACT", "c" * 201),
        ("LOG_LEVEL", WRITTEN),
        ("RATES", WRITTEN),
        ("RATES", f"CNY={WRITTEN}"),
        ("RATES", f"CNY=7.2, {WRITTEN}=1"),
        ("RATES", "CNY"),
        ("RATES", "CNY="),
        ("RATES", "CNY=0"),
        ("RATES", "CNY=-7.2"),
        ("RATES", "CNY=7,2"),
        ("RATES", "CNY=NaN"),
        ("RATES", "CNY=sNaN"),
        ("RATES", "CNY=Infinity"),
        ("RATES", "USDT=1"),
        ("METHOD_TITLES", WRITTEN),
        ("METHOD_TITLES", f'{{"stars": "{WRITTEN}"'),
        ("METHOD_TITLES", f'["{WRITTEN}"]'),
        ("METHOD_TITLES", '{"stars": ""}'),
        ("METHOD_TITLES", f'{{"stars": ["{WRITTEN}"]}}'),
        ("METHOD_TITLES", f'{{"stars": "{WRITTEN * 2}"}}'),
        ("TOP_UP_MIN", WRITTEN),
        ("TOP_UP_MIN", "0"),
        ("TOP_UP_MIN", "1.5"),
        ("TOP_UP_MAX", "-1"),
        ("RULE_LATE", WRITTEN),
        ("RULE_LATE", "credit"),
        ("RULE_SOLD_OUT", "deliver"),
        ("RULE_UNDER", "wait"),
        ("RULE_UNKNOWN", "refund"),
        ("BAN_ON_CHARGEBACK", WRITTEN),
        ("DAILY_REPORT", WRITTEN),
    ],
)
def test_a_wrong_value_is_named_in_one_line_and_not_shown(
    env: Environment, name: str, value: str
) -> None:
    sentence = env.refusal(**{name: value})
    assert sentence.startswith(f"{name}: ")
    assert WRITTEN not in sentence


@pytest.mark.parametrize(
    "value", [WRITTEN, "42:", f":{WRITTEN}", f"bot:{WRITTEN}", f"42:{WRITTEN} x"]
)
def test_a_token_that_cannot_be_one_is_refused_without_being_shown(
    env: Environment, value: str
) -> None:
    """Otherwise it is first seen deep in the start, as a traceback."""
    sentence = env.refusal(BOT_TOKEN=value)
    assert "BOT_TOKEN" in sentence
    assert value not in sentence


@pytest.mark.parametrize("value", ["with space", "ключ", "a" * 257, "semi;colon"])
def test_a_webhook_secret_has_only_what_telegram_takes(env: Environment, value: str) -> None:
    """1 to 256 of A-Z, a-z, 0-9, _ and - (Bot API, setWebhook)."""
    sentence = env.refusal(BOT_TOKEN=TOKEN, TELEGRAM_WEBHOOK_SECRET=value)
    assert sentence.startswith("TELEGRAM_WEBHOOK_SECRET: ")
    assert value not in sentence


def test_without_a_token_it_says_where_to_get_one(env: Environment) -> None:
    sentence = env.refusal()
    assert sentence.startswith("BOT_TOKEN is missing")
    assert "@BotFather" in sentence


@pytest.mark.parametrize("name", sorted(known()))
def test_an_empty_value_is_as_good_as_none(env: Environment, name: str) -> None:
    assert env.set(**{name: ""}) == load(_env_file=None)


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ("9001", {9001}),
        ("9001,9002", {9001, 9002}),
        (" 9001 , 9002 ,", {9001, 9002}),
        (",", set()),
        ("9001,9001", {9001}),
    ],
)
def test_owners_are_listed_by_commas(env: Environment, given: str, ids: set[int]) -> None:
    assert env.set(OWNER_IDS=given).owner_ids == frozenset(ids)


@pytest.mark.parametrize(
    "address",
    [
        HTTPS,
        "https://shop.example:8443",
        "https://shop.example/bots",
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]:8080",
    ],
)
def test_the_web_is_reached_by_https_or_by_loopback(env: Environment, address: str) -> None:
    assert env.set(PUBLIC_URL=address).public_url == address
    assert env.set(PUBLIC_URL=f"{address}/").public_url == address


@pytest.mark.parametrize(
    "address",
    [
        "http://shop.example",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://192.168.0.1",
        "ftp://shop.example",
        "shop.example",
        "https://",
        "https://shop.example/?a=1",
        "https://shop.example/#top",
        "https://[::1",
        "https://shop.example:http",
    ],
)
def test_no_other_address_is_taken(env: Environment, address: str) -> None:
    assert env.refusal(PUBLIC_URL=address).startswith("PUBLIC_URL: ")


def test_a_webhook_needs_an_address(env: Environment) -> None:
    assert "PUBLIC_URL" in env.refusal(TELEGRAM_MODE="webhook")
    assert env.set(TELEGRAM_MODE="webhook", PUBLIC_URL=HTTPS).telegram_mode == "webhook"


def test_nobody_puts_less_than_the_least_on_their_balance(env: Environment) -> None:
    sentence = env.refusal(BOT_TOKEN=TOKEN, TOP_UP_MIN="100", TOP_UP_MAX="99")
    assert "TOP_UP_MIN" in sentence
    assert "TOP_UP_MAX" in sentence
    assert env.set(TOP_UP_MAX="100").rules.most_top_up == 100


@pytest.mark.parametrize(
    ("given", "rates"),
    [
        ("CNY=7.2", {"CNY": Decimal("7.2")}),
        ("CNY=7.2, EUR=0.92,", {"CNY": Decimal("7.2"), "EUR": Decimal("0.92")}),
        (" JPY = 151 ", {"JPY": Decimal(151)}),
        (",", {}),
    ],
)
def test_rates_are_listed_by_commas(
    env: Environment, given: str, rates: dict[str, Decimal]
) -> None:
    assert env.set(RATES=given).rates == rates


def test_methods_have_the_order_and_the_names_that_the_owner_gives_them(env: Environment) -> None:
    settings = env.set(METHODS_ORDER="usdt, stars,", METHOD_TITLES='{"usdt": "Dollars (TRC20)"}')
    assert settings.methods_order == ("usdt", "stars")
    assert settings.method_titles == {"usdt": "Dollars (TRC20)"}


def test_a_variable_called_providers_is_somebody_elses(env: Environment) -> None:
    for value in ("theirs", '{"epay": {"on": true}}', '{"theirs": {}}'):
        assert env.set(PROVIDERS=value) == load(_env_file=None)


def test_stars_cost_by_a_rate(env: Environment) -> None:
    assert env.set(STARS_RATE="52.5").stars_rate == Decimal("52.5")


def test_the_file_is_read_and_the_environment_wins(env: Environment, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SHOP_NAME=From the file\nPORT=1234\nEPAY_PID=1001\n")
    with pytest.raises(BadSettings, match="EPAY_URL"):
        load()
    (tmp_path / ".env").write_text("SHOP_NAME=From the file\nPORT=1234\nSOMEBODY_ELSES=1\n")
    settings = env.set(PORT="4321")
    assert (settings.shop_name, settings.port) == ("From the file", 4321)


def test_without_the_file_no_block_is_read_from_it(tmp_path: Path) -> None:
    """The demo is the same for everybody, whatever stands in their `.env`."""
    lines = [f"{name}={value}" for name, value in EPAY.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, f"PUBLIC_URL={HTTPS}"]))
    assert load().providers["epay"].on
    assert not load(_env_file=None).providers["epay"].on


def test_secrets_are_listed_for_the_logs_and_shown_nowhere(env: Environment) -> None:
    secrets = {
        "BOT_TOKEN": TOKEN,
        "TELEGRAM_WEBHOOK_SECRET": "a-webhook-secret",
        "SECRET_KEY": "c2VjcmV0LWtleS1vZi1hLXRlc3Q=",
        "METRICS_TOKEN": "a-metrics-token",
        "EPAY_KEY": "merchant-key",
    }
    settings = env.set(
        **EPAY | secrets,
        PUBLIC_URL=HTTPS,
        DATABASE_URL="postgresql://shop:db-password@db/shop",
        REDIS_URL="redis://:redis-password@redis:6379/0",
    )
    assert {*secrets.values(), "db-password", "redis-password"} <= set(settings.secrets())
    assert not [value for value in secrets.values() if value in repr(settings)]


def test_a_password_is_hidden_in_the_form_that_the_driver_sees(env: Environment) -> None:
    settings = env.set(DATABASE_URL="postgresql://shop:db%2Fpass%40word@db/shop")
    assert {"db%2Fpass%40word", "db/pass@word"} <= set(settings.secrets())


EXAMPLE = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
DOCUMENTED = re.findall(r"(?m)^#?([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE)


def test_the_example_documents_every_setting_once_and_nothing_else() -> None:
    assert sorted(name for name, _ in DOCUMENTED) == sorted(known())


def test_the_example_as_it_is_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(EXAMPLE, encoding="utf-8")
    assert load() == load(_env_file=None)


# Their values in the example are examples.
_EXAMPLES = {"PUBLIC_URL", "EPAY_URL", "BTCPAY_URL", "USDT_URL"}


@pytest.mark.parametrize(("name", "value"), [d for d in DOCUMENTED if d[0] not in _EXAMPLES])
def test_the_example_shows_the_default(env: Environment, name: str, value: str) -> None:
    assert env.set(**{name: value}) == load(_env_file=None)


@pytest.mark.parametrize("name", sorted(known()))
def test_the_example_says_what_a_setting_is_for(name: str) -> None:
    blocks = EXAMPLE.split("\n\n")
    [block] = [b for b in blocks if re.search(rf"(?m)^#?{name}=", b)]
    explained = any(line.startswith("# ") for line in block.splitlines())
    assert explained or name in _SELF_EXPLANATORY


_SELF_EXPLANATORY = {"HOST", "PORT", "SHOP_NAME"}


def values(**given: Any) -> Settings:  # of any setting's type
    return load(_env_file=None, **given)


def test_a_program_may_hand_in_values_of_their_own_types() -> None:
    settings = values(
        owner_ids=frozenset({9001}),
        data_dir=Path("elsewhere"),
        stars_rate=50,
        rates={"CNY": Decimal("7.2")},
        methods_order=("stars",),
    )
    assert settings.rates == {"CNY": Decimal("7.2")}
    assert settings.methods_order == ("stars",)
    assert settings.owner_ids == frozenset({9001})
    assert settings.stars_rate == 50
