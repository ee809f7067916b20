// Bad input: whatever is wrong with the options is said at once, by name, and before anything is touched.
//
// The tests are serial, so that "nothing was touched" can be asserted between those that must not and those that do.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { inspect } from "node:util";
import vm from "node:vm";
import test from "ava";
import { fromIot, RefreshableSession } from "refresh-session";
import {
  badEndpoints,
  badUris,
  goodEndpoints,
  junk,
  kinds,
  module,
  names,
  CANARY_PIN as PIN,
  ranges,
  typos,
  wrongTypes,
} from "./support/bad-options.mjs";
import { bodyOf, entrances, refuses, showsNone, whilePolluted, withOption } from "./support/refusals.mjs";
import { recorder } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const bed = await startTestbed({ tokens: true });
test.after.always(() => bed.stop());

const pem = (overrides) => bed.pem("ec256", overrides);
const hsm = (overrides, pkcs11) => bed.hsm("ec256", overrides, pkcs11);
const { devices } = bed.pki;
const read = (path) => readFileSync(path, "utf8");

const keyPem = read(devices.ec256.privateKey);
const keyBody = bodyOf(keyPem);
const PASSPHRASE = "canary-passphrase-of-this-test";
const secrets = [...keyBody.lines, PIN, PASSPHRASE, bed.passphrase, bed.tokens.tokens.gw.pin];

/** Where an option belongs: only one kind of session takes it. */
const around = (param) => (param.startsWith("pkcs11") ? hsm() : pem());

/** Junk files, made once. */
const file = (name, content) => {
  const path = join(bed.dir, name);
  writeFileSync(path, content);
  return path;
};
const emptyFile = file("empty.pem", "");
const junkFile = file("junk.pem", "neither PEM nor DER");
const folder = join(bed.dir, "folder.pem");
mkdirSync(folder);

// -------------------------------------------------------------------------------------------------------- types

const labelled = (value) => `${typeof value} ${inspect(value)}`;

for (const [param, kind] of Object.entries(kinds)) {
  test.serial(`${param} refuses every value that is not a ${kind}`, (t) => {
    for (const value of wrongTypes[kind]) {
      refuses(t, withOption(around(param), param, value), { param }, labelled(value), secrets);
    }
  });
}

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
    tokenSerial: 42,
    signTimeoutMs: "long",
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

// ------------------------------------------------------------------------------------------------------- endpoint

test.serial("endpoint takes host[:port]", (t) => {
  for (const endpoint of goodEndpoints) {
    for (const open of Object.values(entrances)) t.notThrows(() => open(pem({ endpoint })), endpoint);
  }
});

test.serial("endpoint refuses everything else", (t) => {
  for (const endpoint of badEndpoints) refuses(t, pem({ endpoint }), { param: "endpoint" }, endpoint);
});

test.serial("endpoint takes square brackets around an IPv6 address only", (t) => {
  for (const endpoint of ["[localhost]", "[127.0.0.1]:443"])
    refuses(t, pem({ endpoint }), { param: "endpoint" }, endpoint);
});

test.serial("endpoint with a scheme or a port that is none says so", (t) => {
  refuses(t, pem({ endpoint: "https://localhost" }), { param: "endpoint", says: ["without a scheme"] }, "scheme");
  refuses(t, pem({ endpoint: "localhost:0" }), { param: "endpoint", says: ["1 to 65535"] }, "port 0");
});

test.serial("serverName takes a DNS name or an address and nothing else", (t) => {
  for (const serverName of ["a", "a.example", "gw_1.lan", "127.0.0.1", "::1", `${"a".repeat(63)}.b`]) {
    for (const open of Object.values(entrances)) t.notThrows(() => open(pem({ serverName })), serverName);
  }
  const wrong = [" ", "a b", "-a", "https://a", "a:443", "a/b", "a..b", ".", "*.a", "1.2.3", "ü.de", "[::1]", "u@a"];
  for (const serverName of [...wrong, "a\r\nb", `${"a".repeat(64)}.b`, "a.".repeat(127)]) {
    refuses(t, pem({ serverName }), { param: "serverName" }, serverName);
  }
});

// ------------------------------------------------------------------------------------- certificate, key, CA files

const unreadable = {
  "a file that does not exist": "/nonexistent/file.pem",
  "a folder": folder,
  "a device without end": "/dev/zero",
  "a device without content": "/dev/null",
  "a path through a file": `${junkFile}/x`,
  "a path longer than any": `/${"a".repeat(5000)}`,
};

