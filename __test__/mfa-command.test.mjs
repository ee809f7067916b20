// MFA codes from a program: how it is run, which digits count, and what its failures say.

import { chmodSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { mfaBed } from "./support/mfa-bed.mjs";
import { shownForms } from "./support/refusals.mjs";
import { recorder } from "./support/sessions.mjs";
import { arnOf, asked, assumed, roleSession } from "./support/sts-bed.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { failureOf, listening, until } from "./support/waiting.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(async (t) => {
  await bed.reset();
  t.context.device = await mfaBed(bed);
});
test.after.always(() => bed?.stop());

const node = (script, ...args) => [process.execPath, "-e", script, ...args];
/** Writes `text` to its standard output. */
const printing = (text) => node("process.stdout.write(process.argv[1])", text);

function commandSession(t, mfaTokenProvider, mfaCommandOptions, { role = "MfaRole", ...overrides } = {}) {
  const { user } = t.context.device;
  const sourceCredentials = { accessKeyId: user.accessKeyId, secretAccessKey: user.secretAccessKey };
  const options = { sourceCredentials, mfaTokenProvider, mfaCommandOptions, ...overrides };
  return roleSession(t, bed, role, { SerialNumber: user.mfaSerial }, options);
}

/** What the error of a command that must fail says; nothing was sent, and nothing of its output is shown. */
async function fails(t, command, options, says, overrides) {
  const error = await failureOf(commandSession(t, command, options, overrides).credentials());
  t.like(error, { name: "CredentialError", code: "ERR_MFA_COMMAND", param: "mfaTokenProvider", retryable: true });
  t.true(error.message.includes(says), error.message);
  t.false(/canary|12345/.test(shownForms(error)), shownForms(error));
  t.is((await asked(bed)).length, 0);
  return error;
}

// ------------------------------------------------------------------------------------------------------ how it is run

test.serial("a command of words", async (t) => {
  const session = commandSession(t, printing(`Touch your key\nAWS:ops ${await t.context.device.code()}\n`));
  t.is(await arnOf(bed, session), assumed("MfaRole"));
});

test.serial("a command as one line, split as a shell does, comments included, with nothing expanded", async (t) => {
  const code = await t.context.device.code();
  const seen = join(bed.dir, "words.json");
  const script = join(bed.dir, "a script.cjs");
  const source = `require("fs").writeFileSync(${JSON.stringify(seen)}, JSON.stringify(process.argv.slice(2)));`;
  writeFileSync(script, `${source} console.log(process.argv[2]);`);
  const line = `'${process.execPath}' "${script}" ${code} "a b" 'c "d"' e\\ f $HOME "$(id)" ; | * '' # a comment`;
  await commandSession(t, line).ready();
  const words = [code, "a b", 'c "d"', "e f", "$HOME", "$(id)", ";", "|", "*", ""];
  t.deepEqual(JSON.parse(readFileSync(seen, "utf8")), words);
});

test.serial("cwd, env and input", async (t) => {
  const cwd = join(bed.dir, "there");
  mkdirSync(cwd, { recursive: true });
  const script = `
    const input = require("fs").readFileSync(0, "utf8");
    const names = Object.keys(process.env).filter((name) => !name.startsWith("__CF"));
    const seen = { cwd: process.cwd(), names, input };
    require("fs").writeFileSync(process.argv[1], JSON.stringify(seen));
    console.log(process.env.CODE);`;
  const seen = join(bed.dir, "seen.json");
  for (const input of ["a text", new Uint8Array(Buffer.from("a text"))]) {
    const device = await mfaBed(bed);
    t.context.device = device;
    const env = { CODE: await device.code(), LEFT_OUT: undefined };
    await commandSession(t, node(script, seen), { cwd, env, input }).ready();
    t.deepEqual(JSON.parse(readFileSync(seen, "utf8")), { cwd: realpathSync(cwd), names: ["CODE"], input: "a text" });
  }
});

test.serial("its environment is that of the process when the session was made, and it has no input", async (t) => {
  process.env.REFRESH_SESSION_CODE = await t.context.device.code();
  const script = `console.log(require("fs").readFileSync(0, "utf8") === "" && process.env.REFRESH_SESSION_CODE)`;
  const session = commandSession(t, node(script));
  delete process.env.REFRESH_SESSION_CODE;
  await t.notThrowsAsync(session.ready());
});

test.serial("an eager session runs it by its timer", async (t) => {
  const { device } = t.context;
  const file = join(bed.dir, "codes");
  writeFileSync(file, [await device.code(0), await device.code(1), await device.code(-1)].join("\n"));
  // The next line, once.
  const script = `
    const fs = require("fs"), [first, ...rest] = fs.readFileSync(process.argv[1], "utf8").split("\\n");
    fs.writeFileSync(process.argv[1], rest.join("\\n")); console.log(first)`;
  const session = commandSession(t, node(script, file), undefined, { role: "ShortRole", refresh: "eager" });
  const told = listening(session);
  await until(() => told.refresh.length >= 2);
  t.deepEqual(told.expired, []);
});

// -------------------------------------------------------------------------------------------------- which digits count

const found = {
  "the code alone": (code) => code,
  "the last of several": (code) => `111111 222222 ${code}`,
  "after a name": (code) => `id=${code}`,
  "before other text": (code) => `${code} (30 seconds left)`,
  "beside digits that touch letters": (code) => `${code} otp123456 1234567 x654321`,
};
for (const [label, output] of Object.entries(found)) {
  test.serial(`found: ${label}`, async (t) => {
    await t.notThrowsAsync(commandSession(t, printing(output(await t.context.device.code()))).ready());
  });
}

for (const output of ["", "canary", "12345", "1234567", "otp123456", "123456x", "123_456", "123 456", "１２３４５６"]) {
  test.serial(`no code: ${JSON.stringify(output)}`, (t) => fails(t, printing(output), undefined, "wrote no code"));
}

test.serial("what it writes to its standard error is no code", (t) =>
  fails(t, node("console.error(123456)"), undefined, "wrote no code"),
);

// --------------------------------------------------------------------------------------------------------- failures

test.serial("a program that is not there, may not be run, or is a folder", async (t) => {
  await fails(t, ["/nonexistent/program"], undefined, "was not started");
  const file = join(bed.dir, "not-executable");
  writeFileSync(file, "#!/bin/sh\necho 123456\n");
  chmodSync(file, 0o600);
  await fails(t, [file], undefined, "was not started");
  await fails(t, [bed.dir], undefined, "was not started");
  await fails(t, printing("123456"), { cwd: "/nonexistent" }, "was not started");
});

test.serial("a program that fails is not believed, and what it wrote is not shown", async (t) => {
  const script = 'console.log("canary 123456"); console.error("canary 123456"); process.exitCode = 3';
  await fails(t, node(script), undefined, "exit status: 3");
  await fails(t, node('console.log(123456); process.kill(process.pid, "SIGKILL")'), undefined, "signal: 9");
});

test.serial("a program that hangs is killed at its limit, with what it has started", async (t) => {
  const pids = join(bed.dir, "pids");
  const sleep = '["-e", "setInterval(() => {}, 1000)"]';
  const script = `
    const child = require("child_process").spawn(process.execPath, ${sleep}, { stdio: "inherit" });
    require("fs").writeFileSync(process.argv[1], process.pid + " " + child.pid);
    setInterval(() => {}, 1000)`;
  await fails(t, node(script, pids), { timeoutMs: 1500 }, "1500 ms");
  await until(() =>
    readFileSync(pids, "utf8")
      .split(" ")
      .every((pid) => !alive(Number(pid))),
  );
  t.pass();
});

test.serial("closing the session kills it", async (t) => {
  const file = join(bed.dir, "pid");
  const script = 'require("fs").writeFileSync(process.argv[1], String(process.pid)); setInterval(() => {}, 1000)';
  const session = commandSession(t, node(script, file));
  const waiting = failureOf(session.credentials());
  const pid = await until(() => {
    try {
      return Number(readFileSync(file, "utf8"));
    } catch {
      return 0;
    }
  });
  await session.close();
  t.is((await waiting).code, "ERR_CLOSED");
  await until(() => !alive(pid));
});

function alive(pid) {
  try {
    // A process that has ended and was not waited for still has a number.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

test.serial("a program that writes without end is killed", (t) =>
  fails(t, node('for (;;) require("fs").writeSync(1, "x".repeat(4096))'), undefined, "wrote more than"),
);

// ----------------------------------------------------------------------------------------------------------- options

test.serial("what is no command is refused by the constructor", (t) => {
  for (const [command, options, code, param] of [
    ["", undefined, "ERR_INVALID_OPTION", "mfaTokenProvider"],
    ["   ", undefined, "ERR_INVALID_OPTION", "mfaTokenProvider"],
    [[], undefined, "ERR_INVALID_OPTION", "mfaTokenProvider"],
    [[""], undefined, "ERR_INVALID_OPTION", "mfaTokenProvider"],
    ["oathtool 'canary", undefined, "ERR_INVALID_OPTION", "mfaTokenProvider"],
    ['oathtool "canary', undefined, "ERR_INVALID_OPTION", "mfaTokenProvider"],
    ["oathtool canary\\", undefined, "ERR_INVALID_OPTION", "mfaTokenProvider"],
    [["a\0b"], undefined, "ERR_INVALID_OPTION", "mfaTokenProvider"],
    ...["stdout", "stderr", "shell", "executable", "preexec_fn", "stdio", "check"].map((name) => [
      ["oathtool"],
      { [name]: true },
      "ERR_UNKNOWN_OPTION",
      `mfaCommandOptions.${name}`,
    ]),
    [() => "123456", { timeoutMs: 1 }, "ERR_CONFLICTING_OPTIONS", "mfaCommandOptions"],
  ]) {
    const error = t.throws(() => commandSession(t, command, options), undefined, JSON.stringify([command, options]));
    t.like(error, { code, param }, error.message);
    t.false(shownForms(error).includes("canary"), shownForms(error));
  }
});

test.serial("neither its words, environment, input nor output are shown anywhere", async (t) => {
  const logger = recorder();
  const options = { env: { SECRET: "canary-env" }, input: "canary-input" };
  const command = node('console.log("canary-output")', "canary-word");
  const session = commandSession(t, command, options, { logger });
  const events = listening(session);
  const error = await failureOf(session.credentials());
  await until(() => events.refreshError.length > 0);
  for (const value of [error, session, session.status(), events, logger.lines]) {
    t.false(shownForms(value).includes("canary"), shownForms(value));
  }
});
