"""The demo's page as a person at the screen uses it; every step waits for what it needs."""

from base64 import b64encode
from typing import Final

from playwright.async_api import Locator, Page, expect

OWNER, ANN, WANG = 9001, 1001, 1002

_DROP: Final = """([name, encoded]) => {
    const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, { type: "text/plain" }));
    for (const type of ["dragenter", "dragover", "drop"]) {
        const options = { dataTransfer: carried, bubbles: true, cancelable: true };
        document.getElementById("chat").dispatchEvent(new DragEvent(type, options));
    }
}"""

# Whatever can be met by its test id; panes that are slid aside do not count.
_OVERHANGING: Final = """() => [...document.querySelectorAll("[data-testid], .bubble, .key")]
    .filter((item) => item.checkVisibility() && !item.closest(".pane:not(.open)"))
    .filter((item) => item.getBoundingClientRect().right > innerWidth + 0.5)
    .map((item) => item.dataset.testid || item.className)"""


class ChatPage:
    """One tab with the page, as whoever is chosen on it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def becomes(self, person_id: int) -> None:
        """Choose a person; on a phone the list of people has to be opened first."""
        opener = self.page.get_by_test_id("open-people")
        if await opener.is_visible():
            await opener.click()
        person = self.page.get_by_test_id(f"person-{person_id}")
        await person.click()
        await expect(person).to_have_attribute("aria-pressed", "true")

    async def says(self, text: str) -> None:
        composer = self.page.get_by_test_id("composer")
        await composer.fill(text)
        await composer.press("Enter")

    async def reads(self, fragment: str) -> Locator:
        """Wait for a message with this fragment; the newest one that holds it."""
        message = self.page.get_by_test_id("message").filter(has_text=fragment).last
        await expect(message).to_be_visible()
        return message

    async def presses(self, label: str) -> None:
        """The newest button with exactly this label, or with this label and a price after it."""
        await self.button(label).click()

    def button(self, label: str) -> Locator:
        buttons = self.page.get_by_test_id("inline-button")
        exact = self.page.get_by_text(label, exact=True)
        priced = self.page.get_by_text(f"{label} — ")
        return buttons.filter(has=exact.or_(priced)).last

    async def drops(self, name: str, content: bytes, caption: str) -> None:
        """A file from the desktop onto the chat."""
        await self.page.evaluate(_DROP, [name, b64encode(content).decode()])
        await self._captions(caption)

    async def attaches(self, name: str, content: bytes, caption: str) -> None:
        """A file by way of the paper clip."""
        async with self.page.expect_file_chooser() as choosing:
            await self.page.get_by_test_id("attach").click()
        chooser = await choosing.value
        await chooser.set_files({"name": name, "mimeType": "text/plain", "buffer": content})
        await self._captions(caption)

    async def _captions(self, caption: str) -> None:
        await self.page.get_by_test_id("caption").fill(caption)
        await self.page.get_by_test_id("upload-send").click()
        await expect(self.page.get_by_test_id("upload-sheet")).to_be_hidden()

    async def pays_at_the_page(self, link: str = "Pay") -> None:
        """Follow the link into its own tab, pay there and close it."""
        async with self.page.expect_popup() as opening:
            await self.presses(link)
        tab = await opening.value
        await tab.get_by_role("button", name="Pay").click()
        await expect(tab.get_by_role("heading", name="Paid")).to_be_visible()
        await tab.close()

    async def pays_by_stars(self) -> None:
        """The invoice's button, then the pay sheet."""
        await self.page.get_by_test_id("invoice").last.wait_for()
        await self.page.get_by_role("button", name="Pay Stars").last.click()
        await self.page.get_by_test_id("pay-confirm").click()
        await expect(self.page.get_by_test_id("pay-sheet")).to_be_hidden()

    @property
    def keys(self) -> Locator:
        """Every card key in the chat, in order."""
        return self.page.get_by_test_id("code")

    async def overhang(self) -> list[str]:
        """What sticks out of the window at the right; the page itself too, if it scrolls."""
        wide = await self.page.evaluate("document.scrollingElement.scrollWidth > innerWidth")
        items: list[str] = await self.page.evaluate(_OVERHANGING)
        return items + ["the page"] * wide