for (const param of ["certificate", "privateKey", "ca"]) {
  test.serial(`${param}: what cannot be read is named`, (t) => {
    for (const [label, path] of Object.entries(unreadable)) {
      const error = { name: "ConfigurationError", code: "ERR_FILE_UNREADABLE", param, says: [path.slice(0, 20)] };
      refuses(t, pem({ [param]: path }), error, label);
    }
  });

  test.serial(`${param}: empty content is refused`, (t) => {
    refuses(t, pem({ [param]: emptyFile }), { param, says: ["is empty", emptyFile] }, "empty file");
    refuses(t, pem({ [param]: new Uint8Array(0) }), { param, says: ["is empty"] }, "no bytes");
  });
}

test.serial("a file that is too large is refused unread", (t) => {
  const path = file("large.pem", Buffer.alloc(4 * 1024 * 1024 + 1, "x"));
  for (const param of ["certificate", "privateKey", "ca"]) {
    const error = { name: "ConfigurationError", code: "ERR_FILE_UNREADABLE", param, says: ["4194304"] };
    refuses(t, pem({ [param]: path }), error, param);
  }
});

const certificatePem = read(devices.ec256.certificate);
const codes = { certificate: "ERR_BAD_CERTIFICATE", privateKey: "ERR_BAD_PRIVATE_KEY", ca: "ERR_BAD_CA" };

for (const [param, code] of Object.entries(codes)) {
  test.serial(`${param}: content of the wrong kind is refused`, (t) => {
    const wrong = { name: "ConfigurationError", code, param };
    for (const [label, value] of Object.entries({ ...junk, "junk in a file": junkFile }))
      refuses(t, pem({ [param]: value }), wrong, label);
    if (param === "privateKey") {
      const forms = [devices.ec256.certificate, certificatePem, bodyOf(certificatePem).der];
      for (const value of forms) refuses(t, pem({ [param]: value }), wrong, "a certificate");
      return;
    }
    for (const [label, value] of [
      ["path", devices.ec256.privateKey],
      ["PEM", keyPem],
      ["DER", keyBody.der],
      ["SEC1", devices.ec256.privateKeySec1],
      ["encrypted", devices.ec256.privateKeyEncrypted],
    ]) {
      refuses(t, pem({ [param]: value }), wrong, `a key as ${label}`, secrets);
    }
  });
}

test.serial("a certificate or key that is cut short is refused", (t) => {
  const half = (text) => text.slice(0, text.length / 2);
  const wrong = { name: "ConfigurationError", code: codes.certificate, param: "certificate" };
  const { der } = bodyOf(certificatePem);
  for (const certificate of [half(certificatePem), der.subarray(0, -1), Buffer.concat([der, der])]) {
    refuses(t, pem({ certificate }), wrong, "half a certificate");
  }
  const wrongKey = { name: "ConfigurationError", code: codes.privateKey, param: "privateKey" };
  const mangled = keyPem.replace(keyBody.lines[0], keyBody.lines[0].slice(4));
  for (const privateKey of [half(keyPem), keyBody.der.subarray(0, -1), mangled]) {
    refuses(t, pem({ privateKey }), wrongKey, "half a key", [...secrets, keyBody.lines[0].slice(4)]);
  }
});

test.serial("an error about PEM is in words", (t) => {
  const error = t.throws(() => new RefreshableSession(pem({ certificate: certificatePem.slice(0, 100) })));
  t.notRegex(error.message, /\d+, \d+, \d+/);
});

test.serial("a key without its PEM boundaries is not taken for a path and shown", (t) => {
  // What is left when a key comes through an environment variable or a template that strips the boundaries.
  for (const privateKey of [
    keyBody.lines.join("\n"),
    keyBody.lines.join(""),
    keyBody.lines[0],
    Buffer.from(keyPem).toString("base64"),
  ]) {
    const error = t.throws(() => new RefreshableSession(pem({ privateKey })));
    t.is(error.param, "privateKey");
    showsNone(t, error, [...secrets, privateKey.slice(0, 40)], "a key that is no PEM");
  }
});

const unsupported = { rsa1024: "RSA-1024", ec521: "P-521", ed25519: "Ed25519" };

for (const [device, kind] of Object.entries(unsupported)) {
  test.serial(`a certificate for ${kind} is refused by the name of its key`, (t) => {
    const wrong = {
      name: "ConfigurationError",
      code: "ERR_UNSUPPORTED_KEY",
      param: "certificate",
      says: [kind, "P-256"],
    };
    refuses(t, bed.pem(device), wrong, device);
    refuses(t, hsm({ certificate: devices[device].certificate }), wrong, `${device} with a token`);
  });

  test.serial(`a private key of ${kind} is never said to be fit for use`, (t) => {
    const { privateKey } = devices[device];
    const error = t.throws(() => new RefreshableSession(pem({ privateKey })));
    t.is(error.name, "ConfigurationError");
    t.is(error.param, "privateKey");
    t.true(["ERR_UNSUPPORTED_KEY", "ERR_KEY_MISMATCH"].includes(error.code), error.message);
    showsNone(t, error, bodyOf(read(privateKey)).lines, kind);
  });
}

