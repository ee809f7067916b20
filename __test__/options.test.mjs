// Bad input: types, names and copies. Whatever is wrong with the options is said at once, by name, and before anything
// is touched.
//
// The tests are serial, so that "nothing was touched" can be asserted between those that must not and those that do.

import { readFileSync, writeFileSync } from "node:fs";
import { inspect } from "node:util";
import vm from "node:vm";
import test from "ava";
import { fromIot, RefreshableSession } from "refresh-session";
import { kinds, names, CANARY_PIN as PIN, ranges, typos, wrongTypes } from "./support/bad-options.mjs";
import { around, bed, devices, file, hsm, PASSPHRASE, pem, read, secrets } from "./support/options-bed.mjs";
import { entrances, refuses, whilePolluted, withOption } from "./support/refusals.mjs";
import { unshared } from "./support/sessions.mjs";
import { moduleIsLoaded, untouched } from "./support/untouched.mjs";

test.after.always(() => bed.stop());

// -------------------------------------------------------------------------------------------------------- types

const labelled = (value) => `${typeof value} ${inspect(value)}`;

for (const [param, kind] of Object.entries(kinds)) {
  test.serial(`${param} refuses every value that is not a ${kind}`, (t) => {
    for (const value of wrongTypes[kind]) {
      refuses(t, withOption(around(param), param, value), { param }, labelled(value), secrets);
    }
  });
}

test.serial("a secret given as a number is not repeated", (t) => {
  const secret = 836_183_618_361;
  const wrong = [
    ["pkcs11.userPin", hsm({}, { userPin: secret })],
    ["privateKeyPassphrase", pem({ privateKeyPassphrase: secret })],
    ["privateKey", pem({ privateKey: secret })],
  ];
  for (const [param, options] of wrong) {
    const { message } = refuses(t, options, { param, says: ["a number"] }, param);
    t.false(message.includes(String(secret)), message);
  }
});

test.serial("the table of wrong types leaves out no option", (t) => {
  const { hint } = refuses(
    t,
    pem({ zzzzzzzzzzzz: 1 }),
    { code: "ERR_UNKNOWN_OPTION", param: "zzzzzzzzzzzz" },
    "unknown option",
  );
  const inner = refuses(
    t,
    hsm({}, { zzzzzzzzzzzz: 1 }),
    { code: "ERR_UNKNOWN_OPTION", param: "pkcs11.zzzzzzzzzzzz" },
    "unknown token option",
  );
  const listed = (text) => /takes: (.*)\.$/.exec(text)[1].split(", ");
  const known = [...listed(hint), ...listed(inner.hint).map((name) => `pkcs11.${name}`)];
  t.deepEqual(known.sort(), Object.keys(kinds).sort());
});

test.serial("an option that is undefined counts as left out", (t) => {
  for (const param of Object.keys(kinds)) {
    if (["endpoint", "roleAlias", "certificate", "privateKey", "pkcs11", "pkcs11.library"].includes(param)) continue;
    for (const open of Object.values(entrances))
      t.notThrows(() => open(withOption(around(param), param, undefined)), param);
  }
});

// ------------------------------------------------------------------------------------------------------- ranges

for (const [param, least, most] of ranges) {
  test.serial(`${param} goes from ${least} to ${most}`, (t) => {
    for (const value of [least, most]) {
      for (const open of Object.values(entrances)) {
        t.notThrows(() => open(withOption(around(param), param, value)), `${value}`);
      }
    }
    const outside = [least - 1, most + 1, -most, least + 0.5, 2 ** 32 + least, -(2 ** 31), 2 ** 53, 1e300];
    if (least > 0) outside.push(0, -0);
    for (const value of outside) refuses(t, withOption(around(param), param, value), { param }, `${value}`);
  });

  test.serial(`${param} out of its range is told the range`, (t) => {
    for (const value of [least - 1, most + 1, least + 0.5, "10"]) {
      const error = t.throws(() => new RefreshableSession(withOption(around(param), param, value)));
      t.regex(error.message, new RegExp(`${least} to ${most}$`));
    }
  });
}

for (const [param, everyMark, wrong] of names) {
  test.serial(`${param} takes 1 to 128 of the characters AWS allows`, (t) => {
    for (const value of ["a", "x".repeat(128), everyMark]) {
      for (const open of Object.values(entrances)) t.notThrows(() => open(pem({ [param]: value })), value);
    }
    refuses(t, pem({ [param]: "x".repeat(129) }), { param, says: ["1 to 128"] }, "129 characters");
    refuses(t, pem({ [param]: "x".repeat(1_000_000) }), { param, says: ["1 to 128"] }, "a million characters");
    for (const value of wrong) refuses(t, pem({ [param]: value }), { param, says: ["only letters"] }, value);
  });
}

// --------------------------------------------------------------------------------------------- names of options

