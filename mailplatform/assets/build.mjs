// Builds the browser assets into mailplatform/static/dist (git-ignored).
//
//   node mailplatform/assets/build.mjs [--watch]
//
// The icon sprite holds only the Tabler icons that a template, a Python file or a script names,
// found by scanning: {% icon "users" %}, icon="users", icon: "users". A name that does not exist fails the build.
// The pages' style sheet keeps the rules whose classes the same files name (unused-css.mjs). What is worth it stands
// beside its file compressed, so that also a server without a proxy sends little.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import { build, context } from "esbuild";
import { withoutUnused } from "./unused-css.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../..");
const out = path.join(root, "mailplatform/static/dist");
const iconFolder = path.join(root, "node_modules/@tabler/icons/icons");

const options = {
  entryPoints: ["app.css", "app.js", "editor.js", "chart.js", "visual.css", "visual.js"].map((name) => path.join(here, name)),
  outdir: out,
  bundle: true,
  minify: true,
  sourcemap: false,
  target: ["es2022", "chrome123", "firefox121", "safari17.5"],
  format: "esm",
  legalComments: "linked",
  loader: { ".woff2": "file" },
  plugins: [{
    // The visual editor's style sheet brings a font as data:, which no policy of ours allows, and which nothing uses.
    name: "no-embedded-fonts",
    setup(made) {
      made.onLoad({ filter: /grapes\.min\.css$/ }, async ({ path: file }) => ({
        contents: (await readFile(file, "utf8")).replace(/@font-face\s*\{[^}]*\}/g, ""), loader: "css",
      }));
    },
  }],
  assetNames: "[name]-[hash]",
  logLevel: "warning",
};

const scanned = ["templates/pages", "mailplatform", "subscribers", "campaigns", "events"];
const scannedTypes = new Set([".html", ".py", ".js"]);
const skipped = new Set(["node_modules", "static/dist", "__pycache__", "migrations"]);
// Named through a variable or a default, where the scan cannot see them.
const always = ["inbox", "circle-check", "alert-circle", "alert-triangle", "info-circle"];
const mention = /\bicon(?:\s*[=:]\s*|\s+)["']([a-z0-9-]+)["']/g;

async function* files(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const full = path.join(folder, entry.name);
    if ([...skipped].some((part) => full.endsWith(part))) continue;
    if (entry.isDirectory()) yield* files(full);
    else if (scannedTypes.has(path.extname(entry.name))) yield full;
  }
}

async function texts() {
  const found = new Map();
  for (const folder of scanned) {
    for await (const file of files(path.join(root, folder))) found.set(path.relative(root, file), await readFile(file, "utf8"));
  }
  return found;
}

function iconNames(ours) {
  const names = new Map(always.map((name) => [name, "build.mjs"]));
  for (const [file, text] of ours) {
    for (const [, name] of text.matchAll(mention)) if (!names.has(name)) names.set(name, file);
  }
  return names;
}

async function symbol(name, mentionedIn) {
  const [style, file] = name.endsWith("-filled") ? ["filled", name.slice(0, -7)] : ["outline", name];
  const svg = await readFile(path.join(iconFolder, style, `${file}.svg`), "utf8").catch(() => {
    throw new Error(`${mentionedIn} names the icon "${name}", which @tabler/icons does not have`);
  });
  const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
  return `<symbol id="${name}" viewBox="0 0 24 24">${inner.replace(/\s*\n\s*/g, "")}</symbol>`;
}

async function sprite(ours) {
  const symbols = [];
  for (const [name, file] of [...iconNames(ours)].sort()) symbols.push(await symbol(name, file));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
  await writeFile(path.join(out, "icons.svg"), svg);
}

// The rules of the pages' sheet that a page, or a script bundled for one, can use.
async function slimmed(ours, metafile) {
  const bundled = Object.keys(metafile.inputs).filter((file) => file.includes("node_modules") && file.endsWith("js"));
  const theirs = await Promise.all(bundled.map((file) => readFile(file, "utf8")));
  const sheet = path.join(out, "app.css");
  await writeFile(sheet, withoutUnused(await readFile(sheet, "utf8"), [...ours.values(), ...theirs]));
}

async function compressed(names) {
  const made = names.filter((name) => /\.(css|js|svg)$/.test(name)).map(async (name) => {
    const content = await readFile(path.join(out, name));
    await writeFile(path.join(out, `${name}.br`), await promisify(brotliCompress)(content));
    await writeFile(path.join(out, `${name}.gz`), await promisify(gzip)(content, { level: 9 }));
    return [`${name}.br`, `${name}.gz`];
  });
  return (await Promise.all(made)).flat();
}

// Files are replaced in place and left-overs removed last: a running site never misses its style sheet.
async function tidy(made) {
  for (const name of await readdir(out)) if (!made.has(name)) await rm(path.join(out, name));
}

await mkdir(out, { recursive: true });
if (process.argv.includes("--watch")) {
  for (const name of await readdir(out)) if (/\.(br|gz)$/.test(name)) await rm(path.join(out, name));
  await sprite(await texts());
  await (await context(options)).watch();
} else {
  const ours = await texts();
  const [, { metafile }] = await Promise.all([sprite(ours), build({ ...options, metafile: true })]);
  await slimmed(ours, metafile);
  const names = ["icons.svg", ...Object.keys(metafile.outputs).map((file) => path.basename(file))];
  await tidy(new Set([...names, ...(await compressed(names))]));
}
