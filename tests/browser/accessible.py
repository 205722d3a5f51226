"""What a screen reader is told of a place on a page: Chromium's own accessibility tree, read through its debugger."""

import itertools

from playwright.sync_api import Locator

ACTS = {
    "button", "checkbox", "combobox", "DisclosureTriangle", "image", "img", "link", "listbox", "menuitem", "meter",
    "progressbar", "radio", "scrollbar", "searchbox", "slider", "spinbutton", "switch", "tab", "textbox",
}  # fmt: skip
_number = itertools.count()


def nodes(place: Locator) -> list[dict]:
    """The tree of `place`, flat: a role, a name and whether it takes the focus, for each node that is not ignored."""
    mark = f"read-{next(_number)}"
    place.evaluate("(element, mark) => element.setAttribute('data-mark', mark)", mark)
    session = place.page.context.new_cdp_session(place.page)
    session.send("Accessibility.enable")
    found = session.send("Runtime.evaluate", {"expression": f"document.querySelector('[data-mark={mark}]')"})
    tree = session.send("Accessibility.queryAXTree", {"objectId": found["result"]["objectId"]})["nodes"]
    session.detach()
    return [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", "").strip(),
            "focusable": any(p["name"] == "focusable" and p["value"]["value"] for p in node.get("properties", [])),
        }
        for node in tree
        if not node["ignored"]
    ]


def nameless(place: Locator) -> list[str]:
    """The roles of what a reader acts on or looks at in `place` and that has no name."""
    return [node["role"] for node in nodes(place) if (node["role"] in ACTS or node["focusable"]) and not node["name"]]
