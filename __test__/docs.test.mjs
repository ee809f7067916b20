// What the documents promise, held against the code.

import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import test from "ava";
import { CLI } from "./support/cli.mjs";
import { connected, unique } from "./support/shadow-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { until } from "./support/waiting.mjs";

const read = (file) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
const run = promisify(execFile);

let aws;
test.before(async () => {
  aws = await startTestbed({ tokens: true });
});
test.after.always(() => aws?.stop());

test("docs/errors.md lists every code with its class and whether it is retryable", (t) => {
  const { native } = createRequire(import.meta.url)("../dist/native.js");
  const listed = [];
  let name;
  for (const line of read("docs/errors.md").split("\n")) {
    name = /^## (\w+)/.exec(line)?.[1] ?? name;
    const row = /^\| `(ERR_\w+)` \| (yes|no) \|/.exec(line);
    if (row !== null) listed.push({ code: row[1], name, retryable: row[2] === "yes" });
  }
  // Those that cannot come from the addon: there is none, no session, or not what the session stands on; and services that
  // only TypeScript speaks to.
  const ofTypeScript = [
    ...["ERR_MISSING_PEER", "ERR_NATIVE_ADDON", "ERR_NO_DEFAULT_SESSION"].map((code) => [code, "ConfigurationError"]),
    ...["ERR_SHADOW_REJECTED", "ERR_JOB_REJECTED", "ERR_JOB_OVER"].map((code) => [code, "RequestError"]),
    ...["ERR_MQTT_ANSWER_LOST", "ERR_MQTT_BAD_ANSWER"].map((code) => [code, "MqttError", true]),
    ["ERR_JOBS_BUSY", "MqttError"],
  ];
  const all = native
    .errorCodes()
    .concat(ofTypeScript.map(([code, name, retryable = false]) => ({ code, name, retryable })));
  const byCode = (a, b) => a.code.localeCompare(b.code);
  t.deepEqual(listed.sort(byCode), all.sort(byCode));
});

test("every code that src/ts makes up is in docs/errors.md", (t) => {
  const documented = read("docs/errors.md");
  const files = readdirSync(new URL("../src/ts", import.meta.url), { recursive: true });
  const codes = files
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) => read(`src/ts/${path}`).match(/\bERR_[A-Z0-9_]+\b/g) ?? []);
  t.true(codes.includes("ERR_NO_DEFAULT_SESSION"), "the search finds what is there");
  const ofNode = ["ERR_DLOPEN_DISABLED"];
  for (const code of new Set(codes)) if (!ofNode.includes(code)) t.true(documented.includes(`| \`${code}\` |`), code);
});

test.serial("the program of the README runs", async (t) => {
  const token = aws.tokens.tokens.gw;
  const program = adapted(t, "README.md", {
    'endpoint: "abc123.credentials.iot.eu-west-1.amazonaws.com"': `endpoint: "${aws.iot.endpoint}", ca: "${aws.pki.serverCa}"`,
    'certificate: "/etc/gw/cert.pem"': `certificate: "${token.keys.ec256.certificate}"`,
    'privateKeyLabel: "key", userPin: "1234"': `privateKeyLabel: "ec256", userPin: "${token.pin}"`,
    'region: "eu-west-1" }': `region: "eu-west-1", endpoint: "${aws.sts.http}" }`,
  });
  const stdout = await outputOf(program, { SOFTHSM2_CONF: aws.tokens.conf });
  t.regex(stdout, /^arn:aws:sts::123456789012:assumed-role\/GatewayRole\/[0-9a-f]+\n$/);
});

test.serial("the program of docs/sts.md goes from the device's certificate to S3 in another account", async (t) => {
  const { certificate, privateKey } = aws.pki.devices.ec256;
  const program = adapted(
    t,
    "docs/sts.md",
    {
      'endpoint: "abc123.credentials.iot.eu-west-1.amazonaws.com"': `endpoint: "${aws.iot.endpoint}", ca: "${aws.pki.serverCa}"`,
      "/etc/gw/cert.pem": certificate,
      "/etc/gw/key.pem": privateKey,
      "timeoutMs: 20_000": `timeoutMs: 20_000, stsClientConfig: { endpoint: "${aws.sts.http}" }`,
    },
    "ListBucketsCommand",
  );
  const before = (await aws.log("request")).length;
  t.regex(await outputOf(program, { AWS_ENDPOINT_URL_S3: aws.s3.http }), /Name: 'testbed'/);
  const asked = (await aws.log("request")).slice(before).map(({ service }) => service);
  t.deepEqual(asked, ["iot", "sts", "s3"]);
});

