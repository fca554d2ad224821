"""Each provider's settings: on when all that it needs is there, and refused by name."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.payment_settings import BLOCKS, EPaySettings, ProviderBlock, plain
from tests.unit.environment import EPAY, HTTPS, TOKEN, WRITTEN, Environment, clear, known

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQ-a-key-of-a-test\n-----END PRIVATE KEY-----\n"
ONE_LINE = PEM.strip().replace("\n", "\\n")
# All that each provider needs, and nothing more.
NEEDED: Mapping[str, dict[str, str]] = {
    "telegram": {"TELEGRAM_PROVIDER_TOKEN": "284685063:TEST:provider-token"},
    "alipay": {
        "ALIPAY_APP_ID": "2021000000000000",
        "ALIPAY_SELLER_ID": "2088000000000000",
        "ALIPAY_PRIVATE_KEY": "alipay-private-key",
        "ALIPAY_PUBLIC_KEY": "alipay-public-key",
    },
    "wechat": {
        "WECHAT_APP_ID": "wx0000000000000000",
        "WECHAT_MCH_ID": "1900000000",
        "WECHAT_API_V3_KEY": "wechat-api-v3-key-of-32-signs...",
        "WECHAT_PRIVATE_KEY": "wechat-private-key",
        "WECHAT_CERT_SERIAL": "5157F09EFDC096DE15EBE81A47057A72",
        "WECHAT_PUBLIC_KEYS": '{"PUB_KEY_ID_1": "wechat-public-key"}',
    },
    "epay": EPAY,
    "stripe": {"STRIPE_SECRET_KEY": "stripe-secret", "STRIPE_WEBHOOK_SECRET": "stripe-webhook"},
    "paypal": {
        "PAYPAL_CLIENT_ID": "a-client",
        "PAYPAL_SECRET": "paypal-secret",
        "PAYPAL_WEBHOOK_ID": "8PT597110X687430LKGECATA",
    },
    "cryptopay": {"CRYPTOPAY_TOKEN": "12345:cryptopay-token"},
    "btcpay": {
        "BTCPAY_URL": "https://btcpay.example",
        "BTCPAY_STORE_ID": "a-store",
        "BTCPAY_API_KEY": "btcpay-api-key",
        "BTCPAY_WEBHOOK_SECRET": "btcpay-webhook",
    },
    "usdt": {"USDT_URL": "https://usdt.example", "USDT_TOKEN": "usdt-token"},
    "nowpayments": {
        "NOWPAYMENTS_API_KEY": "nowpayments-api-key",
        "NOWPAYMENTS_IPN_SECRET": "nowpayments-ipn-secret",
    },
}
EACH = pytest.mark.parametrize("code", list(BLOCKS))
FILES = [
    block.env_name(field)
    for block in BLOCKS.values()
    for field in block.model_fields
    if field.endswith("_file")
]


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    clear(monkeypatch, tmp_path)
    return Environment(monkeypatch)


def secret_fields(block: type[ProviderBlock]) -> Iterator[str]:
    for name, field in block.model_fields.items():
        if "SecretStr" in str(field.annotation):
            yield name


def hidden(value: object) -> str:
    assert isinstance(value, SecretStr)
    return plain(value)


# --- On and off -------------------------------------------------------------------------------


def test_what_each_provider_needs_is_known_here() -> None:
    assert set(NEEDED) == set(BLOCKS)


@EACH
def test_a_provider_without_settings_is_off(env: Environment, code: str) -> None:
    assert not env.set().providers[code].on


@EACH
def test_a_provider_with_all_that_it_needs_is_on_and_no_other(env: Environment, code: str) -> None:
    settings = env.set(**NEEDED[code], PUBLIC_URL=HTTPS)
    assert [name for name, block in settings.providers.items() if block.on] == [code]
    assert type(settings.providers[code]) is BLOCKS[code]


def test_all_of_them_may_be_on_together(env: Environment) -> None:
    every = {name: value for needed in NEEDED.values() for name, value in needed.items()}
    settings = env.set(**every, PUBLIC_URL=HTTPS)
    assert list(settings.providers) == list(BLOCKS)
    assert all(block.on for block in settings.providers.values())


@pytest.mark.parametrize(
    ("code", "missing"), [(code, name) for code in NEEDED for name in NEEDED[code]]
)
def test_half_a_provider_says_what_is_missing_and_nothing_of_what_is_there(
    env: Environment, code: str, missing: str
) -> None:
    given = {name: value for name, value in NEEDED[code].items() if name != missing}
    if not given:  # a single setting has no halves
        assert not env.set(PUBLIC_URL=HTTPS).providers[code].on
        return
    sentence = env.refusal(**given, BOT_TOKEN=TOKEN, PUBLIC_URL=HTTPS)
    assert BLOCKS[code].title in sentence
    assert [name for name in NEEDED[code] if name in sentence] == [missing]
    assert not [value for value in given.values() if value in sentence]


@pytest.mark.parametrize("code", ["alipay", "wechat", "paypal", "btcpay"])
def test_everything_that_is_missing_is_named_at_once(env: Environment, code: str) -> None:
    (first, value), *rest = NEEDED[code].items()
    sentence = env.refusal(**{first: value}, BOT_TOKEN=TOKEN, PUBLIC_URL=HTTPS)
    assert [name for name in NEEDED[code] if name in sentence] == [name for name, _ in rest]


@EACH
def test_who_calls_back_needs_an_address_to_call(env: Environment, code: str) -> None:
    if not BLOCKS[code].calls_back:
        assert env.set(**NEEDED[code]).providers[code].on
        return
    sentence = env.refusal(**NEEDED[code], BOT_TOKEN=TOKEN)
    assert BLOCKS[code].title in sentence
    assert "PUBLIC_URL" in sentence


def test_telegram_alone_calls_nobody_back() -> None:
    assert [code for code, block in BLOCKS.items() if not block.calls_back] == ["telegram"]


def test_no_two_providers_share_a_setting() -> None:
    names = [block.env_name(field) for block in BLOCKS.values() for field in block.model_fields]
    assert len(set(names)) == len(names)


# --- EPay and USDT, which come in several versions --------------------------------------------


def test_epay_is_of_version_1_by_its_key(env: Environment) -> None:
    epay = env.set(**EPAY, PUBLIC_URL=HTTPS).providers["epay"]
    assert isinstance(epay, EPaySettings)
    assert (epay.url, epay.pid, plain(epay.key)) == ("https://pay.example", "1001", "merchant-key")
    assert (epay.types, epay.currency, epay.confirm) == (("alipay",), None, True)


def test_epay_is_of_version_2_by_its_two_keys(env: Environment) -> None:
    second = {"EPAY_PRIVATE_KEY": "epay-private-key", "EPAY_PLATFORM_KEY": "epay-platform-key"}
    base = {"EPAY_URL": "https://pay.example", "EPAY_PID": "1001"}
    epay = env.set(**base, **second, PUBLIC_URL=HTTPS).providers["epay"]
    assert isinstance(epay, EPaySettings)
    assert epay.on
    assert (plain(epay.private_key), epay.platform_key) == (
        "epay-private-key",
        "epay-platform-key",
    )


@pytest.mark.parametrize("given", ["EPAY_PRIVATE_KEY", "EPAY_PLATFORM_KEY"])
def test_half_of_epays_version_2_is_refused(env: Environment, given: str) -> None:
    sentence = env.refusal(**EPAY, PUBLIC_URL=HTTPS, BOT_TOKEN=TOKEN, **{given: WRITTEN})
    assert "EPAY_PRIVATE_KEY" in sentence
    assert "EPAY_PLATFORM_KEY" in sentence
    assert WRITTEN not in sentence


@pytest.mark.parametrize(
    "keys",
    [
        {"EPAY_KEY": WRITTEN},
        {"EPAY_PRIVATE_KEY": WRITTEN, "EPAY_PLATFORM_KEY": WRITTEN},
    ],
)
def test_epays_keys_alone_open_nothing(env: Environment, keys: dict[str, str]) -> None:
    sentence = env.refusal(**keys, PUBLIC_URL=HTTPS, BOT_TOKEN=TOKEN)
    assert "EPAY_URL and EPAY_PID" in sentence
    assert WRITTEN not in sentence


def test_epays_types_are_listed_by_commas(env: Environment) -> None:
    more = {
        "EPAY_TYPES": "alipay, wxpay,,qqpay ",
        "EPAY_CURRENCY": "cny",
        "EPAY_CONFIRM": "false",
    }
    epay = env.set(**EPAY, **more, PUBLIC_URL=HTTPS).providers["epay"]
    assert isinstance(epay, EPaySettings)
    assert epay.types == ("alipay", "wxpay", "qqpay")
    assert (epay.currency, epay.confirm) == ("CNY", False)


@pytest.mark.parametrize("types", [",", " , "])
def test_epay_without_a_type_is_refused_by_name(env: Environment, types: str) -> None:
    sentence = env.refusal(**EPAY, BOT_TOKEN=TOKEN, PUBLIC_URL=HTTPS, EPAY_TYPES=types)
    assert sentence.startswith("EPAY_TYPES: ")


def test_usdt_by_gmpay_needs_its_merchant_as_well(env: Environment) -> None:
    gmpay = {**NEEDED["usdt"], "USDT_DIALECT": "gmpay", "PUBLIC_URL": HTTPS}
    assert "USDT_PID" in env.refusal(**gmpay, BOT_TOKEN=TOKEN)
    assert env.set(**gmpay, USDT_PID="1001").providers["usdt"].on


def test_usdts_dialect_alone_turns_nothing_on(env: Environment) -> None:
    assert not env.set(USDT_DIALECT="gmpay").providers["usdt"].on


# --- Keys, in files and on one line -----------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_file_may_hold_the_key(env: Environment, tmp_path: Path, name: str) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    code = name.partition("_")[0].lower()
    field = name.removesuffix("_FILE").removeprefix(f"{code}_".upper()).lower()
    rest = {n: v for n, v in NEEDED[code].items() if n != name.removesuffix("_FILE")}
    if code == "epay":  # version 2 needs both of its keys
        rest |= {"EPAY_PRIVATE_KEY": "one", "EPAY_PLATFORM_KEY": "other"}
        rest.pop(name.removesuffix("_FILE"))
    block = env.set(**rest, PUBLIC_URL=HTTPS, **{name: str(tmp_path / "key.pem")}).providers[code]
    assert block.on
    value = getattr(block, field)
    assert (hidden(value) if isinstance(value, SecretStr) else value) == PEM


def test_files_are_named_in_the_env_file_too(env: Environment, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    needed = {**NEEDED["alipay"], "PUBLIC_URL": HTTPS}
    del needed["ALIPAY_PRIVATE_KEY"]
    lines = [f"{name}={value}" for name, value in needed.items()]
    lines.append(f"ALIPAY_PRIVATE_KEY_FILE={tmp_path}/key.pem")
    (tmp_path / ".env").write_text("\n".join(lines))
    assert env.set().providers["alipay"].on


def test_what_is_written_wins_over_the_file(env: Environment, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    file = {"ALIPAY_PRIVATE_KEY_FILE": str(tmp_path / "key.pem")}
    block = env.set(**NEEDED["alipay"], **file, PUBLIC_URL=HTTPS).providers["alipay"]
    assert "alipay-private-key" in block.secrets()
    assert PEM not in block.secrets()


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_named_by_its_setting(
    env: Environment, tmp_path: Path, name: str
) -> None:
    (tmp_path / "picture.pem").write_bytes(b"\x89PNG\xff\xfe")
    for file in (tmp_path, tmp_path / "missing.pem", tmp_path / "picture.pem"):
        assert env.refusal(BOT_TOKEN=TOKEN, **{name: str(file)}).startswith(f"{name}: ")


@pytest.mark.parametrize("name", FILES)
def test_a_key_that_stands_where_its_file_belongs_is_not_shown(
    env: Environment, name: str
) -> None:
    for key in (WRITTEN, PEM.replace("a-key-of-a-test", WRITTEN)):
        sentence = env.refusal(BOT_TOKEN=TOKEN, **{name: key})
        assert sentence.startswith(f"{name}: ")
        assert WRITTEN not in sentence


def test_a_pem_may_stand_on_one_line() -> None:
    assert plain(SecretStr(ONE_LINE)) == PEM.strip()
    assert plain(SecretStr(PEM)) == PEM
    assert plain(None) == ""


# --- What is wrong, by its name and never shown -----------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, f"http://{WRITTEN}.example")
            for name in sorted(known())
            if name.endswith("_URL")
            and name.partition("_")[0].lower() in BLOCKS
            and name != "TELEGRAM_API_URL"
        ),
        ("ALIPAY_PRODUCT", WRITTEN),
        ("PAYPAL_VERIFY", WRITTEN),
        ("EPAY_CURRENCY", WRITTEN),
        ("EPAY_CONFIRM", WRITTEN),
        ("USDT_DIALECT", WRITTEN),
        ("USDT_SIGNATURE", WRITTEN),
        ("USDT_CURRENCY", "XTR"),
        ("USDT_CONFIRM", WRITTEN),
        ("WECHAT_PUBLIC_KEYS", WRITTEN),
        ("WECHAT_PUBLIC_KEYS", f'["{WRITTEN}"]'),
        ("WECHAT_PUBLIC_KEYS", f'{{"PUB_KEY_ID_1": ["{WRITTEN}"]}}'),
    ],
)
def test_a_wrong_value_is_named_in_one_line_and_not_shown(
    env: Environment, name: str, value: str
) -> None:
    sentence = env.refusal(BOT_TOKEN=TOKEN, **{name: value})
    assert sentence.startswith(f"{name}: ")
    assert WRITTEN not in sentence


# --- Secrets ----------------------------------------------------------------------------------


@EACH
def test_every_secret_of_a_provider_is_listed_for_the_logs_and_shown_nowhere(
    env: Environment, code: str
) -> None:
    block = BLOCKS[code]
    secrets = {block.env_name(name): f"{WRITTEN}-{name}" for name in secret_fields(block)}
    both = {"EPAY_PLATFORM_KEY": "public"} if code == "epay" else {}
    settings = env.set(**{**NEEDED[code], **both, **secrets}, PUBLIC_URL=HTTPS)
    assert secrets
    assert set(secrets.values()) <= set(settings.secrets())
    assert WRITTEN not in repr(settings)


@EACH
def test_what_sounds_secret_is_kept_as_a_secret(code: str) -> None:
    """Keys of the other side's are public: they sign nothing of ours."""
    block = BLOCKS[code]
    public = {"public_key", "public_keys", "platform_key"}
    sounds = {
        name
        for name in block.model_fields
        if name.rpartition("_")[2] in {"key", "keys", "secret", "token"}
    }
    assert sounds - public == set(secret_fields(block))


def test_each_of_several_webhook_secrets_is_listed(env: Environment) -> None:
    several = {**NEEDED["stripe"], "STRIPE_WEBHOOK_SECRET": "whsec_first, whsec_second"}
    settings = env.set(**several, PUBLIC_URL=HTTPS)
    assert {"whsec_first", "whsec_second"} <= set(settings.secrets())


def test_a_pem_on_one_line_is_hidden_in_the_form_that_the_program_uses(env: Environment) -> None:
    needed = {**NEEDED["alipay"], "ALIPAY_PRIVATE_KEY": ONE_LINE}
    settings = env.set(**needed, PUBLIC_URL=HTTPS)
    assert PEM.strip() in settings.secrets()
