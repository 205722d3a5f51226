"""What a screen reader is told of a place on a page: Chromium's own accessibility tree, read through its debugger."""

import itertools

from playwright.sync_api import Locator

ACTS = {
    "button", "checkbox", "combobox", "DisclosureTriangle", "image", "img", "link", "listbox", "menuitem", "meter",
    "progressbar", "radio", "scrollbar", "searchbox", "slider", "spinbutton", "switch", "tab", "textbox",
}  # fmt: skip
_number = itertools.count()


def nodes(place: Locator) -> list[dict]:
    """The tree of `place`, flat: role, name, whether it takes the focus, and HTML of each node that is not ignored."""
    mark = f"read-{next(_number)}"
    place.evaluate("(element, mark) => element.setAttribute('data-mark', mark)", mark)
    session = place.page.context.new_cdp_session(place.page)
    session.send("Accessibility.enable")
    found = session.send("Runtime.evaluate", {"expression": f"document.querySelector('[data-mark={mark}]')"})
    tree = session.send("Accessibility.queryAXTree", {"objectId": found["result"]["objectId"]})["nodes"]
    seen = [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", "").strip(),
            "focusable": any(p["name"] == "focusable" and p["value"]["value"] for p in node.get("properties", [])),
            "html": node.get("backendDOMNodeId"),
        }
        for node in tree
        if not node["ignored"]
    ]
    for node in (node for node in seen if _nameless(node) and node["html"]):
        node["html"] = session.send("DOM.getOuterHTML", {"backendNodeId": node["html"]})["outerHTML"]
    session.detach()
    return seen


def nameless(place: Locator) -> list[str]:
    """What a reader acts on or looks at in `place` and that has no name: its role and the beginning of its HTML."""
    return [f"{node['role']}: {str(node['html'])[:200]}" for node in nodes(place) if _nameless(node)]


def _nameless(node: dict) -> bool:
    return (node["role"] in ACTS or node["focusable"]) and not node["name"]
