// A PDF, page by page as it is scrolled to: the picture, its text to select and to be read aloud, its links. pdf.js reads it
// in a worker of ours; nothing in the file runs.

import { getDocument, GlobalWorkerOptions, TextLayer } from "pdfjs-dist/legacy/build/pdf.mjs";

const MAX_PIXELS = 16e6; // of one page; phones refuse larger canvases
const GUTTER = 32;

export async function mount(box) {
  GlobalWorkerOptions.workerSrc = box.dataset.worker;
  const fault = (name) => {
    box.querySelectorAll("[data-dit]").forEach((said) => { said.hidden = said.dataset.dit !== name; });
  };
  fault("attente");
  try {
    // No WebAssembly and no generated code: the policy of our pages allows neither.
    const file = await getDocument({
      url: box.dataset.source, useWasm: false, wasmUrl: "/", enableXfa: false, maxImageSize: 1e8,
    }).promise;
    const scale = await new Pages(box, file).show();
    fault("");
    box.classList.add("ouvert");
    return scale;
  } catch (error) {
    fault({ PasswordException: "chiffre", InvalidPDFException: "casse" }[error?.name] ?? "panne");
    return null;
  }
}

class Pages {
  constructor(box, file) {
    this.box = box;
    this.file = file;
    this.factor = 1;
    this.seen = new IntersectionObserver((entries) => entries.forEach((entry) => this.turn(entry)), {
      root: box, rootMargin: "150% 0px",
    });
  }

  async show() {
    const first = (await this.file.getPage(1)).getViewport({ scale: 1 });
    this.sizes = Array.from({ length: this.file.numPages }, () => first);
    this.leaves = this.sizes.map((_, at) => {
      const leaf = document.createElement("section");
      leaf.className = "pdf-page";
      leaf.dataset.page = at + 1;
      leaf.setAttribute("aria-label", this.box.dataset.page.replace("0", at + 1));
      return leaf;
    });
    this.box.append(...this.leaves);
    this.leaves.forEach((leaf) => this.resize(leaf));
    this.leaves.forEach((leaf) => this.seen.observe(leaf));
    let width = this.box.clientWidth;
    new ResizeObserver(() => {
      if (this.box.clientWidth === width) return;
      width = this.box.clientWidth;
      this.scale(this.factor);
    }).observe(this.box);
    return (factor) => this.scale(factor);
  }

  scale(factor) {
    this.factor = factor;
    for (const leaf of this.leaves) {
      leaf.replaceChildren();
      this.resize(leaf);
      this.seen.unobserve(leaf);
      this.seen.observe(leaf);
    }
  }

  // CSS pixels of one point of the page.
  of(size) {
    return Math.min((this.box.clientWidth - GUTTER) / size.width, 1.6) * this.factor;
  }

  resize(leaf) {
    const size = this.sizes[leaf.dataset.page - 1];
    const scale = this.of(size);
    leaf.style.width = `${Math.floor(size.width * scale)}px`;
    leaf.style.height = `${Math.floor(size.height * scale)}px`;
    leaf.style.setProperty("--total-scale-factor", scale);
  }

  turn({ target, isIntersecting }) {
    if (!isIntersecting) target.replaceChildren();
    else if (!target.firstChild) this.draw(target).catch(() => target.replaceChildren());
  }

  async draw(leaf) {
    const canvas = document.createElement("canvas");
    leaf.append(canvas);
    const page = await this.file.getPage(Number(leaf.dataset.page));
    this.sizes[leaf.dataset.page - 1] = page.getViewport({ scale: 1 });
    this.resize(leaf);
    const viewport = page.getViewport({ scale: this.of(this.sizes[leaf.dataset.page - 1]) });
    const sharp = Math.min(devicePixelRatio || 1, Math.sqrt(MAX_PIXELS / (viewport.width * viewport.height)));
    canvas.width = Math.floor(viewport.width * sharp);
    canvas.height = Math.floor(viewport.height * sharp);
    const transform = sharp === 1 ? null : [sharp, 0, 0, sharp, 0, 0];
    await page.render({ canvas, viewport, transform }).promise;
    if (canvas.parentNode !== leaf) return;
    const text = document.createElement("div");
    text.className = "textLayer";
    leaf.append(text);
    await new TextLayer({ textContentSource: page.streamTextContent(), container: text, viewport }).render();
    leaf.append(...await this.links(page, viewport));
    leaf.dataset.dessine = "1";
  }

  async links(page, viewport) {
    const found = (await page.getAnnotations({ intent: "display" })).filter((one) => one.subtype === "Link" && one.url);
    return found.slice(0, 200).map((one) => {
      const [left, top, right, bottom] = viewport.convertToViewportRectangle(one.rect);
      const link = document.createElement("a");
      link.href = one.url; // pdf.js gives only addresses that browsers may open
      link.target = "_blank";
      link.rel = "noopener noreferrer nofollow";
      link.setAttribute("aria-label", one.url);
      Object.assign(link.style, {
        left: `${Math.min(left, right)}px`, top: `${Math.min(top, bottom)}px`,
        width: `${Math.abs(right - left)}px`, height: `${Math.abs(bottom - top)}px`,
      });
      return link;
    });
  }
}
