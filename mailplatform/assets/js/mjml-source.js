// MJML source as a tree whose bytes are all kept, and back. No DOM: it runs in the browser and under Node.
//
// `read` cuts a source into nodes. What the canvas cannot show without rewriting it (tables, raw parts, Handlebars and
// comments between components) is "locked": it is shown as a label and comes back byte for byte. `write` puts a tree
// together again and takes the original bytes of everything that did not change.
const ENDING = /^mj-(?:accordion-text|accordion-title|button|navbar-link|preview|raw|social-element|style|table|text|title)$/;
const SHOWN = /^mj-(?:body|wrapper|section|group|column|hero|text|button|image|divider|spacer)$/;
const TAG = /\{\{!--[^]*?--~?\}\}|\{\{\{[^{}]*\}\}\}|\{\{[^{}]*\}\}/y;
const COMMENT = /<!--[^]*?-->/y;
const END = /<\/([A-Za-z][\w:.-]*)\s*>/y;
const START = /<([A-Za-z][\w:.-]*)((?:\{\{[^{}]*\}\}|"[^"]*"|'[^']*'|[^<>"'{]|\{(?!\{))*?)(\/?)>/y;
const ATTRIBUTE = /(\s*)([A-Za-z_:][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
// Inside a text these would be moved or dropped by a browser's parser.
const FRAGILE = /<(?:table|tr|td|th|tbody|style|script|svg|form|iframe)\b|\{\{[#^/>]|\{\{else|<!--/i;
const ANY_TAG = /<(\/?)([A-Za-z][\w:-]*)(?:"[^"]*"|'[^']*'|[^"'>])*>/g;
const VOID = /^(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)$/;
const ENDS_P = /^(?:address|blockquote|div|dl|fieldset|h[1-6]|hr|ol|p|pre|section|table|ul)$/;
const ENDS_ITSELF = /^(?:dd|dt|li|option)$/;

export class NotVisual extends Error {}

function at(pattern, source, position) {
  pattern.lastIndex = position;
  return pattern.exec(source);
}

export function attributesOf(raw) {
  return Object.fromEntries([...raw.matchAll(ATTRIBUTE)].map(([, , name, double, single]) => [name, double ?? single]));
}

// The body of a source: { head, body, foot }, body being a node; head and foot are never touched.
export function read(source) {
  const begins = source.search(/<mj-body\b/);
  if (begins < 0) throw new NotVisual("There is no <mj-body>.");
  const nodes = [];
  const state = { source, position: begins, nodes };
  const body = readNode(state);
  return { head: source.slice(0, begins), body, foot: source.slice(state.position), nodes };
}

function readNode(state) {
  const match = at(START, state.source, state.position);
  if (!match) throw new NotVisual("A tag is not complete.");
  const [raw, name, attributes, empty] = match;
  const start = state.position;
  const node = { n: state.nodes.length, name, open: raw, attributes: attributesOf(attributes), children: [], before: "", close: "", beforeClose: "", content: null, locked: false };
  state.nodes.push(node);
  state.position += raw.length;
  if (!empty) ENDING.test(name) ? readContent(state, node) : readChildren(state, node);
  if (!SHOWN.test(name) || FRAGILE.test(node.content ?? "") || /\{\{[#/^]/.test(raw)) lock(node, state.source.slice(start, state.position));
  return node;
}

function readContent(state, node) {
  const closing = new RegExp(`</${node.name}\\s*>`, "g");
  closing.lastIndex = state.position;
  const end = closing.exec(state.source);
  if (!end) throw new NotVisual(`<${node.name}> is never closed.`);
  node.content = state.source.slice(state.position, end.index);
  node.close = end[0];
  state.position = closing.lastIndex;
}

function readChildren(state, node) {
  const { source } = state;
  let before = "";
  for (;;) {
    const end = at(END, source, state.position);
    const tag = at(TAG, source, state.position);
    const comment = at(COMMENT, source, state.position);
    if (end) {
      if (end[1] !== node.name) throw new NotVisual(`</${end[1]}> does not match <${node.name}>.`);
      node.close = end[0];
      node.beforeClose = before;
      state.position += end[0].length;
      return;
    }
    if (tag || (comment && comment[0].includes("{{"))) {
      const [raw] = tag ?? comment;
      const child = { n: state.nodes.length, name: "", open: "", attributes: {}, children: [], before, close: "", beforeClose: "", content: null, locked: false };
      state.nodes.push(child);
      lock(child, raw);
      node.children.push(child);
      state.position += raw.length;
      before = "";
    } else if (comment) {
      before += comment[0];
      state.position += comment[0].length;
    } else if (source[state.position] === "<") {
      const child = readNode(state);
      child.before = before;
      node.children.push(child);
      before = "";
    } else if (/\s/.test(source[state.position] ?? "")) {
      before += source[state.position];
      state.position += 1;
    } else {
      throw new NotVisual(`Something stands outside of any component in <${node.name}>.`);
    }
  }
}

function lock(node, raw) {
  node.locked = true;
  node.raw = raw;
  node.children = [];
}

const quote = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
// Entities that stand in a value already are left as they are.
const inQuotes = (value) => value.replace(/"/g, "&quot;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

// What the visual editor is given: explicit end tags, numbers, labels for what is locked, and the defaults of the head
// written out, because the canvas knows no head.
export function markup(document) {
  return shown(document.body, "mjml", defaultsOf(document.head));
}

function defaultsOf(head) {
  const found = { all: {}, names: {}, classes: {} };
  const inside = /<mj-attributes>([^]*?)<\/mj-attributes>/.exec(head)?.[1] ?? "";
  for (const [, name, raw] of inside.matchAll(new RegExp(START.source, "g"))) {
    const { name: className, ...attributes } = attributesOf(raw);
    if (name === "mj-all") Object.assign(found.all, attributes);
    else if (name === "mj-class") found.classes[className] = attributes;
    else found.names[name] = attributes;
  }
  return found;
}

function shown(node, parent, defaults) {
  if (node.locked) return label(node, parent);
  const classes = (node.attributes["mj-class"] ?? "").split(/\s+/).map((name) => defaults.classes[name] ?? {});
  const all = Object.assign({}, defaults.all, defaults.names[node.name], ...classes, node.attributes);
  const attributes = Object.entries(all).map(([name, value]) => ` ${name}="${value.replace(/"/g, "&quot;")}"`).join("");
  const inner = node.content !== null ? node.content + endTags(node.content) : node.children.map((child) => shown(child, node.name, defaults)).join("");
  return `<${node.name} data-n="${node.n}"${attributes}>${inner}</${node.name}>`;
}

// What an author left open in a text: a <p> without its end would take in whatever follows the component.
function endTags(content) {
  const open = [];
  for (const [, slash, tag] of content.matchAll(ANY_TAG)) {
    const name = tag.toLowerCase();
    if (slash) {
      const at = open.lastIndexOf(name);
      if (at >= 0) open.length = at;
      continue;
    }
    if ((open.at(-1) === "p" && ENDS_P.test(name)) || (open.at(-1) === name && ENDS_ITSELF.test(name))) open.pop();
    if (!VOID.test(name)) open.push(name);
  }
  return open.reverse().map((name) => `</${name}>`).join("");
}

function label(node, parent) {
  const words = node.raw.replace(/<!--|-->/g, " ").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim().slice(0, 90);
  const text = `<mj-text align="center" color="#5b5f77" font-size="12px">${quote(node.name ? `${node.name}: ${words}` : words)}</mj-text>`;
  const mark = `data-n="${node.n}" data-locked="yes"`;
  if (parent === "mj-column" || parent === "mj-hero") return text.replace("<mj-text", `<mj-text ${mark}`);
  if (parent === "mj-section" || parent === "mj-group") return `<mj-column ${mark}>${text}</mj-column>`;
  return `<mj-section ${mark} padding="0px"><mj-column>${text}</mj-column></mj-section>`;
}

// `tree` is what the editor holds now, `start` what it held when it was opened, both as
// { n, name, attributes, content, children }; `nodes` are those of `read`.
export function write(document, start, tree) {
  const before = new Map();
  const collect = (item) => { before.set(item.n, item); item.children.forEach(collect); };
  collect(start);
  const context = { nodes: document.nodes, before };
  return document.head + written(context, tree, 1) + document.foot;
}

function written(context, item, depth) {
  const node = item.n === null ? null : context.nodes[item.n];
  if (node?.locked) return node.raw;
  const children = item.children.map((child) => {
    const own = child.n === null ? null : context.nodes[child.n];
    return (own ? own.before : `\n${"  ".repeat(depth + 1)}`) + written(context, child, depth + 1);
  }).join("");
  if (!node) {
    const end = item.content === null && item.children.length ? `\n${"  ".repeat(depth)}` : "";
    return `${opening(item.name, item.attributes)}${item.content === null ? children + end : clean(item.content)}</${item.name}>`;
  }
  const old = context.before.get(item.n);
  const open = reopened(node, old, item);
  if (!node.close && !children) return open;
  const content = item.content === null ? children + node.beforeClose : item.content === old.content ? node.content ?? "" : clean(item.content);
  return open.replace(/\s*\/>$/, ">") + content + (node.close || `</${node.name}>`);
}

function opening(name, attributes) {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${inQuotes(value)}"`);
  return `<${name}${written.join("")}>`;
}

// The author's own start tag with only those attributes touched that were changed.
function reopened(node, old, item) {
  const names = new Set([...Object.keys(old.attributes), ...Object.keys(item.attributes)]);
  let raw = node.open;
  for (const name of names) {
    const value = item.attributes[name];
    if (value === old.attributes[name]) continue;
    const pattern = new RegExp(`(\\s*)\\b${name}\\s*=\\s*(?:"[^"]*"|'[^']*')`);
    const there = name in node.attributes && pattern.test(raw);
    const quoted = value === undefined ? "" : `${name}="${inQuotes(value)}"`;
    if (there) raw = raw.replace(pattern, (_all, space) => (quoted ? (space || " ") + quoted : ""));
    else if (quoted) raw = raw.replace(/\s*\/?>$/, (end) => ` ${quoted}${end.includes("/") ? " />" : ">"}`);
  }
  return raw;
}

// What an editable text gives back: Handlebars as they were written, no marks of the editor.
export function clean(content) {
  const decode = (tag) => tag.replace(/&gt;/g, ">").replace(/&lt;/g, "<").replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&nbsp;|\u00a0/g, " ").replace(/&amp;/g, "&");
  return content.replace(/\{\{[^{}]*\}\}/g, decode).replace(/ (?:data-gjs-[\w-]+|draggable|contenteditable)="[^"]*"/g, "").replace(/\u00a0/g, "&nbsp;");
}
