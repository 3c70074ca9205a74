// Builds the browser assets into mailplatform/static/dist (git-ignored).
//
//   node mailplatform/assets/build.mjs [--watch]
//
// The icon sprite holds only the Tabler icons that a template, a Python file or a script names,
// found by scanning: {% icon "users" %}, icon="users", icon: "users". A name that does not exist fails the build.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

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
  assetNames: "[name]",
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

async function iconNames() {
  const names = new Map(always.map((name) => [name, "build.mjs"]));
  for (const folder of scanned) {
    for await (const file of files(path.join(root, folder))) {
      for (const [, name] of (await readFile(file, "utf8")).matchAll(mention)) {
        if (!names.has(name)) names.set(name, path.relative(root, file));
      }
    }
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

async function sprite() {
  const symbols = [];
  for (const [name, file] of [...(await iconNames())].sort()) symbols.push(await symbol(name, file));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
  await writeFile(path.join(out, "icons.svg"), svg);
}

// Files are replaced in place and left-overs removed last: a running site never misses its style sheet.
async function tidy(made) {
  for (const name of await readdir(out)) if (!made.has(name)) await rm(path.join(out, name));
}

if (process.argv.includes("--watch")) {
  await mkdir(out, { recursive: true });
  await sprite();
  await (await context(options)).watch();
} else {
  await mkdir(out, { recursive: true });
  const [, result] = await Promise.all([sprite(), build({ ...options, metafile: true })]);
  await tidy(new Set(["icons.svg", ...Object.keys(result.metafile.outputs).map((file) => path.basename(file))]));
}
