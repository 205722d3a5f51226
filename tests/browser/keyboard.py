"""A person who has no mouse: keys alone, and the name of what they reach."""

import re

from playwright.sync_api import Page, expect

NAME = """
() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const label = at?.getAttribute("aria-label") || at?.labels?.[0]?.innerText;
  const name = label || at?.innerText || at?.title || at?.value || at?.tagName || "nothing";
  return name.trim().split("\\n")[0].slice(0, 80);
}"""
POINTED = 'window.pointed = []; addEventListener("pointerdown", e => window.pointed.push(e.target.outerHTML), true);'


class Keyboard:
    """The keyboard of a page, and a watch that nothing else is used.

    Args:
        page: the page, before JupyterLab is opened in it.
    """

    def __init__(self, page: Page):
        self.page = page
        page.add_init_script(POINTED)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Type a text."""
        self.page.keyboard.insert_text(text)

    def command(self, name: str) -> None:
        """Find a command in JupyterLab's palette and run it."""
        self.press("Control+Shift+C")
        palette = self.page.locator("#modal-command-palette")
        search = palette.locator("input")
        expect(search).to_be_focused()
        self.page.keyboard.type(name)
        expect(palette.locator(".lm-CommandPalette-item.lm-mod-active")).to_contain_text(name)
        self.press("Enter")
        expect(palette).to_be_hidden()

    def reached(self) -> str:
        """Return the name of what has the focus."""
        return self.page.evaluate(NAME)

    def tab_to(self, name: str, most: int = 80) -> None:
        """Press Tab until what is named like `name`, a regular expression, has the focus."""
        self._go("Tab", name, most)

    def arrow_to(self, name: str, most: int = 30) -> None:
        """The same in a list, by its arrow keys: up to its beginning, then down."""
        self.press(*["ArrowUp"] * most)
        if not re.search(name, self.reached()):
            self._go("ArrowDown", name, most)

    def _go(self, key: str, name: str, most: int) -> None:
        passed = []
        for _ in range(most):
            self.press(key)
            passed.append(self.reached())
            if re.search(name, passed[-1]):
                return
        raise AssertionError(f"{name!r} cannot be reached by {key}; these can: {passed}")

    def used_alone(self) -> bool:
        """Return whether no pointer was used on this page."""
        return self.page.evaluate("() => window.pointed.length === 0")
