// What is said about options: warnings, and messages that repeat neither secrets nor line ends.
//
// The tests are serial, so that "nothing was touched" can be asserted between those that must not and those that do.

import test from "ava";
import { RefreshableSession } from "refresh-session";
import { module, CANARY_PIN as PIN } from "./support/bad-options.mjs";
import { bed, hsm, PASSPHRASE, pem, secrets } from "./support/options-bed.mjs";
import { entrances, refuses, showsNone } from "./support/refusals.mjs";
import { recorder } from "./support/sessions.mjs";
import { untouched } from "./support/untouched.mjs";

test.after.always(() => bed.stop());

// --------------------------------------------------------------------------------------------------------- warnings

const dataEndpoint = "abc-ats.iot.eu-west-1.amazonaws.com:8883";
const warned = [
  ["WARN_ENDPOINT_REWRITTEN", () => pem({ endpoint: dataEndpoint }), "abc.credentials.iot.eu-west-1.amazonaws.com:443"],
  ["WARN_PEER_NOT_VERIFIED", () => pem({ verifyPeer: false }), "verifyPeer"],
  ["WARN_PKCS11_SLOT_ID_ONLY", () => hsm({}, { slotId: 3, tokenLabel: undefined }), "by its slot number only"],
  ["WARN_PKCS11_SLOT_ID_ONLY", () => hsm({ pkcs11: `pkcs11:slot-id=3?${module}` }), "slot number only"],
  ["WARN_PKCS11_PIN_IN_URI", () => hsm({ pkcs11: `pkcs11:token=gw?${module}&pin-value=${PIN}` }), "pin-source"],
];

for (const [code, make, says] of warned) {
  for (const [entrance, open] of Object.entries(entrances)) {
    test.serial(
      `${entrance} reports ${code} to onWarning and logger.warn, after it has returned (${says})`,
      async (t) => {
        const warnings = [];
        const logger = recorder();
        open({ ...make(), logger, onWarning: (warning) => warnings.push(warning) });
        t.deepEqual([warnings, logger.lines], [[], []]);
        await new Promise(setImmediate);
        t.deepEqual(
          warnings.map((warning) => warning.code),
          [code],
        );
        t.true(warnings[0].message.includes(says), warnings[0].message);
        t.is(logger.lines.length, 1);
        t.is(logger.lines[0].level, "warn");
        t.true(logger.lines[0].text.includes(code) && logger.lines[0].text.includes(says));
        showsNone(t, [warnings, logger.lines], secrets, code);
      },
    );
  }
}

test.serial("options without fault give no warning", async (t) => {
  const warnings = [];
  for (const make of [pem, hsm]) new RefreshableSession(make({ onWarning: (warning) => warnings.push(warning) }));
  new RefreshableSession(hsm({ onWarning: (warning) => warnings.push(warning) }, { slotId: 3 }));
  await new Promise(setImmediate);
  t.deepEqual(warnings, []);
});

test.serial("without onWarning and logger a warning is a process warning", async (t) => {
  const emitted = new Promise((resolve) => process.once("warning", resolve));
  new RefreshableSession(pem({ verifyPeer: false }));
  t.is((await emitted).code, "WARN_PEER_NOT_VERIFIED");
});

test.serial("a warning callback that throws ends neither the constructor nor the process", async (t) => {
  const emitted = new Promise((resolve) => process.once("warning", resolve));
  const onWarning = () => {
    throw new Error("mine");
  };
  t.notThrows(() => new RefreshableSession(pem({ verifyPeer: false, onWarning })));
  t.regex((await emitted).message, /mine/);
});

// --------------------------------------------------------------------------------------------------------- messages

test.serial("a message repeats no control character and nothing without end", (t) => {
  // It ends up in logs, where a line break begins a forged entry.
  const evil = "x\r\n\u001b[31mforged";
  for (const options of [
    pem({ endpoint: evil }),
    pem({ serverName: evil }),
    pem({ method: evil }),
    pem({ certificate: `/nonexistent/${evil}` }),
    pem({ [evil]: true }),
    hsm({}, { library: evil }),
    hsm({}, { [evil]: true }),
  ]) {
    const error = t.throws(() => new RefreshableSession(options));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    t.notRegex(error.message, /[\u0000-\u001f\u007f]/, error.param);
  }
  const long = "x".repeat(1_000_000);
  for (const options of [
    pem({ endpoint: long }),
    pem({ serverName: long }),
    pem({ method: long }),
    pem({ ca: `/${long}` }),
  ]) {
    const error = t.throws(() => new RefreshableSession(options));
    t.true(error.message.length < 8192, `${error.param}: ${error.message.length} characters`);
  }
});

test.serial("a password in an endpoint is not repeated", (t) => {
  for (const endpoint of [`https://user:${PASSPHRASE}@localhost`, `user:${PASSPHRASE}@localhost`]) {
    refuses(t, pem({ endpoint }), { param: "endpoint" }, endpoint, secrets);
  }
});

test.serial("a hint is a sentence that ends the message", (t) => {
  const hinted = [
    pem({ zzzzzzzzzzzz: 1 }),
    pem({ method: "x" }),
    pem({ certificate: "/nonexistent" }),
    pem({ endpiont: "" }),
  ];
  for (const options of hinted) {
    const error = t.throws(() => new RefreshableSession(options));
    t.regex(error.hint, /^[A-Z].*[.?]$/);
    t.true(error.message.endsWith(`. ${error.hint}`), error.message);
  }
});

// ---------------------------------------------------------------------------------------------------------- nothing

test.serial("none of all this touched the network or the token", (t) => untouched(t, bed));