for (const word of ["shadow.follow", "jobs("]) {
  test.serial(`the program of docs/shadow.md with \`${word}\` does what it says, until it is to end`, async (t) => {
    const { certificate, privateKey } = aws.pki.devices.ec256;
    const program = adapted(
      t,
      "docs/shadow.md",
      {
        'endpoint: "abc123.credentials.iot.eu-west-1.amazonaws.com"': `endpoint: "${aws.iot.endpoint}", ca: "${aws.pki.serverCa}"`,
        // The broker takes one connection a second of the same client.
        'clientId: "gw-0042"': `clientId: "${unique("gw")}"`,
        'endpoint: "abc123-ats.iot.eu-west-1.amazonaws.com"': `endpoint: "${aws.mqtt.tls.endpoint}"`,
        "/etc/gw/cert.pem": certificate,
        "/etc/gw/key.pem": privateKey,
      },
      word,
    );
    const [thing, document] = ["gw-0042", { operation: "download", parts: 2 }];
    if (word === "jobs(") await aws.control("POST", "/mqtt/jobs", { thing, jobId: "one", document });
    const stdout = await outputOf(program, {}, async (child) => {
      if (word === "jobs(") {
        await until(async () => (await aws.control("GET", `/mqtt/jobs/${thing}`))[0].status === "SUCCEEDED");
      } else {
        const app = await connected(t, aws);
        const fan = app.shadow(thing, { name: "fan" });
        await fan.update({ desired: { rpm: 9000 } });
        await until(async () => (await fan.get()).state.reported?.rpm === 3000);
      }
      child.kill("SIGTERM");
    });
    t.is(stdout, word === "jobs(" ? "one is done\n" : "desired: { rpm: 9000 }\n");
  });
}

/** The first program of a document that has `word` in it, with parts replaced. */
function adapted(t, document, replacements, word = "") {
  const programs = [...read(document).matchAll(/```js\n([\s\S]*?)```/g)].map(([, program]) => program);
  return Object.entries(replacements).reduce(
    (text, [from, to]) => {
      t.true(text.includes(from), `${document} has: ${from}`);
      return text.replace(from, to);
    },
    programs.find((program) => program.includes(word)),
  );
}

/** Runs it beside the tests, so that the package finds itself and the SDK by name; `meanwhile` gets the process. */
async function outputOf(program, variables, meanwhile = () => {}) {
  const file = new URL("./document-program.generated.mjs", import.meta.url);
  await writeFile(file, program);
  try {
    // What does not end by itself fails here, rather than going on without us.
    const options = { env: { ...process.env, ...variables }, timeout: 60_000, killSignal: "SIGKILL" };
    const running = run(process.execPath, [file.pathname], options);
    await Promise.race([running, meanwhile(running.child)]);
    return (await running).stdout;
  } finally {
    await rm(file);
  }
}

test("docs/cli.md has the commands and exit codes that --help has, and its configuration is one", async (t) => {
  const { stdout } = await run(process.execPath, [CLI, "--help"]);
  const documented = read("docs/cli.md");
  const exits = [...stdout.matchAll(/^ {2}(\d+) +(.*)$/gm)].map(([, code, means]) => `| ${code} | ${means} |`);
  t.true(exits.length >= 7);
  for (const row of exits) t.true(documented.includes(row), row);
  const commands = [...stdout.matchAll(/^ {2}([a-z][a-z0-9-]+) /gm)].map(([, command]) => command);
  t.true(commands.length >= 4);
  for (const command of commands.filter((name) => name !== "help"))
    t.regex(documented, new RegExp(`^\\| \`${command}`, "m"));

  const [, example] = /```json\n([\s\S]*?)```/.exec(documented);
  const { RefreshableSession } = createRequire(import.meta.url)("../dist/index.js");
  const certificate = aws.tokens.tokens.gw.keys.ec256.certificate;
  await t.notThrowsAsync(new RefreshableSession({ ...JSON.parse(example), certificate }).close());
});

test("the links between documents lead somewhere", (t) => {
  for (const file of [
    "README.md",
    "docs/ARCHITECTURE.md",
    "docs/iot.md",
    "docs/sessions.md",
    "docs/refresh.md",
    "docs/custom.md",
    "docs/mqtt.md",
    "docs/shadow.md",
    "docs/cli.md",
    "docs/pkcs11.md",
    "docs/sts.md",
    "docs/container.md",
    "docs/sources.md",
    "docs/decisions/README.md",
    "CONTRIBUTING.md",
  ]) {
    for (const [, target] of read(file).matchAll(/\]\(([^)#:]+)\)/g)) {
      t.notThrows(() => readFileSync(new URL(target, new URL(`../${file}`, import.meta.url))), `${file}: ${target}`);
    }
  }
});
