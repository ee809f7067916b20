// Bad input: the endpoint, files, the passphrase and tokens. Whatever is wrong is said at once, by name, and before
// anything is touched.
//
// The tests are serial, so that "nothing was touched" can be asserted between those that must not and those that do.

import { readFileSync } from "node:fs";
import test from "ava";
import { RefreshableSession } from "refresh-session";
import { badEndpoints, badUris, goodEndpoints, junk, module, CANARY_PIN as PIN } from "./support/bad-options.mjs";
import {
  bed,
  devices,
  emptyFile,
  file,
  folder,
  hsm,
  junkFile,
  keyBody,
  keyPem,
  PASSPHRASE,
  pem,
  read,
  secrets,
} from "./support/options-bed.mjs";
import { bodyOf, entrances, refuses, showsNone, withOption } from "./support/refusals.mjs";
import { untouched } from "./support/untouched.mjs";

test.after.always(() => bed.stop());

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
    // A token may be able to do more than this package.
    const inToken = hsm({ certificate: devices[device].certificate });
    if (device === "ec521") for (const open of Object.values(entrances)) t.notThrows(() => open(inToken));
    else refuses(t, inToken, wrong, `${device} with a token`);
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

test.serial("pkcs11.userPin and pkcs11.userPinEnv exclude each other", (t) => {
  const both = {
    name: "ConfigurationError",
    code: "ERR_CONFLICTING_OPTIONS",
    param: "pkcs11.userPinEnv",
    says: ["pkcs11.userPin"],
  };
  refuses(t, hsm({}, { userPin: PIN, userPinEnv: "GW_PIN" }), both, "both", secrets);
});

test.serial("pkcs11.librarySha256 is what sha256sum prints, in any case", (t) => {
  for (const librarySha256 of ["0a".repeat(32), "0A".repeat(32)]) {
    for (const open of Object.values(entrances)) t.notThrows(() => open(hsm({}, { librarySha256 })), librarySha256);
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

test.serial("a pkcs11 URI in the object is checked alike, and what it selects is said nowhere else", (t) => {
  for (const [uri, says] of badUris) {
    refuses(t, hsm({ pkcs11: { uri } }), { param: "pkcs11.uri", says: [says] }, uri, secrets);
  }
  const uri = `pkcs11:token=gw?${module}`;
  for (const [param, given, inUri = uri] of [
    ["slotId", 1],
    ["tokenLabel", "gw"],
    ["tokenSerial", "1"],
    ["privateKeyLabel", "key"],
    ["privateKeyId", "01"],
    ["certificateLabel", "key"],
    ["certificateId", "01"],
    ["library", "/other.so"],
    ["userPin", PIN, `${uri}&pin-value=${PIN}`],
    ["userPin", () => PIN, `${uri}&pin-source=/etc/pin`],
    ["userPinEnv", "GW_PIN", `${uri}&pin-source=/etc/pin`],
  ]) {
    const wrong = { name: "ConfigurationError", code: "ERR_CONFLICTING_OPTIONS", param: `pkcs11.${param}` };
    refuses(t, hsm({ pkcs11: { uri: inUri, [param]: given } }), { ...wrong, says: ["pkcs11.uri"] }, param, secrets);
  }
  const relative = { uri: "pkcs11:token=gw?module-path=x.so" };
  refuses(t, hsm({ pkcs11: relative }), { param: "pkcs11.uri", says: ["absolute"] }, "in the URI");
  const beside = { uri: "pkcs11:token=gw", library: "x.so" };
  refuses(t, hsm({ pkcs11: beside }), { param: "pkcs11.library", says: ["absolute"] }, "beside it");
  refuses(t, hsm({ pkcs11: { uri: "pkcs11:token=gw" } }), { param: "pkcs11.uri", says: ["module-path"] }, "nowhere");
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

// ---------------------------------------------------------------------------------------------------------- nothing

test.serial("none of all this touched the network or the token", (t) => untouched(t, bed));
