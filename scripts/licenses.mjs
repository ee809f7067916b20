// The licenses and notices of everything that is linked into a platform's addon, as one text: `pack.mjs` puts it into the
// package.
//
//   node scripts/licenses.mjs [--target x86_64-unknown-linux-gnu]
//
// Of the licenses that a crate offers, the first of `ACCEPTED` is taken. A crate that offers none of them, or has no text of
// the one that is taken, is an error. The same sources give the same text.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { keyOf, linkedCrates } from "./crates.mjs";
import { platforms, rootManifest } from "./platforms.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path) => readFileSync(path, "utf8").replaceAll("\r\n", "\n").replace(/^\n+/, "").trimEnd();

/** What we can keep to, and by what its text is known. The Apache License comes first: one text of it serves all. */
const ACCEPTED = {
  "Apache-2.0": /TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION/,
  MIT: /Permission is hereby granted, free of charge, to any person obtaining a copy of this software/,
  ISC: /Permission to use, copy, modify, and\/or distribute this software for any purpose with or without fee/,
  "BSD-3-Clause": /Redistribution and use in source and binary forms.*Neither the name of/,
  Zlib: /This software is provided 'as-is', without any express or implied warranty/,
  "Unicode-3.0": /UNICODE LICENSE V3/,
};

/** What is offered with many crates, never taken, and not to be mistaken for a notice. */
const NEVER_TAKEN = [/Boost Software License/, /free and unencumbered software/, /LLVM Exceptions to the Apache/];

/**
 * Crates that are published without their text, and the file in `scripts/licenses` that has it: that of napi's repository, and
 * for those of Nugine/simd the one that its author gives elsewhere (outref).
 */
const FORGOTTEN = {
  napi: "napi.txt",
  "napi-derive": "napi.txt",
  "napi-derive-backend": "napi.txt",
  "napi-sys": "napi.txt",
  "base64-simd": "simd.txt",
  vsimd: "simd.txt",
};

/** Its license is told at the top of each file, with whose it is. */
const IN_HEADERS = "ring";

const APACHE = read(join(root, "LICENSE"));

/** The text for a platform's package. */
export function licensesOf({ triple, binary }) {
  const crates = linkedCrates(triple).crates.filter(({ ours }) => !ours);
  const entries = [...crates.map((crate) => ({ key: keyOf(crate), ...termsOf(crate) })), standardLibrary()];
  const texts = new Map();
  for (const { key, found } of entries) {
    for (const whole of found) {
      const [notice, text] = parted(whole);
      const same = text.replaceAll(/\s+/g, " ");
      if (!texts.has(same)) texts.set(same, { text, of: new Map() });
      const { of } = texts.get(same);
      of.set(notice, [...new Set([...(of.get(notice) ?? []), key])]);
    }
  }
  return `${[
    `${binary} is part of ${rootManifest.name} ${rootManifest.version}, which is under the license in the file LICENSE. Linked into it are:`,
    entries.map(({ key, taken }) => `${key}: ${taken.join(" and ")}`).join("\n"),
    "Where a crate can be had under several licenses it is taken under the one above.",
    section("Apache License 2.0", APACHE),
    ...[...texts.values()].map(({ text, of }) => {
      if (of.size === 1 && of.has("")) return section(of.get("").join(", "), text);
      const whose = [...of].map(([notice, keys]) => `${keys.join(", ")}:\n${notice}`.trim());
      return section("MIT License", [...whose, text].join("\n\n"));
    }),
  ].join("\n\n")}\n`;
}

/** Under which licenses a crate is taken, and what else than the Apache License has to go with it. */
export function termsOf(crate) {
  const taken = choice(crate);
  const files = papers(crate.folder);
  const forgotten = FORGOTTEN[crate.name];
  if (forgotten !== undefined) files.push(join(root, "scripts/licenses", forgotten));
  const found = [];
  const seen = new Set(taken.filter((id) => id === "Apache-2.0"));
  for (const file of files) {
    const text = read(file);
    if (NEVER_TAKEN.some((other) => other.test(text))) continue;
    const ids = licensesIn(text);
    for (const id of ids) seen.add(id);
    if (ids.includes("Apache-2.0") && taken.includes("Apache-2.0")) {
      const more = besidesApache(text);
      if (more !== "") found.push(more);
    } else if (ids.length === 0 || ids.some((id) => taken.includes(id)) || /third.party/i.test(basename(file))) {
      found.push(text);
    }
  }
  if (crate.name === IN_HEADERS) found.push(headers(crate.folder));
  const without = taken.filter((id) => !seen.has(id));
  if (without.length > 0) throw new Error(`${keyOf(crate)} is published without a text of ${without.join(" and ")}`);
  return { taken, found };
}

