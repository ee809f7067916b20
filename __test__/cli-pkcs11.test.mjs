// `pkcs11 list`: what it shows, whom it asks, and that what it prints can be pasted.

import { join } from "node:path";
import test from "ava";
import { spyOn } from "./children/run.mjs";
import { configFor, folderFor, run, shimOn } from "./support/cli.mjs";
import { startTestbed } from "./support/testbed.mjs";

let bed;
let gw;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
  gw = bed.tokens.tokens.gw;
});
test.after.always(() => bed?.stop());

const list = (args, options) => run(["pkcs11", "list", ...args], options);
const tokens = ({ stdout }) => JSON.parse(stdout).slots.flatMap(({ token }) => token ?? []);
const named = (result, label) => tokens(result).find((token) => token.label === label);

async function spied(t) {
  const spy = spyOn(bed.tokens.module, join(await folderFor(t), "spy.log"));
  return { spy, args: ["--library", spy.library, "--json"], env: spy.env };
}

test("without a PIN nobody is logged in, and private keys are not seen", async (t) => {
  const { spy, args, env } = await spied(t);
  const result = await list(args, { env });
  t.is(result.code, 0, result.stderr);
  t.is(spy.count("C_Login"), 0);
  const token = named(result, "gw");
  t.like(token, { serial: gw.serial, manufacturer: "SoftHSM project", model: "SoftHSM v2", complete: false, keys: [] });
  t.deepEqual(token.flags, [{ name: "CKF_LOGIN_REQUIRED", words: "login required" }]);
  t.deepEqual(token.certificates.map(({ label }) => label).sort(), ["dup", "dup", "ec256", "ec384", "rsa2048"]);
  t.is(tokens(result).filter(({ label }) => label === "twin").length, 2);
});

test("with a PIN the one selected token is logged in, and its keys have URIs that lead to them", async (t) => {
  const { spy, args, env } = await spied(t);
  const login = [...args, "--token-label", "gw", "--pin-env", "GW_PIN"];
  const result = await list(login, { env: { ...env, GW_PIN: gw.pin } });
  t.is(result.code, 0, result.stderr);
  t.is(spy.count("C_Login"), 1);
  const { keys, complete } = named(result, "gw");
  t.true(complete);
  t.deepEqual(keys.map(({ label, id, kind }) => [label, id, kind]).sort(), [
    ["dup", "0a", "EC P-256"],
    ["dup", "0b", "EC P-256"],
    ["ec256", "01", "EC P-256"],
    ["ec384", "02", "EC P-384"],
    ["rsa2048", "03", "RSA-2048"],
  ]);
  const { uri } = keys.find(({ label }) => label === "ec384");
  t.regex(uri, new RegExp(`^pkcs11:token=gw;serial=${gw.serial};object=ec384;id=%02;type=private\\?module-path=/`));
  // As it is, into the configuration.
  const config = await configFor(t, { ...bed.hsm("ec384"), pkcs11: `${uri}&pin-source=${await pinFile(t)}` });
  const used = await run(["whoami", "--config", config], { env });
  t.is(used.code, 0, used.stderr);
});

test("as text", async (t) => {
  const args = ["--library", bed.tokens.module, "--token-label", "gw", "--pin-file", await pinFile(t)];
  const { code, stdout } = await list(args);
  t.is(code, 0);
  t.regex(stdout, /^module {8}\/.*\n {14}.*SoftHSM/);
  t.regex(stdout, /^token {9}gw\n {2}slot {8}\d+\n {2}serial/m);
  t.regex(stdout, /^ {2}key {9}ec256, id 01, EC P-256\n {14}pkcs11:token=gw;/m);
  t.regex(stdout, /^ {2}certificate ec256, id 01, CN=hsm-ec256, until \d{4}-/m);
  t.regex(stdout, /^ {2}more .*may show after a login/m);
});

test("a PIN goes to nobody unless one token is meant", async (t) => {
  const { spy, args, env } = await spied(t);
  for (const selector of [[], ["--token-label", "twin"], ["--token-label", "nobody"]]) {
    const { code, stdout, stderr } = await list([...args, ...selector, "--pin-env", "P"], {
      env: { ...env, P: gw.pin },
    });
    t.true([75, 78].includes(code), `${code}`);
    t.is(stdout, "");
    t.regex(stderr, /ERR_PKCS11_TOKEN_(AMBIGUOUS|NOT_FOUND)/);
  }
  t.is(spy.count("C_Login"), 0);
});

for (const flag of ["locked", "final-try"]) {
  test(`a token that is ${flag} is sent no PIN: exit code 79`, async (t) => {
    const { library, env, count } = await shimOn(t, bed.tokens.module, [flag]);
    const args = ["--library", library, "--token-label", "gw"];
    const { code, stderr } = await list([...args, "--pin-env", "P"], { env: { ...env, P: gw.pin } });
    t.is(code, 79, stderr);
    t.regex(stderr, /ERR_PKCS11_PIN_LOCKED/);
    const shown = await list(args, { env });
    t.is(shown.code, 0);
    t.regex(shown.stdout, flag === "locked" ? /user PIN locked/ : /one try is left/);
    t.is(count("C_Login"), 0);
  });
}

test("a wrong PIN: exit code 79, and the token remembers", async (t) => {
  const args = ["--library", bed.tokens.module, "--token-label", "other"];
  const { code, stdout, stderr } = await list([...args, "--pin-env", "P"], { env: { P: "0000" } });
  t.is(code, 79);
  t.is(stdout, "");
  t.regex(stderr, /ERR_PKCS11_PIN_INCORRECT/);
  t.true(named(await list([...args, "--json"]), "other").flags.some(({ name }) => name === "CKF_USER_PIN_COUNT_LOW"));
});

test("a login without a PIN needs a token with a pad", async (t) => {
  const args = ["--library", bed.tokens.module, "--token-label", "gw", "--login"];
  const { code, stderr } = await list(args);
  t.is(code, 79);
  t.regex(stderr, /ERR_PKCS11_PIN_REQUIRED/);
  const { library, env, count } = await shimOn(t, bed.tokens.module, ["pad", `pad=${gw.pin}`]);
  const padded = await list(["--library", library, "--token-label", "gw", "--login", "--json"], { env });
  t.is(padded.code, 0, padded.stderr);
  t.is(named(padded, "gw").keys.length, 5);
  t.is(count("C_Login"), 1);
});

const modules = [
  ["no path", [], 64, /--library/],
  ["a relative path", ["--library", "libsofthsm2.so"], 78, /must be absolute/],
  ["no module", ["--library", "/nowhere/module.so"], 78, /ERR_PKCS11_MODULE:/],
  ["another hash", ["--library-sha256", "ab".repeat(32)], 78, /ERR_PKCS11_MODULE_HASH/],
  ["a module that hangs", ["--sign-timeout-ms", "300"], 75, /ERR_PKCS11_TIMEOUT/, ["hang=C_GetSlotList"]],
];
for (const [title, args, exit, message, words] of modules) {
  test(`${title}: exit code ${exit}`, async (t) => {
    const { library, env } = await shimOn(t, bed.tokens.module, words);
    const given = exit === 64 || args.includes("--library") ? args : ["--library", library, ...args];
    const { code, stdout, stderr } = await list(given, { env });
    t.is(code, exit, stderr);
    t.is(stdout, "");
    t.regex(stderr, message);
  });
}

async function pinFile(t) {
  return configFor(t, `${gw.pin}\n`, { name: "pin" });
}
