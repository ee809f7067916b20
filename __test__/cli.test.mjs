// The command line: `credential-process` before a real reader, and what everybody of its commands has in common.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fromProcess } from "@aws-sdk/credential-providers";
import test from "ava";
import { spyOn } from "./children/run.mjs";
import { CLI, configFor, folderFor, run } from "./support/cli.mjs";
import { awaited, callerIdentity } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const { version } = createRequire(import.meta.url)("../package.json");

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.afterEach.always(() => bed.reset());
test.after.always(() => bed?.stop());

/** Runs it on a terminal of its own, and types once it asks. */
async function onTerminal(args, keys) {
  const command = [process.execPath, CLI, ...args].map((part) => `'${part}'`).join(" ");
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"]);
  let output = "";
  child.stdout.on("data", (chunk) => {
    if (!output.includes("PIN: ") && `${output}${chunk}`.includes("PIN: ")) child.stdin.write(keys);
    output += chunk;
  });
  const [code] = await once(child, "close");
  return { code, output };
}

const issue = (args, options) => run(["credential-process", ...args], { secret: true, ...options });

/** The same options as flags. */
function flagsOf(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return typeof value === "object"
      ? flagsOf(Object.fromEntries(Object.entries(value).map(([inner, of]) => [`${name}-${inner}`, of])))
      : [flag, String(value)];
  });
}

// -------------------------------------------------------------------------------------------------- the contract