test.serial("the key of another certificate is refused with both fingerprints", (t) => {
  for (const [device, other, kinds] of [
    ["ec256", "ec256-unattached", ["EC P-256"]],
    ["ec256", "ec384", ["EC P-256", "EC P-384"]],
    ["ec384", "rsa2048", ["EC P-384", "RSA-2048"]],
    ["rsa2048", "ec256", ["RSA-2048", "EC P-256"]],
  ]) {
    const { privateKey } = devices[other];
    const wrong = { name: "ConfigurationError", code: "ERR_KEY_MISMATCH", param: "privateKey", says: kinds };
    const error = refuses(t, bed.pem(device, { privateKey }), wrong, other, bodyOf(read(privateKey)).lines);
    const fingerprints = error.message.match(/sha256:[0-9a-f]{64}/g);
    t.is(new Set(fingerprints).size, 2, error.message);
  }
});

test.serial("a chain in the wrong order does not fit the key", (t) => {
  const certificate = `${read(bed.pki.deviceCa)}${certificatePem}`;
  const wrong = { name: "ConfigurationError", code: "ERR_KEY_MISMATCH", param: "privateKey", says: ["comes first"] };
  refuses(t, pem({ certificate }), wrong, "CA first");
});

test.serial("the key is in exactly one place", (t) => {
  const both = {
    name: "ConfigurationError",
    code: "ERR_CONFLICTING_OPTIONS",
    param: "privateKey",
    says: ["pkcs11", "exactly one"],
  };
  refuses(t, pem({ pkcs11: hsm().pkcs11 }), both, "both", secrets);
  refuses(t, pem({ pkcs11: "pkcs11:token=gw?module-path=/x.so" }), both, "both, as a URI");
  const neither = { code: "ERR_MISSING_OPTION", param: "privateKey", says: ["pkcs11", "exactly one"] };
  refuses(t, pem({ privateKey: undefined }), neither, "neither");
  refuses(t, pem({ privateKey: undefined, privateKeyPassphrase: PASSPHRASE }), neither, "passphrase alone", secrets);
});

// ------------------------------------------------------------------------------------------------------ passphrase

const encrypted = devices.ec256.privateKeyEncrypted;
const passphrases = [
  ["missing", encrypted, undefined, "ERR_PASSPHRASE", "is encrypted"],
  ["wrong", encrypted, PASSPHRASE, "ERR_PASSPHRASE", "does not open"],
  ["wrong, as bytes", encrypted, Buffer.from(PASSPHRASE), "ERR_PASSPHRASE", "does not open"],
  ["empty", encrypted, "", "ERR_PASSPHRASE", "does not open"],
  ["of another spelling", encrypted, bed.passphrase.toUpperCase(), "ERR_PASSPHRASE", "does not open"],
  ["with a newline", encrypted, `${bed.passphrase}\n`, "ERR_PASSPHRASE", "does not open"],
  ["missing for DER", bodyOf(read(encrypted)).der, undefined, "ERR_PASSPHRASE", "is encrypted"],
  ["idle", devices.ec256.privateKey, PASSPHRASE, "ERR_CONFLICTING_OPTIONS", "not encrypted"],
  ["idle for SEC1", devices.ec256.privateKeySec1, PASSPHRASE, "ERR_CONFLICTING_OPTIONS", "not encrypted"],
  ["idle for DER", keyBody.der, PASSPHRASE, "ERR_CONFLICTING_OPTIONS", "not encrypted"],
];

for (const [label, privateKey, privateKeyPassphrase, code, says] of passphrases) {
  test.serial(`a passphrase that is ${label} is refused`, (t) => {
    const wrong = { name: "ConfigurationError", code, param: "privateKeyPassphrase", says: [says] };
    refuses(t, pem({ privateKey, privateKeyPassphrase }), wrong, label, [...secrets, ...bodyOf(read(encrypted)).lines]);
  });
}

test.serial("a passphrase has no place beside a token", (t) => {
  const wrong = {
    name: "ConfigurationError",
    code: "ERR_CONFLICTING_OPTIONS",
    param: "privateKeyPassphrase",
    says: ["pkcs11.userPin"],
  };
  refuses(t, hsm({ privateKeyPassphrase: PASSPHRASE }), wrong, "token", secrets);
});

test.serial("the old encrypted PEM form is refused, and the way out shown", (t) => {
  const privateKey = devices.ec256.privateKeyLegacyEncrypted;
  const wrong = {
    name: "ConfigurationError",
    code: "ERR_BAD_PRIVATE_KEY",
    param: "privateKey",
    says: ["openssl pkcs8 -topk8"],
  };
  for (const form of [privateKey, read(privateKey), readFileSync(privateKey)]) {
    for (const privateKeyPassphrase of [undefined, bed.passphrase]) {
      refuses(t, pem({ privateKey: form, privateKeyPassphrase }), wrong, "legacy", secrets);
    }
  }
});

