// What holds a release back, and what the workflows run.

import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { rootManifest } from "../scripts/platforms.mjs";
import { problems } from "../scripts/release-check.mjs";

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const { version } = rootManifest;
const RELEASED = Number(
  /from_unix_millis\(([\d_]+)\)/.exec(read("crates/core/src/calendar.rs"))[1].replaceAll("_", ""),
);
const after = (days) => new Date(RELEASED + days * 86_400_000);

test("all versions are one, and the changelog has it", (t) => {
  t.deepEqual(problems({ date: after(0) }), []);
});

test("a tag of another version is held back", (t) => {
  const found = problems({ tag: "v99.0.0", date: after(0) });
  t.true(found.includes(`the tag says 99.0.0, and package.json ${version}`), found.join("\n"));
});

test("the floor of all clocks is at most 60 days old, and never after the release", (t) => {
  t.deepEqual(problems({ date: after(60) }), []);
  t.regex(problems({ date: after(61) }).join("\n"), /^calendar::RELEASED is .*, 61 days before the release: raise it/);
  t.regex(problems({ date: after(-1) }).join("\n"), /^calendar::RELEASED is .*, which is after the release/);
});

test("the changelog's entry carries the date of the release", (t) => {
  const [problem] = problems({ tag: `v${version}`, date: new Date("1999-12-31T00:00:00Z") });
  t.regex(problem, new RegExp(`^CHANGELOG.md dates ${version} ".+", and it is 1999-12-31$`));
});

const workflows = readdirSync(new URL("../.github/workflows", import.meta.url));

test("actions are used by commit, with the version beside it", (t) => {
  for (const name of workflows) {
    const used = read(`.github/workflows/${name}`).match(/uses:.*/g);
    t.true(used.length > 0);
    for (const line of used) t.regex(line, /^uses: actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name);
  }
});

test("the release builds every target of package.json", (t) => {
  const text = read(".github/workflows/release.yml");
  const built = [...text.matchAll(/(?:- |target: )([a-z0-9_]+-(?:unknown|apple|pc)-[a-z0-9-]+)/g)].map(
    ([, target]) => target,
  );
  t.deepEqual(built.sort(), [...rootManifest.napi.targets].sort());
});
