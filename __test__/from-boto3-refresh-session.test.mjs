// docs/from-boto3-refresh-session.md: every row names the test that holds it, and that test is there.

import { existsSync, readFileSync } from "node:fs";
import test from "ava";

const document = new URL("../docs/from-boto3-refresh-session.md", import.meta.url);
const LINK = /\[([\w.-]+)\]\((\.\.\/[^)]+)\)(?: "([^"]+)")?/g;

/** The cells of every row below the heads of the tables. */
function rows() {
  const lines = readFileSync(document, "utf8").split("\n");
  const isBody = (line, index) => line.startsWith("| ") && !lines[index + 1]?.startsWith("|---");
  return lines.filter(isBody).map((line) => line.slice(2, -2).split(" | "));
}

test("every row has four cells and says which test holds it, or why there is none", (t) => {
  const all = rows();
  t.true(all.length > 100, `${all.length}`);
  for (const cells of all) {
    t.is(cells.length, 4, cells.join(" | "));
    const held = cells[3];
    const reason = /^left out: \S+/.test(held);
    t.true(reason || /^T(, T)*$/.test(held.replace(LINK, "T")), cells.join(" | "));
  }
});

test("every test that is named is there", (t) => {
  for (const cells of rows()) {
    for (const [, name, path, title] of cells[3].matchAll(LINK)) {
      const file = new URL(path, document);
      t.true(file.pathname.endsWith(`/${name}`), `${name} leads to ${path}`);
      if (!existsSync(file)) t.fail(`${path} is not there: ${cells[0]}`);
      else if (title !== undefined) t.true(readFileSync(file, "utf8").includes(title), `${name} has no "${title}"`);
    }
  }
});
