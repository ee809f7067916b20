// What the packages carry of other people's work goes with its license: every crate of every target, and all that is bundled.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { build } from "esbuild";
import { licensesOf, termsOf } from "../scripts/licenses.mjs";
import { platforms } from "../scripts/platforms.mjs";
import { billOf } from "../scripts/sbom.mjs";

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const APACHE = "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION";

for (const platform of platforms) {
  test(`every crate in the bill of materials of ${platform.abi} has its license in the package`, (t) => {
    const text = licensesOf(platform);
    t.is(licensesOf(platform), text, "the same text each time");
    const [list, ...sections] = text.split(/\n={80}\n(?=.+\n={80}\n)/);
    const taken = new Map(
      [...list.matchAll(/^(\S+)@(\S+): (.+)$/gm)].map(([, name, its, ids]) => [`${name}@${its}`, ids]),
    );
    const named = new Set(sections.flatMap((section) => section.match(/[\w-]+@[\d.]+(?=,|:?\n)/g) ?? []));
    t.true(sections[0].includes(APACHE));
    const crates = billOf(platform).components.filter(({ purl = "" }) => purl.startsWith("pkg:cargo/"));
    const others = crates.filter(({ name }) => !name.startsWith("refresh-session"));
    t.true(others.length > 100);
    t.is(taken.size, others.length);
    for (const { name, version } of others) {
      const key = `${name}@${version}`;
      const ids = taken.get(key);
      t.regex(ids ?? "", /^(Apache-2\.0|MIT|ISC|BSD-3-Clause|Zlib|Unicode-3\.0)( and |$)/, key);
      if (ids !== "Apache-2.0") t.true(named.has(key), `${key} has a text`);
    }
    t.regex(list, /^std, the Rust standard library: /m);
    // The Apache License asks for these; a text of it for each crate would be half a megabyte.
    t.is(text.split(APACHE).length, 2);
    t.true(text.length < 60_000, `${text.length}`);
  });
}

/** A crate with these files. */
function crate(t, license, files) {
  const folder = mkdtempSync(join(tmpdir(), "refresh-session-crate-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return { name: "some", version: "1.2.3", license, folder };
}

const MIT = `Copyright (c) Somebody\n\n${read("scripts/licenses/simd.txt").split("\n\n").slice(2).join("\n\n")}`;
const ISC =
  "Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted";

test("a license that is not on the list fails, and so does none", (t) => {
  const files = { LICENSE: MIT };
  for (const license of [
    "GPL-3.0-only",
    "MIT AND GPL-3.0-only",
    "MPL-2.0 OR GPL-2.0-only",
    "Apache-2.0 WITH LLVM-exception",
  ])
    t.throws(() => termsOf(crate(t, license, files)), {
      message: `some@1.2.3 is under ${license}, which is not accepted`,
    });
  t.throws(() => termsOf(crate(t, undefined, files)), { message: /is under no license/ });
  t.throws(() => termsOf(crate(t, "MIT NEAR ISC", files)), { message: /which is not accepted/ });
});

test("a license without its text fails, the Apache License excepted, which is there once for all", (t) => {
  t.throws(() => termsOf(crate(t, "MIT", {})), { message: "some@1.2.3 is published without a text of MIT" });
  t.throws(() => termsOf(crate(t, "MIT AND ISC", { LICENSE: MIT })), { message: /without a text of ISC/ });
  t.deepEqual(termsOf(crate(t, "Apache-2.0", {})), { taken: ["Apache-2.0"], found: [] });
});

test("of several licenses one is taken; of those that all apply, all", (t) => {
  const files = { "LICENSE-MIT": MIT, "LICENSE-ISC": ISC, "LICENSE-APACHE": read("LICENSE") };
  t.deepEqual(termsOf(crate(t, "MIT OR Apache-2.0", files)), { taken: ["Apache-2.0"], found: [] });
  t.deepEqual(termsOf(crate(t, "Unlicense OR MIT", files)), { taken: ["MIT"], found: [MIT.trimEnd()] });
  const both = termsOf(crate(t, "(GPL-2.0-only OR ISC) AND MIT", files));
  t.deepEqual(both.taken.sort(), ["ISC", "MIT"]);
  t.deepEqual(both.found.sort(), [MIT.trimEnd(), ISC].sort());
});

test("notices go along, also those below a folder or behind the Apache License", (t) => {
  const files = {
    NOTICE: "Made by A.",
    "third_party/x/LICENSE": "By B.",
    LICENSE: `${read("LICENSE")}\nAnd some by C.\n`,
  };
  t.deepEqual(termsOf(crate(t, "Apache-2.0", files)).found.sort(), ["And some by C.", "By B.", "Made by A."]);
});

test("commander is all that is bundled with the JavaScript, and its license is in the file", async (t) => {
  const bundled = { bundle: true, platform: "node", metafile: true, write: false, logLevel: "error" };
  const packages = async (entry) => {
    const { metafile } = await build({ ...bundled, entryPoints: [new URL(`../${entry}`, import.meta.url).pathname] });
    const foreign = Object.keys(metafile.inputs).filter((path) => path.includes("node_modules/"));
    return [...new Set(foreign.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)[1]))];
  };
  t.deepEqual(await packages("src/ts/index.ts"), []);
  t.deepEqual(await packages("src/cli/main.ts"), ["commander"]);
  t.true(read("dist/cli.js").includes(read("node_modules/commander/LICENSE").trim()));
});
