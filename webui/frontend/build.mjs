// Front-end set-up: picks the icons in use into one sprite, minifies our own style sheet and scripts,
// names every file by its content and writes compressed twins. Run by setup.py, or by `npm run build`.
//
// manifest.json maps a source name to its built file and to the SHA-256 of the source, so that the server
// never serves a bundle older than the file it was made from.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = new URL("./", import.meta.url);
const source = new URL("../static/", here);
const output = new URL("../static/dist/", here);
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
  return [Buffer.from(list), Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`)];
}

async function minified(name) {
  const result = await build({
    entryPoints: [new URL(name, source).pathname],
    bundle: true,
    minify: true,
    write: false,
    target: ["es2020", "chrome87", "firefox78", "safari14"],
    format: "iife",
    legalComments: "none",
  });
  return [await readFile(new URL(name, source)), Buffer.from(result.outputFiles[0].contents)];
}

async function notices() {
  const packages = [];
  for (const name of ["lucide-static"]) {
    const { version, license } = JSON.parse(await readFile(new URL(`${name}/package.json`, modules), "utf8"));
    const text = await readFile(new URL(`${name}/LICENSE`, modules), "utf8");
    packages.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return packages.join("\n----\n\n");
}

await rm(output, { recursive: true, force: true });
await mkdir(output, { recursive: true });

const manifest = {};
async function emit(name, [original, built]) {
  const dot = name.lastIndexOf(".");
  const file = `${name.slice(0, dot)}.${sha256(built).slice(0, 10)}${name.slice(dot)}`;
  await writeFile(new URL(file, output), built);
  await writeFile(new URL(`${file}.gz`, output), gzipSync(built, { level: 9 }));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
  await writeFile(new URL(`${file}.br`, output), brotliCompressSync(built, { params }));
  manifest[name] = { file, source: sha256(original) };
}

await emit("icons.svg", await sprite());
for (const name of await readdir(source)) {
  if (name.endsWith(".css") || name.endsWith(".js")) await emit(name, await minified(name));
}
await writeFile(new URL("THIRD-PARTY.txt", output), await notices());
await writeFile(new URL("manifest.json", output), JSON.stringify(manifest, null, 1) + "\n");