test.serial("an option that does not exist is refused", (t) => {
  const code = "ERR_UNKNOWN_OPTION";
  for (const name of ["region2", "constructor", "toString", "hasOwnProperty", "0", "", "x".repeat(64)]) {
    refuses(t, pem({ [name]: true }), { code, param: name, says: ["does not exist"] }, name);
    refuses(t, hsm({}, { [name]: true }), { code, param: `pkcs11.${name}`, says: ["does not exist"] }, name);
  }
  // Even without a value: a typo is one whatever stands behind it.
  refuses(t, pem({ verifypeer: undefined }), { code, param: "verifypeer" }, "undefined");
});

test.serial("an own property called __proto__ is an option that does not exist", (t) => {
  const smuggled = JSON.parse('{"__proto__": {"verifyPeer": false}}');
  // A spread would call the setter; this is what JSON.parse gives.
  for (const into of [pem(), hsm()]) {
    const options = Object.defineProperty(into, "__proto__", {
      value: Object.getOwnPropertyDescriptor(smuggled, "__proto__").value,
      enumerable: true,
    });
    const error = t.throws(() => new RefreshableSession(options));
    t.is(error.code, "ERR_UNKNOWN_OPTION");
    t.is(error.param, "__proto__");
  }
});

test.serial("a misspelled option is answered with the right one", (t) => {
  for (const [typo, right] of Object.entries(typos)) {
    const prefix = typo.includes(".") ? "pkcs11." : "";
    const says = [`Did you mean \`${prefix}${right}\`?`];
    refuses(t, withOption(around(typo), typo, PIN), { code: "ERR_UNKNOWN_OPTION", param: typo, says }, typo, secrets);
  }
});

test.serial("an endless name of an option is not repeated in full", (t) => {
  const error = t.throws(() => new RefreshableSession(pem({ ["n".repeat(1_000_000)]: 1 })));
  t.is(error.code, "ERR_UNKNOWN_OPTION");
  t.true(error.message.length < 1000 && error.param.length < 100);
});

test.serial("options that are no object are refused", (t) => {
  for (const open of [(options) => new RefreshableSession(options), fromIot]) {
    for (const options of [undefined, null, 0, 1n, true, "iot", Symbol("x"), [], [pem()], () => {}]) {
      const error = t.throws(() => open(options), undefined, typeof options);
      t.is(error.name, "ValidationError");
      t.is(error.code, "ERR_INVALID_OPTION");
      t.is(error.param, "options");
    }
  }
});

test.serial("fromIot has no method", (t) => {
  const error = t.throws(() => fromIot(pem()));
  t.is(error.code, "ERR_UNKNOWN_OPTION");
  t.is(error.param, "method");
});

test.serial("the method must be one of this build's", (t) => {
  const { method: _, ...rest } = pem();
  const cases = [
    [{}, "ERR_MISSING_OPTION"],
    [{ method: undefined }, "ERR_MISSING_OPTION"],
    ...[null, 1, true, {}, [], ["iot"], "", "IOT", "iot ", "x509", "toString", "__proto__"].map((method) => [
      { method },
      "ERR_INVALID_OPTION",
    ]),
  ];
  for (const [method, code] of cases) {
    const error = t.throws(() => new RefreshableSession({ ...rest, ...method }), undefined, JSON.stringify(method));
    t.is(error.name, "ValidationError");
    t.is(error.code, code, JSON.stringify(method));
    t.is(error.param, "method");
    t.true(error.message.includes('"iot"'), error.message);
  }
});

test.serial("what must be given and is missing is named", (t) => {
  const code = "ERR_MISSING_OPTION";
  for (const param of ["endpoint", "roleAlias", "certificate"]) {
    refuses(t, pem({ [param]: undefined }), { code, param, says: ["missing"] }, param);
  }
  refuses(t, hsm({}, { library: undefined }), { code, param: "pkcs11.library", says: ["missing"] }, "library");
});

// -------------------------------------------------------------------------------------- pollution, getters, copies

test.serial("options on Object.prototype have no effect", (t) => {
  // Each would be refused, or fail on its file, if anybody looked at it.
  const polluting = {
    ca: "/nonexistent/attacker.pem",
    thingName: "not a thing",
    serverName: "not a name",
    durationSeconds: 1,
    privateKeyPassphrase: PASSPHRASE,
    advisoryWindowSeconds: "soon",
    slotId: "first",
    userPin: 42,
    userPinEnv: 42,
    librarySha256: "canary",
    forceLogin: "yes",
    tokenSerial: 42,
    signTimeoutMs: "long",
    refresh: "soon",
    deferRefresh: "no",
    refreshPolicy: "boto",
    mandatoryWindowSeconds: 43_200,
    startupJitterSeconds: -1,
    accountId: "yes",
    region: "evil.com/",
    clientCache: "large",
    customCredentials: "none",
    zzz: true,
  };
  for (const [name, value] of Object.entries(polluting)) {
    for (const [entrance, open] of Object.entries(entrances)) {
      for (const make of [pem, () => hsm({}, { userPin: undefined })]) {
        const { [name]: _, ...options } = make();
        t.notThrows(() => whilePolluted({ [name]: value }, () => open(options)), `${entrance}: ${name}`);
      }
    }
  }
});

