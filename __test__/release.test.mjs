// What holds a release back, and what the workflows run.

import { existsSync, readdirSync, readFileSync } from "node:fs";
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

test("each job has only the rights it needs", (t) => {
  for (const name of workflows) {
    const [before, after] = read(`.github/workflows/${name}`).split(/^jobs:$/m);
    const jobs = after.split(/^ {2}(?=[a-z]+:$)/m).slice(1);
    t.true(jobs.length > 1);
    t.regex(before, /^permissions:\n {2}contents: read$/m, name);
    const rights = jobs.map((job) => [job.split(":")[0], job.match(/\w[\w-]*: write$/gm) ?? []]);
    const more = Object.fromEntries(rights.filter(([, found]) => found.length > 0));
    const wanted = { attach: ["contents: write"], publish: ["id-token: write"] };
    t.deepEqual(more, name === "release.yml" ? wanted : {}, name);
  }
});

test("what a workflow runs is there", (t) => {
  for (const name of workflows) {
    const text = read(`.github/workflows/${name}`);
    // A value from outside is a variable of the shell, and never a part of its text.
    t.notRegex(text, /run:.*\$\{\{/, name);
    const paths = [...text.matchAll(/(?:run:|node|&&) ((?:scripts|__test__|\.ci)\/[\w./-]*)/g)].map(([, path]) => path);
    t.true(paths.length > 0);
    for (const path of paths) t.true(existsSync(new URL(`../${path}`, import.meta.url)), path);
    for (const [, script] of text.matchAll(/npm run ([\w:]+)/g)) t.true(script in rootManifest.scripts, script);
  }
});
