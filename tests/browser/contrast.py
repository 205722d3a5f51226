"""How well text stands out on a page, by WCAG 2's measure: 1 is invisible, 21 is black on white, 4.5 is enough."""

from playwright.sync_api import Locator

LEAST = 4.5
FAINT = """
(roots, least) => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const parse = colour => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return {rgb: [r, g, b], alpha: a / 255};
  };
  const over = (top, alpha, below) => top.map((x, i) => alpha * x + (1 - alpha) * below[i]);
  const light = rgb => {
    const [r, g, b] = rgb.map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const faint = [];
  const texts = roots.flatMap(root => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    return found;
  });
  for (const text of texts) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    if (getComputedStyle(element).clipPath !== "none" || element.closest("mjx-container, style, script")) continue;
    let opacity = 1, layers = [];
    for (let node = element; node; node = node.parentElement) {
      const style = getComputedStyle(node), {rgb, alpha} = parse(style.backgroundColor);
      opacity *= parseFloat(style.opacity);
      if (alpha) layers.unshift([rgb, alpha]);
      if (alpha === 1) break;
    }
    const paper = matchMedia("(prefers-color-scheme: dark)").matches
      && getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18] : [255, 255, 255];
    const below = layers.reduce((colour, [rgb, alpha]) => over(rgb, alpha, colour), paper);
    const ink = parse(getComputedStyle(element).color);
    const found = ratio(over(ink.rgb, ink.alpha * opacity, below), below);
    if (found < least) faint.push(`${found.toFixed(1)}: ${text.data.trim().slice(0, 60)}`);
  }
  return [...new Set(faint)];
}"""


def faint(place: Locator) -> list[str]:
    """Return the texts in `place` that stand out by less than 4.5, each after its ratio. Formulas are left out."""
    place.first.wait_for()
    return place.evaluate_all(FAINT, LEAST)
