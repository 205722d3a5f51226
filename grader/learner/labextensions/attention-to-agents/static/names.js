// Names that a screen reader speaks, where JupyterLab and ipywidgets leave them out: a slider gets its label's, what
// stands beside it says that it can be typed in, and a picture in an output gets the words that came with it (`alt` in
// the metadata of image/png). Written by hand as the one file that JupyterLab loads: nothing to build.
// Left out: Colab and VS Code, which load no such file.

const PICTURE = "image/png";

// The renderer of pictures that JupyterLab has, with alternative text.
function describePictures(rendermime) {
  const plain = rendermime.getFactory(PICTURE);
  if (!plain) return;
  const createRenderer = options => {
    const renderer = plain.createRenderer(options);
    const render = renderer.renderModel.bind(renderer);
    renderer.renderModel = async model => {
      await render(model);
      const words = model.metadata[PICTURE]?.alt;
      if (words) renderer.node.querySelector("img")?.setAttribute("alt", words);
    };
    return renderer;
  };
  rendermime.addFactory({ ...plain, createRenderer }, rendermime.getRank?.(PICTURE) ?? plain.defaultRank);
}

// The sliders of ipywidgets in `root` that have no name yet. What stands beside one is its value as the reader sees it.
function nameSliders(root) {
  for (const handle of root.querySelectorAll(".widget-slider [role=slider]:not([aria-label])")) {
    const slider = handle.closest(".widget-slider");
    const label = slider.querySelector(".widget-label");
    const readout = slider.querySelector(".widget-readout");
    if (!label?.textContent || !readout) continue;
    handle.setAttribute("aria-label", label.textContent);
    if (label.title === "null") label.removeAttribute("title");
    readout.setAttribute("role", "textbox");
    readout.setAttribute("aria-label", `${label.textContent}: type a value`);
    const say = () => {
      const words = readout.textContent.trim();
      if (words && handle.getAttribute("aria-valuetext") !== words) handle.setAttribute("aria-valuetext", words);
    };
    new MutationObserver(say).observe(readout, { childList: true, characterData: true, subtree: true });
    new MutationObserver(say).observe(handle, { attributeFilter: ["aria-valuetext"] });
    say();
  }
}

const plugin = {
  id: "attention-to-agents:names",
  description: "Names that screen readers speak, for sliders and pictures.",
  autoStart: true,
  activate: app => {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew: panel => {
        describePictures(panel.content.rendermime);
        const watch = new MutationObserver(() => nameSliders(panel.node));
        watch.observe(panel.node, { childList: true, subtree: true });
        panel.disposed.connect(() => watch.disconnect());
      },
    });
  },
};

(window._JUPYTERLAB ??= {})["attention-to-agents"] = {
  init: () => {},
  get: async () => () => ({ __esModule: true, default: plugin }),
};