// ---------------------------------------------------------------------------------------------------------- pkcs11

test.serial("pkcs11.library must be an absolute path", (t) => {
  for (const library of ["libsofthsm2.so", "./libsofthsm2.so", "../lib.so", "~/lib.so", "file:///usr/lib/x.so"]) {
    refuses(t, hsm({}, { library }), { param: "pkcs11.library", says: ["absolute"] }, library);
  }
});

test.serial("pkcs11.library given as a URI does not show the PIN in it", (t) => {
  const library = `pkcs11:token=gw?module-path=/x.so&pin-value=${PIN}`;
  refuses(t, hsm({}, { library }), { param: "pkcs11.library" }, "a URI", secrets);
});

test.serial("pkcs11 ids are hexadecimal in any case, with colons or without, or bytes", (t) => {
  for (const id of ["01", "aB", "01:ab:FF", "00", new Uint8Array([1]), Buffer.from("01", "hex"), "ab".repeat(100)]) {
    for (const param of ["pkcs11.privateKeyId", "pkcs11.certificateId"]) {
      for (const open of Object.values(entrances)) t.notThrows(() => open(withOption(hsm(), param, id)), `${id}`);
    }
  }
});

test.serial("a token's certificate may be left to the token", (t) => {
  for (const open of Object.values(entrances)) t.notThrows(() => open(hsm({ certificate: undefined })));
});

test.serial("a pkcs11 URI that is wrong in any way is refused, and no value of it repeated", (t) => {
  for (const [pkcs11, says] of badUris) refuses(t, hsm({ pkcs11 }), { param: "pkcs11", says: [says] }, pkcs11, secrets);
});

test.serial("a pkcs11 URI with a module path that is not absolute names an option that was given", (t) => {
  for (const path of ["libsofthsm2.so", "./x.so", ""]) {
    refuses(t, hsm({ pkcs11: `pkcs11:token=gw?module-path=${path}` }), { param: "pkcs11", says: ["absolute"] }, path);
  }
});

test.serial("a pkcs11 URI hides no NUL in a text", (t) => {
  for (const pkcs11 of ["pkcs11:token=gw?module-path=/x.so%00.txt", `pkcs11:token=g%00w?${module}`]) {
    refuses(t, hsm({ pkcs11 }), { param: "pkcs11" }, pkcs11);
  }
});

test.serial("a pkcs11 URI that follows RFC 7512 is taken", (t) => {
  for (const pkcs11 of [
    `pkcs11:?${module}`,
    `PKCS11:token=my%20gw?${module}`,
    `pkcs11:token=gw;serial=01;manufacturer=M;model=X;object=key;id=%01%aB;type=private?${module}`,
    `pkcs11:token=gw;slot-description=d;slot-manufacturer=m;library-description=d;library-version=2.6?${module}`,
    `pkcs11:token=gw?${module}&pin-source=file:///etc/pin&x-vendor=1`,
    `pkcs11:token=gw?pin-source=/etc/pin&${module}`,
  ]) {
    for (const open of Object.values(entrances)) t.notThrows(() => open(hsm({ pkcs11 })), pkcs11);
  }
});

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

/** Where Linux lists the files mapped into this process: a module that was loaded is there. */
const MAPS = "/proc/self/maps";
const moduleIsLoaded = () => read(MAPS).includes(basename(bed.tokens.module));

test.serial("none of all this touched the network or the token", async (t) => {
  t.deepEqual(await bed.log(), []);
  t.is((await bed.control("GET", "/state")).openConnections, 0);
  if (existsSync(MAPS)) t.false(moduleIsLoaded());
});

// --------------------------------------------------------------------------------------- later changes of options

test.serial("what the caller changes later has no effect", async (t) => {
  const options = pem({
    certificate: readFileSync(devices.ec256.certificate),
    privateKey: readFileSync(devices.ec256.privateKeyEncrypted),
    privateKeyPassphrase: Buffer.from(bed.passphrase),
    ca: readFileSync(bed.pki.serverCa),
  });
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
  const session = new RefreshableSession(hsm({ pkcs11 }));
  for (const [name, value] of Object.entries(pkcs11)) {
    if (value instanceof Uint8Array) value.fill(0xff);
    pkcs11[name] = "changed";
  }
  await t.notThrowsAsync(session.credentials());
  if (existsSync(MAPS)) t.true(moduleIsLoaded(), "the search finds what is there");
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
  const session = new RefreshableSession(pem(copies));
  for (const path of Object.values(copies)) writeFileSync(path, "gone");
  await t.notThrowsAsync(session.credentials());
  await session.close();
});
