// Renders SES templates: one JSON object per line in, one per line out, in the same order.
// argv[2] is the folder that holds node_modules/handlebars.
const path = require("node:path");
const readline = require("node:readline");
const { createRequire } = require("node:module");

const Handlebars = createRequire(path.join(path.resolve(process.argv[2]), "x.js"))("handlebars");
const PARTS = ["subject", "text", "html"];
const cache = new Map();
const CACHE_SIZE = 500;

// `log` is no part of SES's dialect; the placeholder of the open pixel survives rendering.
Handlebars.unregisterHelper("log");
Handlebars.registerHelper("ses:openTracker", () => "{{ses:openTracker}}");

function compiled(source) {
  let entry = cache.get(source);
  if (!entry) {
    // SES escapes nothing and fails a mail whose data lack an attribute.
    const options = { noEscape: true, strict: true };
    const ast = Handlebars.parse(source);
    entry = { ast, run: Handlebars.compile(ast, options) };
    if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value);
    cache.set(source, entry);
  }
  return entry;
}

// Handlebars names the last segment of a path even where one before it is missing; then we look for
// the first path of the outermost level that leads nowhere.
function missing(error, ast, data) {
  const named = /^"(.*)" not defined in (.*?)( - \d+:\d+)?$/.exec(error.message);
  if (named && named[2] !== "undefined" && named[2] !== "null") return named[1];
  for (const node of ast.body) {
    const target = node.type === "MustacheStatement" ? node.path : (node.params || [])[0];
    if (!target || !target.parts || target.depth) continue;
    let value = data;
    for (const part of target.parts) {
      if (value === null || value === undefined || !Object.hasOwn(Object(value), part)) return part;
      value = value[part];
    }
  }
  return named ? named[1] : null;
}

function renderOne(template, data) {
  const out = {};
  for (const part of PARTS) {
    const source = template[part];
    if (source === null || source === undefined) continue;
    const entry = compiled(source);
    try {
      out[part] = entry.run(data);
    } catch (error) {
      const name = missing(error, entry.ast, data);
      return name === null ? { error: error.message } : { missing: name };
    }
  }
  return { parts: out };
}

function plain(node) {
  return (
    node.type === "ContentStatement" ||
    node.type === "CommentStatement" ||
    (node.type === "MustacheStatement" && node.params.length === 0 && !node.hash && node.path.type === "PathExpression")
  );
}

// A template that is stored must parse; one that is given inline may only substitute.
function check(template, inline) {
  for (const part of PARTS) {
    const source = template[part];
    if (source === null || source === undefined) continue;
    let entry;
    try {
      entry = compiled(source);
      Handlebars.precompile(source, { noEscape: true, strict: true });
    } catch (error) {
      return { part, error: error.message.split("\n").slice(0, 2).join(" ") };
    }
    if (inline && !entry.ast.body.every(plain)) return { part, logic: true };
  }
  return {};
}

function answer(request) {
  if (request.op === "check") return check(request.template, request.inline);
  return { results: request.data.map((data) => renderOne(request.template, data)) };
}

readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  let reply;
  try {
    reply = answer(JSON.parse(line));
  } catch (error) {
    reply = { crash: error.message };
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
});