function standardLibrary() {
  const taken = ["Apache-2.0", "MIT", "Unicode-3.0"];
  return { key: "std, the Rust standard library", taken, found: [read(join(root, "scripts/licenses/std.txt"))] };
}

/** Every line about copyright at the top of a source file. */
function headers(folder) {
  const top = (path) => read(path).slice(0, 4096);
  const lines = filesBelow(folder, /\.(rs|c|h|S|asm|inl|pl)$/).flatMap((path) => top(path).match(HEADER) ?? []);
  const own = lines.map((line) => line.replace(/^\W*/, "").trimEnd());
  return ["At the top of its files:", ...new Set(own.sort())].join("\n");
}

const HEADER = /^\W*Copyright (?:\(c\) )?\d.*$/gim;

/** The MIT License in parts: whose it is, which differs, and the rest, which stands once for all who have the same. */
function parted(text) {
  const at = text.indexOf("Permission is hereby granted");
  const notice = text
    .slice(0, Math.max(at, 0))
    .replace(/^\W*(?:The )?MIT License\W*$/im, "")
    .trim();
  return /^(?:Copyright.*\s*)+$/i.test(notice) ? [notice, text.slice(at)] : ["", text];
}

/** Files of licenses and notices; *ring* has some further down. */
const papers = (folder) => filesBelow(folder, PAPER).filter((path) => !path.endsWith(".rs"));

function filesBelow(folder, named) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && named.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

const PAPER = /^(un)?licen[sc]e|^copying|^copyright|^notice/i;

function licensesIn(text) {
  const line = text.replaceAll(/^\/\/ ?/gm, "").replaceAll(/\s+/g, " ");
  return Object.keys(ACCEPTED).filter((id) => ACCEPTED[id].test(line));
}

/** What a file has beside the Apache License and its appendix. */
function besidesApache(text) {
  return text
    .replace(/^ *Apache License\n *Version 2\.0, January 2004\n *https?:.*\n/m, "")
    .replace(/ *TERMS AND CONDITIONS FOR USE.*?(?:END OF TERMS AND CONDITIONS|(?=\n *APPENDIX)|$)/s, "")
    .replace(/ *APPENDIX: How to apply.*?limitations under the License\./s, "")
    .trim();
}

/** The licenses to keep to, of an SPDX expression. */
function choice(crate) {
  const tokens = (crate.license ?? "").match(/[()]|[\w.+-]+/g) ?? [];
  const preference = Object.keys(ACCEPTED);
  const rank = (ids) => ids.reduce((sum, id) => sum + preference.indexOf(id), 0);
  /** Each alternative is a list of licenses, all of which apply. */
  const any = () => {
    const alternatives = all();
    while (tokens[0] === "OR") {
      tokens.shift();
      alternatives.push(...all());
    }
    return alternatives;
  };
  const all = () => {
    let alternatives = one();
    while (tokens[0] === "AND") {
      tokens.shift();
      const right = one();
      alternatives = alternatives.flatMap((left) => right.map((each) => [...left, ...each]));
    }
    return alternatives;
  };
  const one = () => {
    const token = tokens.shift();
    if (token === "(") {
      const inside = any();
      tokens.shift();
      return inside;
    }
    if (tokens[0] !== "WITH") return [[token]];
    return [[[token, tokens.shift(), tokens.shift()].join(" ")]];
  };
  const accepted = any().filter((ids) => ids.every((id) => id in ACCEPTED));
  if (accepted.length === 0 || tokens.length > 0)
    throw new Error(`${keyOf(crate)} is under ${crate.license ?? "no license"}, which is not accepted`);
  return [...new Set(accepted.sort((a, b) => rank(a) - rank(b))[0])];
}

const section = (title, text) => `${"=".repeat(80)}\n${title}\n${"=".repeat(80)}\n\n${text}`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { target: { type: "string", default: "x86_64-unknown-linux-gnu" } } });
  const platform = platforms.find(({ triple }) => triple === values.target);
  if (platform === undefined) throw new Error(`${values.target} is no target of package.json`);
  process.stdout.write(licensesOf(platform));
}
