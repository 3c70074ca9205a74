// Takes the rules out of a style sheet that no page can use: those whose every selector names a class that is mentioned
// nowhere. Tabler's sheet is ten times what the pages need, and each first visit would pay for it.
//
// A class counts as mentioned when its name stands as a word in any of the texts, whatever for. What names one of our
// own classes is always kept, as some of these are put together at run time, and so is what uPlot writes by itself.
const written = ["mp-", "u-"];

// Splits a sheet, or the inside of an at-rule, into {head, body} (body is null for what ends with a semicolon).
function* rules(css) {
  let at = 0;
  while (at < css.length) {
    if (css.startsWith("/*", at)) {
      const end = css.indexOf("*/", at) + 2;
      yield { head: css.slice(at, end), body: null, end: "" };
      at = end;
      continue;
    }
    const [stop, sign] = next(css, at, "{;");
    if (stop < 0) return;
    if (sign === ";") {
      yield { head: css.slice(at, stop).trim(), body: null, end: ";" };
      at = stop + 1;
      continue;
    }
    const close = closing(css, stop);
    yield { head: css.slice(at, stop).trim(), body: css.slice(stop + 1, close), end: "}" };
    at = close + 1;
  }
}

// Where one of the signs stands next, outside strings, brackets and escapes.
function next(css, from, signs) {
  let depth = 0;
  for (let at = from; at < css.length; at += 1) {
    const sign = css[at];
    if (sign === "\\") at += 1;
    else if (sign === '"' || sign === "'") at = stringEnd(css, at);
    else if (sign === "(" || sign === "[") depth += 1;
    else if (sign === ")" || sign === "]") depth -= 1;
    else if (depth === 0 && signs.includes(sign)) return [at, sign];
  }
  return [-1, ""];
}

function stringEnd(css, from) {
  let at = from + 1;
  while (at < css.length && css[at] !== css[from]) at += css[at] === "\\" ? 2 : 1;
  return at;
}

function closing(css, open) {
  let depth = 0, at = open;
  while (at >= 0) {
    const [found, sign] = next(css, at, "{}");
    if (found < 0) throw new Error("a brace is never closed");
    depth += sign === "{" ? 1 : -1;
    if (depth === 0) return found;
    at = found + 1;
  }
  return at;
}

function selectorsOf(head) {
  const found = [];
  let at = 0;
  for (;;) {
    const [stop] = next(head, at, ",");
    found.push(head.slice(at, stop < 0 ? head.length : stop).trim());
    if (stop < 0) return found;
    at = stop + 1;
  }
}

// A class within :not() or :is() may be absent, so only those outside decide.
function classesOf(selector) {
  let bare = selector, before = "";
  while (bare !== before) {
    before = bare;
    bare = bare.replace(/:[\w-]+\([^()]*\)/g, "");
  }
  return [...bare.matchAll(/\.((?:\\.|[\w-])+)/g)].map(([, name]) => name.replace(/\\(.)/g, "$1"));
}

export function withoutUnused(css, texts) {
  const words = new Set(texts.flatMap((text) => text.match(/[A-Za-z_][\w-]*/g) ?? []));
  const keep = (selector) => {
    const names = classesOf(selector);
    return names.some((name) => written.some((prefix) => name.startsWith(prefix))) || names.every((name) => words.has(name));
  };
  const walk = (sheet) => {
    let out = "";
    for (const { head, body, end } of rules(sheet)) {
      if (body === null) out += head + end;
      else if (/^@(media|supports|container|layer)\b/.test(head)) {
        const inside = walk(body);
        if (inside) out += `${head}{${inside}}`;
      } else if (head.startsWith("@")) out += `${head}{${body}}`;
      else {
        const kept = selectorsOf(head).filter(keep);
        if (kept.length) out += `${kept.join(",")}{${body}}`;
      }
    }
    return out;
  };
  return walk(css);
}
