// Who is believed, on both sides of the handshake: the server's certificate, the device's, and the signature scheme
// that both must know.

import test from "ava";
import { ConnectionError, RefreshableSession } from "../dist/index.mjs";
import { unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const VERSIONS = ["1.2", "1.3"];

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

// The local clock until the first good reply of this process has told the time.
const someClock = new RegExp(`(the local clock says|a server said before that it is) ${new Date().getUTCFullYear()}-`);
const badServers = [
  ["expired", /has expired/, /clock.*ahead|Renew the server/, someClock],
  ["notYetValid", /is not valid yet/, /clock.*past|has a wrong clock/, someClock],
  ["wrongName", /is for another name/, /`serverName`/, /other\.example/],
  ["unknownCa", /is not issued by a trusted CA/, /`ca`/, /trusted is the one CA of `ca`/],
  ["selfSigned", /is self-signed, by no trusted CA/, /`ca`/, /trusted is the one CA of `ca`/],
];
const kinds = [
  ["PEM", () => tb.pem()],
  ["HSM", () => tb.hsm()],
];

for (const [serverCertificate, message, hint, more] of badServers) {
  for (const version of VERSIONS) {
    const title = `server certificate ${serverCertificate}, TLS ${version}`;

    for (const [kind, options] of kinds) {
      test.serial(`${title}, ${kind}: ERR_SERVER_CERTIFICATE says which and what to look at`, async (t) => {
        await tb.configure({ serverCertificate, versions: [version] });
        const session = open(t, options());
        const error = await t.throwsAsync(session.credentials(), { instanceOf: ConnectionError });
        t.like(error, { code: "ERR_SERVER_CERTIFICATE", retryable: false, statusCode: undefined });
        t.regex(error.message, message);
        t.regex(error.hint, hint);
        t.regex(error.message, /"CN=[^"]+", issued by "CN=[^"]+", valid from \d{4}-.*Z to \d{4}-.*Z/);
        t.regex(error.message, more);
        t.deepEqual(await tb.log("request"), [], "nothing is asked of a server that is not believed");

        await tb.configure({ serverCertificate: "good" });
        t.regex((await session.credentials()).accessKeyId, /^ASIA/);
      });
    }

    test.serial(`${title}: accepted with verifyPeer false, with a warning`, async (t) => {
      await tb.configure({ serverCertificate, versions: [version] });
      const warned = [];
      const onWarning = (warning) => warned.push(warning.code);
      t.regex((await open(t, tb.pem("ec256", { verifyPeer: false, onWarning })).credentials()).accessKeyId, /^ASIA/);
      t.deepEqual(warned, ["WARN_PEER_NOT_VERIFIED"]);
    });
  }
}

test.serial("a CA bundle replaces the system's store: another CA's is ERR_SERVER_CERTIFICATE", async (t) => {
  for (const ca of [tb.pki.deviceCa, "system"]) {
    const error = await t.throwsAsync(open(t, tb.pem("ec256", { ca })).credentials());
    t.is(error.code, "ERR_SERVER_CERTIFICATE");
    t.regex(error.message, /trusted CA/);
    t.regex(
      error.message,
      ca === "system" ? /trusted is (the system's|what AWS IoT)/ : /trusted is the one CA of `ca`/,
    );
  }
});

test.serial("serverName is what the certificate is checked for, and the name sent in SNI", async (t) => {
  await tb.configure({ serverCertificate: "wrongName", requireSni: false });
  await open(t, unshared(tb.pem("ec256", { serverName: "other.example" }))).credentials();
  t.is((await tb.log("connection"))[0].sni, "other.example");

  await tb.configure({ serverCertificate: "good" });
  const options = unshared(tb.pem("ec256", { serverName: "other.example" }));
  const error = await t.throwsAsync(open(t, options).credentials());
  t.is(error.code, "ERR_SERVER_CERTIFICATE");
});

// What the server finds wrong with the certificate; the alert is the server's word for it.
const badDevices = [
  ["of an unknown CA", () => tb.pem("ec256-unknown"), undefined, /UnknownCA/],
  ["that has expired", () => tb.pem("ec256-expired"), undefined, /CertificateExpired/],
  ["that is revoked", () => tb.pem("ec256"), ["ec256", "revoked"], /CertificateRevoked/],
  ["that is not registered", () => tb.pem("ec256"), ["ec256", "unknown"], /CertificateUnknown/],
  ["of RSA that is revoked", () => tb.pem("rsa2048"), ["rsa2048", "revoked"], /CertificateRevoked/],
  ["of an HSM key that is revoked", () => tb.hsm("ec256"), ["hsm-ec256", "revoked"], /CertificateRevoked/],
];

for (const [title, options, registration, alert] of badDevices) {
  for (const version of VERSIONS) {
    test.serial(`a device certificate ${title}, TLS ${version}: ERR_CERTIFICATE_REFUSED`, async (t) => {
      await tb.configure({ versions: [version], refuse: "tls" });
      if (registration !== undefined) {
        const [name, status] = registration;
        await tb.control("PUT", `/certificates/${name}`, { status });
      }
      const session = open(t, options());
      const error = await t.throwsAsync(session.credentials(), { instanceOf: ConnectionError });
      t.like(error, { code: "ERR_CERTIFICATE_REFUSED", retryable: false, statusCode: undefined });
      t.regex(error.message, alert);
      t.regex(error.hint, /registered and ACTIVE/);
      // At least: the server may only now have noticed that the test before this one hung up on it.
      t.true((await waitForLog("handshake-failed", 1)).length >= 1, "it was the handshake");

      if (registration !== undefined) {
        await tb.control("PUT", `/certificates/${registration[0]}`, { status: "active" });
        t.regex((await session.credentials()).accessKeyId, /^ASIA/);
      }
    });
  }
}

for (const [kind, name, options] of [
  ["PEM", "ec256", () => tb.pem()],
  ["HSM", "hsm-ec256", () => tb.hsm()],
]) {
  test.serial(
    `a refusal over TLS 1.3 is seen as one, also when it overtakes the request: 200 times, ${kind}`,
    async (t) => {
      await tb.configure({ versions: ["1.3"] });
      await tb.control("PUT", `/certificates/${name}`, { status: "revoked" });
      const codes = {};
      for (let n = 0; n < 200; n++) {
        const { code } = await t.throwsAsync(open(t, unshared(options())).credentials());
        codes[code] = (codes[code] ?? 0) + 1;
      }
      t.deepEqual(codes, { ERR_CERTIFICATE_REFUSED: 200 });
      // At least: the server may only now have noticed that the test before this one hung up on it.
      t.true((await waitForLog("handshake-failed", 200)).length >= 200, "every one of them was a handshake");
    },
  );
}

test.serial("a certificate refused only now: keys held are served, and it works again once accepted", async (t) => {
  const session = open(t, tb.pem());
  const held = await session.credentials();
  await tb.control("PUT", "/certificates/ec256", { status: "revoked" });
  await tb.control("POST", "/connections/drop");
  await t.throwsAsync(session.refresh({ force: true }), { code: "ERR_CERTIFICATE_REFUSED" });
  t.deepEqual(await session.credentials(), held);
  await tb.control("PUT", "/certificates/ec256", { status: "active" });
  await t.notThrowsAsync(session.refresh({ force: true }));
});

// Schemes the server asks for, a key that can do none of them, one that can, and what the message lists.
const noCommon = [
  ["rsa-only", "ec256", "rsa2048", /RSA_PSS_SHA256/],
  ["rsa-only", "ec384", "rsa2048", /RSA_PSS_SHA256/],
  ["ecdsa-p384-only", "ec256", "ec384", /offers ECDSA_NISTP384_SHA384/],
  ["ecdsa-p384-only", "rsa2048", "ec384", /offers ECDSA_NISTP384_SHA384/],
];

for (const [clientSchemes, misfit, fit, listed] of noCommon) {
  for (const version of VERSIONS) {
    for (const [kind, options] of [
      ["PEM", (key) => tb.pem(key)],
      ["HSM", (key) => tb.hsm(key)],
    ]) {
      const title = `${clientSchemes}, TLS ${version}, ${kind}`;
      test.serial(`${title}: ${misfit} is ERR_NO_COMMON_SCHEME with the list, ${fit} is good`, async (t) => {
        await tb.configure({ clientSchemes, versions: [version] });
        const session = open(t, options(misfit));
        const error = await t.throwsAsync(session.credentials(), { instanceOf: ConnectionError });
        t.like(error, { code: "ERR_NO_COMMON_SCHEME", retryable: false });
        t.regex(error.message, listed);
        t.regex(error.hint, /key of another kind/);
        t.deepEqual(await tb.log("request"), [], "nothing is asked without a certificate");

        t.regex((await open(t, options(fit)).credentials()).accessKeyId, /^ASIA/);
        const [{ tlsVersion, clientKey }] = await tb.log("connection");
        t.is(tlsVersion, version);
        t.is(clientKey, { ec384: "ec-p384", rsa2048: "rsa-2048" }[fit]);

        await tb.configure({ clientSchemes: "all" });
        t.regex((await session.credentials()).accessKeyId, /^ASIA/);
      });
    }
  }
}

function waitForLog(event, atLeast) {
  return tb.control("GET", `/log?event=${event}&atLeast=${atLeast}&waitMs=5000`);
}

function open(t, options) {
  const session = new RefreshableSession(options);
  t.teardown(() => session.close());
  return session;
}
