"""HTML to entities, as Telegram reads it. Offsets are in UTF-16 units."""

import pytest

from bot.sandbox.errors import ApiError
from bot.sandbox.params import Params
from bot.sandbox.text import FormattedText, formatted, message_text
from bot.sandbox.wire import Json


def read(html: str) -> FormattedText:
    return formatted(Params({"text": html, "parse_mode": "HTML"}), "text", "entities")


def entity(kind: str, offset: int, length: int, **more: object) -> Json:
    return {"type": kind, "offset": offset, "length": length, **more}


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("b", "bold"),
        ("strong", "bold"),
        ("i", "italic"),
        ("em", "italic"),
        ("u", "underline"),
        ("ins", "underline"),
        ("s", "strikethrough"),
        ("strike", "strikethrough"),
        ("del", "strikethrough"),
        ("tg-spoiler", "spoiler"),
        ("code", "code"),
        ("pre", "pre"),
        ("blockquote", "blockquote"),
        ("B", "bold"),
    ],
)
def test_tag_becomes_entity(tag: str, kind: str) -> None:
    written = read(f"🔑 <{tag}>Ключ</{tag}>")
    assert written == FormattedText("🔑 Ключ", [entity(kind, 3, 4)])


@pytest.mark.parametrize(
    ("html", "text", "entities"),
    [
        (
            '<a href="https://example.com/?a=1&amp;b=2">shop</a>',
            "shop",
            [entity("text_link", 0, 4, url="https://example.com/?a=1&b=2")],
        ),
        ("<a href='no'>x</a>", "x", []),
        (
            "🔑 <a>shop.example/1</a>",
            "🔑 shop.example/1",
            [entity("text_link", 3, 14, url="http://shop.example/1")],
        ),
        ("<code class='&quot;'>x</code>", "x", [entity("code", 0, 1)]),
        ('<span class="tg-spoiler">x</span>', "x", [entity("spoiler", 0, 1)]),
        ("<span class=tg-spoiler>x</span>", "x", [entity("spoiler", 0, 1)]),
        (
            "<blockquote expandable>terms</blockquote>",
            "terms",
            [entity("expandable_blockquote", 0, 5)],
        ),
        (
            '<pre><code class="language-python">x = 1</code></pre>',
            "x = 1",
            [entity("pre", 0, 5, language="python")],
        ),
        ('<code class="language-python">x</code>', "x", [entity("code", 0, 1)]),
        (
            '<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>',
            "👍",
            [entity("custom_emoji", 0, 2, custom_emoji_id="5368324170671202286")],
        ),
        ("<b>a<i>b</i></b>", "ab", [entity("bold", 0, 2), entity("italic", 1, 1)]),
        (
            "<b>Key: <code>A&lt;B</code> kept</b>",
            "Key: A<B kept",
            [entity("bold", 0, 5), entity("code", 5, 3), entity("bold", 8, 5)],
        ),
        ("<b></b>x", "x", []),
    ],
)
def test_markup_is_read(html: str, text: str, entities: list[Json]) -> None:
    assert read(html) == FormattedText(text, entities)


def test_only_four_names_and_numbers_are_references() -> None:
    written = read("&lt;&gt;&amp;&quot;&#65;&#x1F511; &apos;&nbsp;&copy; a & b &#0; &lt")
    assert written.text == '<>&"A🔑 &apos;&nbsp;&copy; a & b &#0; <'


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("x<br>", 'Unsupported start tag "br" at byte offset 1'),
        ("ключ <3 5>", 'Unsupported start tag "3" at byte offset 9'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("<a href", 'Unclosed start tag "a" at byte offset 0'),
        ('<a href="x"', "Unclosed start tag at byte offset 0"),
        ('<a ="x">y</a>', 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=x/>y</a>", "Unexpected end of name token at byte offset 8"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ('<tg-emoji emoji-id="x">y</tg-emoji>', "Invalid custom emoji identifier specified"),
    ],
)
def test_broken_markup_is_refused_in_telegrams_words(html: str, reason: str) -> None:
    with pytest.raises(ApiError) as refusal:
        read(html)
    assert refusal.value.description == f"Bad Request: can't parse entities: {reason}"


def test_ends_are_trimmed_but_not_before_an_entity() -> None:
    assert read("\n  two <b>words</b> \n") == FormattedText("two words", [entity("bold", 4, 5)])
    assert read(" <pre>  x  </pre> ") == FormattedText("  x", [entity("pre", 0, 3)])


def test_control_characters_go_and_offsets_follow() -> None:
    written = read("a\r\n<b>b\tc</b>\r\n<i>d</i>\x00e")
    assert written.text == "a\nb c\nd e"
    assert written.entities == [entity("bold", 2, 3), entity("italic", 6, 1)]


def test_links_commands_and_addresses_are_found() -> None:
    text = "🔑 see https://example.com/a?b=1. or /order_7, me@example.com, @support_bot #new"
    assert [(e["type"], e["offset"], e["length"]) for e in read(text).entities] == [
        ("url", 7, 25),
        ("bot_command", 37, 8),
        ("email", 47, 14),
        ("mention", 63, 12),
        ("hashtag", 76, 4),
    ]


def test_nothing_is_found_inside_code() -> None:
    written = read("<code>https://example.com</code>")
    assert written.entities == [entity("code", 0, 19)]


def test_entities_may_be_given_instead() -> None:
    given = [entity("code", 3, 4), entity("bold", 90, 4)]
    params = Params({"text": "🔑 <b>x", "entities": given})
    assert message_text(params) == FormattedText("🔑 <b>x", [entity("code", 3, 4)])


def test_other_parse_modes_are_refused() -> None:
    with pytest.raises(ApiError, match="Bad Request: unsupported parse_mode"):
        message_text(Params({"text": "*x*", "parse_mode": "Markdown"}))