test.serial("verifyPeer and endpoint on Object.prototype are not taken for options", async (t) => {
  const warnings = [];
  whilePolluted({ verifyPeer: false }, () => new RefreshableSession(pem({ onWarning: (w) => warnings.push(w) })));
  await new Promise(setImmediate);
  t.deepEqual(warnings, []);
  const { endpoint, ...withoutEndpoint } = pem();
  const polluted = whilePolluted({ endpoint }, () => t.throws(() => new RefreshableSession(withoutEndpoint)));
  t.is(polluted.code, "ERR_MISSING_OPTION");
});

test.serial("a method on Object.prototype is not taken for one", (t) => {
  const { method, ...rest } = pem();
  const error = whilePolluted({ method }, () => t.throws(() => new RefreshableSession(rest)));
  t.is(error?.code, "ERR_MISSING_OPTION");
});

test.serial("inherited options are ignored", (t) => {
  const { method, ...rest } = pem();
  const error = t.throws(() => new RefreshableSession(Object.assign(Object.create(rest), { method })));
  t.is(error.code, "ERR_MISSING_OPTION");
  t.is(error.param, "endpoint");
  // Nor are they refused: whatever else a class instance inherits is not its options.
  t.notThrows(() => new RefreshableSession(Object.assign(Object.create({ nonsense: true }), pem())));
  t.notThrows(() => new RefreshableSession(Object.assign(Object.create(null), pem())));
});

test.serial("each option is read once", (t) => {
  for (const make of [pem, hsm]) {
    const reads = {};
    const counting = (values, prefix) => {
      const result = {};
      for (const [name, value] of Object.entries(values)) {
        const inner = name === "pkcs11" ? counting(value, "pkcs11.") : value;
        const get = () => {
          reads[prefix + name] = (reads[prefix + name] ?? 0) + 1;
          return inner;
        };
        Object.defineProperty(result, name, { get, enumerable: true });
      }
      return result;
    };
    t.notThrows(() => new RefreshableSession(counting(make(), "")));
    t.deepEqual([...new Set(Object.values(reads))], [1], JSON.stringify(reads));
  }
});

test.serial("what a getter throws is passed on as it is", (t) => {
  const mine = new Error("mine");
  const options = Object.defineProperty(pem(), "ca", {
    enumerable: true,
    get() {
      throw mine;
    },
  });
  t.is(
    t.throws(() => new RefreshableSession(options)),
    mine,
  );
});

test.serial("frozen options are taken", (t) => {
  t.notThrows(() => new RefreshableSession(Object.freeze(pem())));
  t.notThrows(() => new RefreshableSession(Object.freeze(hsm({ pkcs11: Object.freeze(hsm().pkcs11) }))));
});

test.serial("bytes of another realm are bytes", (t) => {
  // As under Jest, where a test's `Uint8Array` is not the one of the modules.
  const foreign = vm.runInNewContext("Uint8Array");
  const certificate = foreign.from(readFileSync(devices.ec256.certificate));
  const privateKey = foreign.from(readFileSync(devices.ec256.privateKey));
  t.notThrows(() => new RefreshableSession(pem({ certificate, privateKey })));
});

// ---------------------------------------------------------------------------------------------------------- nothing

test.serial("none of all this touched the network or the token", (t) => untouched(t, bed));

// --------------------------------------------------------------------------------------- later changes of options

test.serial("what the caller changes later has no effect", async (t) => {
  const options = unshared(
    pem({
      certificate: readFileSync(devices.ec256.certificate),
      privateKey: readFileSync(devices.ec256.privateKeyEncrypted),
      privateKeyPassphrase: Buffer.from(bed.passphrase),
      ca: readFileSync(bed.pki.serverCa),
    }),
  );
  const session = new RefreshableSession(options);
  for (const [name, value] of Object.entries(options)) {
    if (value instanceof Uint8Array) value.fill(0);
    options[name] = "changed";
  }
  await t.notThrowsAsync(session.credentials());
  await session.close();
});

test.serial("what the caller changes later in the token's options has no effect", async (t) => {
  const { gw } = bed.tokens.tokens;
  const pkcs11 = { ...hsm().pkcs11, privateKeyId: Buffer.from(gw.keys.ec256.id, "hex"), userPin: Buffer.from(gw.pin) };
  const session = new RefreshableSession(unshared(hsm({ pkcs11 })));
  for (const [name, value] of Object.entries(pkcs11)) {
    if (value instanceof Uint8Array) value.fill(0xff);
    pkcs11[name] = "changed";
  }
  await t.notThrowsAsync(session.credentials());
  t.not(moduleIsLoaded(bed), false, "the search finds what is there");
  await session.close();
});

test.serial("files are read in the constructor, once", async (t) => {
  const copies = Object.fromEntries(
    Object.entries({
      certificate: devices.ec256.certificate,
      privateKey: devices.ec256.privateKey,
      ca: bed.pki.serverCa,
    }).map(([name, path]) => [name, file(`${name}-copy.pem`, read(path))]),
  );
  const session = new RefreshableSession(unshared(pem(copies)));
  for (const path of Object.values(copies)) writeFileSync(path, "gone");
  await t.notThrowsAsync(session.credentials());
  await session.close();
});
