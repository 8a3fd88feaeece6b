// Front-end set-up: picks the icons in use into one sprite, minifies our own style sheets and scripts, bundles
// every module of src/ with the libraries it imports, names every file by its content and writes compressed twins.
// Run by setup.py, or by `npm run build`.
//
// manifest.json maps a name to its built file and to the SHA-256 of every file of ours it was made from (paths from
// webui/), so that the server never serves a bundle older than its sources.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = new URL("./", import.meta.url);
const webui = new URL("../", here);
const source = new URL("static/", webui);
const output = new URL("static/dist/", webui);
const modules = new URL("node_modules/", here);

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function sprite() {
  const list = await readFile(new URL("src/icons.txt", here), "utf8");
  const symbols = [];
  for (const name of list.split("\n").filter(Boolean)) {
    const svg = await readFile(new URL(`lucide-static/icons/${name}.svg`, modules), "utf8");
    const shapes = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    symbols.push(`<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s+/g, " ").replace(/> </g, "><").trim()}</symbol>`);
  }
  return [["frontend/src/icons.txt"], Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`)];
}

const options = {
  bundle: true,
  minify: true,
  write: false,
  legalComments: "none",
  metafile: true,
  absWorkingDir: fileURLToPath(webui),
};
const used = new Set(["lucide-static"]);

// Old browsers get the style sheets and classic scripts; one that cannot read a module does without it.
const targets = { iife: ["es2020", "chrome87", "firefox78", "safari14"], esm: ["es2022"] };

// pdf.js fetches the decoders of scanned pages from an address by a fixed name; ours are named by content, so they become
// part of its worker.
const decoders = {
  name: "decoders",
  setup({ onLoad }) {
    onLoad({ filter: /pdfjs-dist\/legacy\/build\/pdf\.worker\.mjs$/ }, async ({ path }) => {
      let code = await readFile(path, "utf8");
      for (const name of ["jbig2", "openjpeg"]) {
        const asked = new RegExp(`(\\}${name}_nowasm_fallback\\.js\`;\\s+let instance = null;\\s+try \\{\\s+const mod = await import\\()[^)]*\\)`);
        if (!asked.test(code)) throw new Error(`pdf.js asks for ${name} in another way`);
        code = code.replace(asked, `$1"../../wasm/${name}_nowasm_fallback.js")`);
      }
      return { contents: code };
    });
  },
};

// One file of static/ (a classic script or a style sheet) or one module of src/ with all that it imports.
async function bundled(entry, format) {
  const result = await build({ ...options, entryPoints: [entry], format, target: targets[format], plugins: [decoders] });
  const own = [];
  for (const input of Object.keys(result.metafile.inputs)) {
    const library = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
    if (library) used.add(library[1]);
    else own.push(input);
  }
  if (own.length < Object.keys(result.metafile.inputs).length) own.push("frontend/package-lock.json");
  return [own, Buffer.from(result.outputFiles[0].contents)];
}

async function notices() {
  const packages = [];
  for (const name of [...used].sort()) {
    const folder = new URL(`${name}/`, modules);
    const { version, license } = JSON.parse(await readFile(new URL("package.json", folder), "utf8"));
    const files = (await readdir(folder, { recursive: true })).filter((file) => /^(?!.*node_modules)(.*\/)?licen[cs]e[^/]*$/i.test(file));
    const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), "utf8")));
    packages.push(`${name} ${version} (${license})\n\n${texts.join("\n").trim()}\n`);
  }
  return packages.join("\n----\n\n");
}

await rm(output, { recursive: true, force: true });
await mkdir(output, { recursive: true });

const manifest = {};
async function emit(name, [sources, built]) {
  const dot = name.lastIndexOf(".");
  const file = `${name.slice(0, dot)}.${sha256(built).slice(0, 10)}${name.slice(dot)}`;
  await writeFile(new URL(file, output), built);
  await writeFile(new URL(`${file}.gz`, output), gzipSync(built, { level: 9 }));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
  await writeFile(new URL(`${file}.br`, output), brotliCompressSync(built, { params }));
  const hashes = await Promise.all(sources.map(async (path) => [path, sha256(await readFile(new URL(path, webui)))]));
  manifest[name] = { file, sources: Object.fromEntries(hashes) };
}

await emit("icons.svg", await sprite());
for (const name of (await readdir(source)).sort()) {
  if (/\.(css|js)$/.test(name)) await emit(name, await bundled(`static/${name}`, "iife"));
}
for (const name of (await readdir(new URL("src/", here))).sort()) {
  if (name.endsWith(".js")) await emit(name, await bundled(`frontend/src/${name}`, "esm"));
}
await writeFile(new URL("THIRD-PARTY.txt", output), await notices());
await writeFile(new URL("manifest.json", output), JSON.stringify(manifest, null, 1) + "\n");