test.serial("credential-process prints the contract, nothing else, and ends", async (t) => {
  const result = await issue(["--config", await configFor(t, bed.pem())]);
  t.is(result.code, 0, result.stderr);
  t.is(result.stderr, "");
  const keys = JSON.parse(result.stdout);
  t.deepEqual(Object.keys(keys), ["Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]);
  t.is(keys.Version, 1);
  t.regex(keys.AccessKeyId, /^ASIA/);
  t.regex(keys.Expiration, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  t.true(Date.parse(keys.Expiration) > Date.now());
  t.is(result.stdout, `${JSON.stringify(keys)}\n`);
});

test.serial("the SDK's fromProcess takes it, and its client is who the certificate is", async (t) => {
  const config = await configFor(t, bed.hsm());
  const profile = join(dirname(config), "aws-config");
  await writeFile(
    profile,
    `[profile gw]\nregion = eu-west-1\ncredential_process = "${process.execPath}" "${CLI}" credential-process --config "${config}"\n`,
  );
  const credentials = fromProcess({ profile: "gw", configFilepath: profile, filepath: profile });
  const { Arn } = await callerIdentity(bed, { credentials });
  t.regex(Arn, /assumed-role\/GatewayRole\//);
});

test.serial("a failure leaves stdout empty and says on stderr what it was", async (t) => {
  await bed.control("DELETE", "/aliases/gateway-role");
  const { code, stdout, stderr } = await issue(["--config", await configFor(t, bed.pem())]);
  t.is(code, 77);
  t.is(stdout, "");
  t.regex(stderr, /^refresh-session: ERR_ROLE_ALIAS_NOT_FOUND: [^\n]+\n$/);
});

test.serial("SIGTERM in the middle: the token's session is closed, exit code 143", async (t) => {
  await bed.fault("half-open");
  const spy = spyOn(bed.tokens.module, join(await folderFor(t), "spy.log"));
  const config = await configFor(t, bed.hsm("ec256", {}, { library: spy.library }));
  const child = spawn(process.execPath, [CLI, "credential-process", "--config", config], {
    env: { ...process.env, ...spy.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  await awaited(bed, "request", 1);
  child.kill("SIGTERM");
  const [code] = await once(child, "close");
  t.is(code, 143);
  t.is(spy.count("C_CloseSession"), 1);
});

test.serial("a reader that has left is no failure", async (t) => {
  const config = await configFor(t, bed.pem());
  const child = spawn(process.execPath, [CLI, "credential-process", "--config", config], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  const [code] = await once(child, "close");
  t.is(code, 0);
});

// ------------------------------------------------------------------------------------------------------- whoami

test.serial("whoami says whose credentials they are, without a secret", async (t) => {
  const config = await configFor(t, bed.pem());
  const { code, stdout, stderr } = await run(["whoami", "--json", "--offline", "--config", config]);
  t.is(code, 0, stderr);
  const { accessKeyId, expiration, ...rest } = JSON.parse(stdout);
  t.deepEqual(rest, { method: "iot", source: { endpoint: bed.iot.endpoint, roleAlias: "gateway-role" } });
  t.regex(accessKeyId, /^ASIA/);
  t.true(Date.parse(expiration) > Date.now());
  const plain = await run(["whoami", "--offline", "--config", config]);
  t.regex(
    plain.stdout,
    /^method {6}iot\nsource {6}localhost:\d+ gateway-role\naccess key {2}ASIA\w+\nexpires {5}\d{4}-[^\n]+Z\n$/,
  );
});

test.serial("whoami asks STS, and says why where that does not know", async (t) => {
  const config = await configFor(t, { ...bed.pem(), region: "eu-west-1" });
  const asked = await run(["whoami", "--json", "--config", config, "--identity-endpoint", bed.sts.http]);
  t.is(asked.code, 0, asked.stderr);
  const { arn, account, userId } = JSON.parse(asked.stdout);
  t.regex(arn, /^arn:aws:sts::123456789012:assumed-role\/[^/]+\/[0-9a-f]+$/);
  t.is(account, "123456789012");
  t.true(userId.length > 0);
  const refused = await run(["whoami", "--config", config, "--identity-endpoint", "http://127.0.0.1:1"]);
  t.is(refused.code, 0, refused.stderr);
  t.regex(refused.stdout, /^access key {2}ASIA\w+$/m);
  t.regex(refused.stdout, /^not known {3}ERR_CONNECT: /m);
});

test.serial("whoami fails as the others do", async (t) => {
  await bed.control("DELETE", "/aliases/gateway-role");
  const { code, stdout, stderr } = await run(["whoami", "--json", "--config", await configFor(t, bed.pem())]);
  t.is(code, 77);
  t.is(stdout, "");
  t.regex(stderr, /ERR_ROLE_ALIAS_NOT_FOUND/);
});

// -------------------------------------------------------------------------------------------------------- flags

test.serial("everything can be given as flags", async (t) => {
  const { endpoint, ...options } = bed.pem();
  const cwd = await folderFor(t);
  const all = ["--endpoint", endpoint, "--timeout-ms=9000", "--verify-peer", "--no-proxy", ...flagsOf(options)];
  const result = await issue(all, { cwd, env: { https_proxy: "http://127.0.0.1:1" } });
  t.is(result.code, 0, result.stderr);
});

test.serial("a key in a token by flags, with its PIN from a file, a variable, a pin-source", async (t) => {
  const { pkcs11, ...options } = bed.hsm();
  const { userPin, ...token } = pkcs11;
  const cwd = await folderFor(t);
  const file = join(cwd, "pin");
  await writeFile(file, `${userPin}\n`, { mode: 0o600 });
  const given = [...flagsOf(options), ...flagsOf({ pkcs11: token })];
  for (const [args, env] of [
    [[...given, "--pin-file", file]],
    [[...given, "--pin-env", "GW_PIN"], { GW_PIN: userPin }],
    [[...flagsOf(options), "--pkcs11", `pkcs11:token=gw;id=%01?module-path=${token.library}`, "--pin-file", file]],
  ]) {
    const result = await issue(args, { cwd, env });
    t.is(result.code, 0, result.stderr);
  }
  await chmod(file, 0o644);
  const open = await issue([...given, "--pin-file", file], { cwd });
  t.is(open.code, 0);
  t.regex(open.stderr, /^refresh-session: warning: .*pin can be read by every user of this machine \(mode 0644\)\n$/);
});

test.serial("a PIN that is typed on the terminal is not shown there", async (t) => {
  const config = await configFor(t, bed.hsm("ec256", {}, { userPin: undefined }));
  const typed = await onTerminal(
    ["whoami", "--config", config, "--pin-prompt"],
    `xy\u007f\u007f${bed.tokens.tokens.gw.pin}\r`,
  );
  t.is(typed.code, 0, typed.output);
  t.regex(typed.output, /^PIN: \r\nmethod {6}iot/);
  t.is((await onTerminal(["whoami", "--config", config, "--pin-prompt"], "12\u0003")).code, 130);
});

test.serial("flags go over the file", async (t) => {
  const config = await configFor(t, bed.pem("ec256", { roleAlias: "nobody" }));
  t.is((await issue(["--config", config])).code, 77);
  t.is((await issue(["--config", config, "--role-alias", "gateway-role"])).code, 0);
});

const usage = [
  ["no command", [], /Usage: refresh-session/],
  ["a command that does not exist", ["whoam"], /unknown command 'whoam'/],
  ["a flag that does not exist", ["credential-process", "--endpont=x"], /unknown option '--endpont'[^=]*\n/],
  ["a PIN as a flag", ["credential-process", "--pin=canary-pin-1"], /unknown option '--pin'/],
  ["an argument too many", ["credential-process", "canary-pin-1"], /too many arguments/],
  ["no number", ["credential-process", "--timeout-ms", "soon"], /--timeout-ms is not a number/],
  ["neither true nor false", ["credential-process", "--verify-peer=maybe"], /neither true nor false/],
  ["a proxy's password", ["credential-process", "--proxy", "http://u:canary-proxy-1@h"], /--proxy has a password/],
  ["a PIN in a URI", ["credential-process", "--pkcs11", "pkcs11:?pin-value=canary-pin-1"], /--pkcs11 has a PIN/],
  ["two places for a PIN", ["credential-process", "--pin-file=a", "--pin-env=b"], /exclude each other/],
  ["a PIN for no token", ["credential-process", "--pin-env", "HOME"], /no token that it could be for/],
  ["a prompt where nobody is", ["credential-process", "--pin-prompt"], /no terminal/],
];
for (const [title, args, message] of usage) {
  test(`${title}: exit code 64 and nothing on stdout`, async (t) => {
    const { code, stdout, stderr } = await run(args, { cwd: await folderFor(t) });
    t.is(code, 64, stderr);
    t.is(stdout, "");
    t.regex(stderr, message);
  });
}

test("--version and --help", async (t) => {
  t.deepEqual(await run(["--version"]).then(({ code, stdout }) => [code, stdout]), [0, `${version}\n`]);
  for (const args of [["--help"], ["credential-process", "--help"]]) {
    const { code, stdout, stderr } = await run(args);
    t.deepEqual([code, stderr], [0, ""]);
    for (const exit of [64, 70, 75, 77, 78, 79]) t.regex(stdout, new RegExp(`^  ${exit}  `, "m"));
    t.true(stdout.split("\n").every((line) => line.length <= 100));
  }
});

// --------------------------------------------------------------------------------------------------------- file

test.serial("without --config the file in the current folder is used", async (t) => {
  const cwd = await folderFor(t);
  await configFor(t, bed.pem(), { folder: cwd });
  t.is((await issue([], { cwd })).code, 0);
});

test.serial("paths in the file are relative to its folder", async (t) => {
  const { certificate, privateKey, ca, ...options } = bed.pem();
  const folder = await folderFor(t);
  const cwd = join(folder, "elsewhere");
  await mkdir(cwd);
  const near = (path) => relative(folder, path);
  const given = { ...options, certificate: near(certificate), privateKey: near(privateKey), ca: near(ca) };
  const config = await configFor(t, given, { folder });
  const result = await issue(["--config", config], { cwd });
  t.is(result.code, 0, result.stderr);
  t.is((await issue(["--config", join("..", basename(config))], { cwd })).code, 0);
});

const files = [
  ["that is not there", undefined, /nothing.json cannot be read: it does not exist/],
  ["that is no JSON", '{\n  "method": "iot",\n  canary-pin-1\n}', /line 3, column 3: a name in double quotes/],
  ["with a comma too many", '{"method": "iot",}', /line 1, column 17: nothing follows this `,`/],
  ["that ends early", '{"method": "iot"', /line 1, column 17: the file ends here/],
  ["with a comment", "{\n// x\n}", /line 2, column 1: a name in double quotes/],
  ["with a text that does not end", '{"method": "canary-pin-1', /line 1, column 12: a text has no closing quote/],
  ["with bad words", '{"method": canary-pin-1}', /line 1, column 12: this is no value of JSON/],
  ["with a name twice", '{"method": "iot", "method": "iot"}', /line 1, column 19: this name stands twice/],
  ["that is a list", "[]", /holds no JSON object/],
  [
    "with an option that does not exist",
    '{"method": "iot", "endpont": "x"}',
    /option `endpont` does not exist.*`endpoint`/,
  ],
  ["with an option of a wrong type", '{"method": "iot", "endpoint": 1}', /option `endpoint` is a number/],
  ["with __proto__", '{"method": "iot", "__proto__": {}}', /option `__proto__` does not exist/],
];
for (const [title, text, message] of files) {
  test(`a file ${title}: exit code 78, with the file's name`, async (t) => {
    const config = text === undefined ? join(await folderFor(t), "nothing.json") : await configFor(t, text);
    const { code, stdout, stderr } = await run(["credential-process", "--config", config]);
    t.is(code, 78, stderr);
    t.is(stdout, "");
    t.regex(stderr, message);
    t.true(stderr.includes(config), stderr);
    t.is(stderr.trimEnd().split("\n").length, 1, "one text");
  });
}

test.serial("a file that others can write to is not believed", async (t) => {
  const config = await configFor(t, bed.pem());
  await chmod(config, 0o662);
  const { code, stderr } = await run(["credential-process", "--config", config]);
  t.is(code, 78);
  t.regex(stderr, /is not believed: its mode 0662/);
});

test.serial("a secret in a file that others can read is refused, and one of mode 0600 is taken", async (t) => {
  const secrets = [
    [bed.hsm(), /`pkcs11\.userPin`/],
    [{ ...bed.pem(), privateKeyPassphrase: bed.passphrase }, /`privateKeyPassphrase`/],
    [{ ...bed.pem(), proxy: "http://u:canary-proxy-1@h" }, /`proxy`/],
    [{ ...bed.pem(), pkcs11: "pkcs11:?pin-value=canary-pin-1" }, /`pkcs11`/],
  ];
  for (const [options, name] of secrets) {
    const { code, stderr } = await run([
      "credential-process",
      "--config",
      await configFor(t, options, { mode: 0o640 }),
    ]);
    t.is(code, 78);
    t.regex(stderr, name);
    t.regex(stderr, /mode 0640.*0600/);
  }
  const taken = await issue(["--config", await configFor(t, bed.hsm())]);
  t.is(taken.code, 0, taken.stderr);
});

// --------------------------------------------------------------------------------------------------- exit codes

const endings = [
  ["a port where nobody listens", () => bed.pem("ec256", { endpoint: "localhost:1" }), 75, /ERR_CONNECT/],
  [
    "a private key that is not the certificate's",
    () => ({ ...bed.pem(), privateKey: bed.pki.devices.ec384.privateKey }),
    78,
    /ERR_KEY_MISMATCH/,
  ],
  ["a wrong PIN", () => bed.hsm("ec256", {}, { userPin: "0000" }), 79, /ERR_PKCS11_PIN_INCORRECT/],
  [
    "a PIN's variable that is not set",
    () => bed.hsm("ec256", {}, { userPin: undefined, userPinEnv: "GW_NO_PIN" }),
    79,
    /ERR_PKCS11_PIN_REQUIRED.*not set/,
  ],
  ["no PIN", () => bed.hsm("ec256", {}, { userPin: undefined }), 79, /ERR_PKCS11_PIN_REQUIRED/],
  ["a token that is not there", () => bed.hsm("ec256", {}, { tokenLabel: "nobody" }), 75, /ERR_PKCS11_TOKEN_NOT_FOUND/],
];
for (const [title, options, exit, message] of endings) {
  test.serial(`${title}: exit code ${exit}`, async (t) => {
    const { code, stdout, stderr } = await run(["credential-process", "--config", await configFor(t, options())]);
    t.is(code, exit, stderr);
    t.is(stdout, "");
    t.regex(stderr, message);
  });
}

test("the command line is no part of the package's code", (t) => {
  const require = createRequire(import.meta.url);
  t.throws(() => require("refresh-session/dist/cli.js"), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" });
  t.false(Object.keys(require.cache).includes(CLI));
});

test("nobody has to read to the end: help into a closed pipe is no failure", async (t) => {
  for (const [args, code] of [
    [["--help"], 0],
    [["credential-process", "--no-such-flag"], 64],
  ]) {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    child.stderr.destroy();
    const [ended, signal] = await once(child, "close");
    t.deepEqual({ ended, signal }, { ended: code, signal: null }, args.join(" "));
  }
});
