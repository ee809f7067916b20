// Options as TypeScript sees them: what is taken, and what is refused before it ever runs.

import {
  type CommonOptions,
  type CustomOptions,
  fromIot,
  type IotOptions,
  type Method,
  type Pkcs11Options,
  type Pkcs11UriOptions,
  RefreshableSession,
  type RefreshOptions,
  type SessionOptions,
  type SessionWarning,
} from "refresh-session";
import { holds, type Same } from "./assert.js";

const named = { endpoint: "a.example", roleAlias: "role" };
const key = { certificate: "/etc/gw/cert.pem", privateKey: "/etc/gw/key.pem" };
const token = { library: "/usr/lib/module.so" };

// ------------------------------------------------------------------------------------------------------------ taken

new RefreshableSession({ method: "iot", ...named, ...key });
new RefreshableSession({ method: "iot", ...named, pkcs11: token });
new RefreshableSession({ method: "iot", ...named, pkcs11: "pkcs11:token=gw?module-path=/usr/lib/module.so" });
fromIot({ ...named, ...key });
fromIot({
  ...named,
  certificate: new Uint8Array(),
  privateKey: Buffer.alloc(0),
  privateKeyPassphrase: new Uint8Array(),
});
fromIot({ ...named, ...key, thingName: "gw", durationSeconds: 900, ca: "system", verifyPeer: true, serverName: "b" });
fromIot({ ...named, ...key, proxy: "http://user:password@proxy.lan:3128" });
fromIot({ ...named, ...key, proxy: false });
// @ts-expect-error there is no proxy to be had from `true`
fromIot({ ...named, ...key, proxy: true });
fromIot({ ...named, ...key, timeoutMs: 1, connectTimeoutMs: 1, advisoryWindowSeconds: 1, logger: console });
fromIot({ ...named, ...key, certificateWarningDays: 0 });
fromIot({ ...named, ...key, refresh: "eager", refreshPolicy: "botocore", startupJitterSeconds: 0.5 });
fromIot({ ...named, ...key, deferRefresh: false, mandatoryWindowSeconds: 1, region: "eu-west-1", accountId: true });
new RefreshableSession({ method: "iot", ...named, ...key, clientCache: false });
new RefreshableSession({ method: "iot", ...named, ...key, clientCache: {} });
new RefreshableSession({ method: "iot", ...named, ...key, clientCache: { policy: "lfu", maxSize: 1 } });
fromIot({
  ...named,
  ...key,
  onWarning: ({ code, message }) => holds<Same<[typeof code, typeof message], [string, string]>>(),
});
fromIot({
  ...named,
  pkcs11: { ...token, slotId: 0, tokenLabel: "gw", tokenSerial: "1", privateKeyLabel: "k", certificateLabel: "c" },
});
fromIot({ ...named, pkcs11: { ...token, privateKeyId: "01ab", certificateId: new Uint8Array([1]), signTimeoutMs: 1 } });
fromIot({ ...named, pkcs11: { ...token, userPin: "1234" } });
fromIot({ ...named, pkcs11: { uri: "pkcs11:token=gw", ...token, userPinEnv: "GW_PIN", signTimeoutMs: 1 } });
fromIot({
  ...named,
  pkcs11: { uri: "pkcs11:?module-path=/m.so", userPin: () => "1", librarySha256: "00", forceLogin: true },
});
fromIot({ ...named, pkcs11: { ...token, userPinEnv: "GW_PIN", librarySha256: "00", forceLogin: true } });
fromIot({ ...named, pkcs11: { ...token, userPin: new Uint8Array() } });
fromIot({ ...named, pkcs11: { ...token, userPin: () => "1234" } });
fromIot({ ...named, pkcs11: { ...token, userPin: async () => new Uint8Array() } });

const asVariable: IotOptions = { ...named, ...key };
fromIot(asVariable);
new RefreshableSession({ method: "iot", ...asVariable } satisfies SessionOptions);
new RefreshableSession(Object.freeze({ method: "iot" as const, ...asVariable }));

holds<Same<Method, "sts" | "iot" | "container" | "webIdentity" | "custom">>();
holds<IotOptions extends CommonOptions ? true : false>();
holds<CustomOptions extends CommonOptions ? true : false>();
holds<Same<IotOptions["pkcs11"], Pkcs11Options | Pkcs11UriOptions | string | undefined>>();
holds<Same<keyof SessionWarning, "code" | "message">>();
holds<Same<keyof RefreshOptions, "force" | "signal">>();

// ---------------------------------------------------------------------------------------------------------- refused

// @ts-expect-error options are needed
new RefreshableSession();
// @ts-expect-error a method is needed
new RefreshableSession({ ...named, ...key });
// @ts-expect-error there is no such method in this build
new RefreshableSession({ method: "x509", ...named, ...key });
// @ts-expect-error a method given as any text is not known to be one
new RefreshableSession({ method: "iot" as string, ...named, ...key });
// @ts-expect-error fromIot has no method
fromIot({ method: "iot", ...named, ...key });
// @ts-expect-error options are needed
fromIot();
// @ts-expect-error roleAlias is needed
fromIot({ endpoint: "a.example", ...key });
// @ts-expect-error endpoint is needed
fromIot({ roleAlias: "role", ...key });
// @ts-expect-error no such option
fromIot({ ...named, ...key, rolealias: "role" });
// @ts-expect-error no such option
fromIot({ ...named, ...key, verify_peer: false });
// @ts-expect-error not a text
fromIot({ ...named, ...key, endpoint: new URL("https://a.example") });
// @ts-expect-error not a text
fromIot({ ...named, ...key, roleAlias: 1 });
// @ts-expect-error not a text
fromIot({ ...named, ...key, thingName: null });
// @ts-expect-error not a number
fromIot({ ...named, ...key, durationSeconds: "900" });
// @ts-expect-error not a number
fromIot({ ...named, ...key, timeoutMs: 10n });
// @ts-expect-error neither text nor bytes
fromIot({ ...named, ...key, certificate: new ArrayBuffer(1) });
// @ts-expect-error neither text nor bytes
fromIot({ ...named, ...key, privateKey: [1, 2] });
// @ts-expect-error neither text nor bytes
fromIot({ ...named, ...key, ca: ["/etc/ca.pem"] });
// @ts-expect-error not a boolean
fromIot({ ...named, ...key, verifyPeer: "false" });
// @ts-expect-error not a logger
fromIot({ ...named, ...key, logger: { info() {} } });
// @ts-expect-error not a function of a warning
fromIot({ ...named, ...key, onWarning: (_: number) => {} });
// @ts-expect-error a token needs its library
fromIot({ ...named, pkcs11: { tokenLabel: "gw" } });
// @ts-expect-error nor a library that is no text beside a URI
fromIot({ ...named, pkcs11: { uri: "pkcs11:token=gw", library: 1 } });
// @ts-expect-error no such option of a token
fromIot({ ...named, pkcs11: { ...token, pin: "1234" } });
// @ts-expect-error not a PIN
fromIot({ ...named, pkcs11: { ...token, userPin: 1234 } });
// @ts-expect-error not a function of a PIN
fromIot({ ...named, pkcs11: { ...token, userPin: () => 1234 } });
// @ts-expect-error not a number
fromIot({ ...named, pkcs11: { ...token, slotId: "0" } });
// @ts-expect-error neither text nor bytes
fromIot({ ...named, pkcs11: { ...token, privateKeyId: 1 } });
// @ts-expect-error not a token
fromIot({ ...named, pkcs11: true });
// @ts-expect-error no such mode
fromIot({ ...named, ...key, refresh: "lazy" });
// @ts-expect-error not a boolean
fromIot({ ...named, ...key, deferRefresh: "false" });
// @ts-expect-error no such policy
fromIot({ ...named, ...key, refreshPolicy: "boto3" });
// @ts-expect-error a policy given as any text is not known to be one
fromIot({ ...named, ...key, refreshPolicy: "aws" as string });
// @ts-expect-error not a number
fromIot({ ...named, ...key, mandatoryWindowSeconds: "60" });
// @ts-expect-error not a number
fromIot({ ...named, ...key, startupJitterSeconds: 1n });
// @ts-expect-error not a text
fromIot({ ...named, ...key, region: async () => "eu-west-1" });
// @ts-expect-error the account is not an option, only whether it is handed on
fromIot({ ...named, ...key, accountId: "123456789012" });
// @ts-expect-error a provider makes no clients
fromIot({ ...named, ...key, clientCache: false });
// @ts-expect-error a cache is on unless it is off
new RefreshableSession({ method: "iot", ...named, ...key, clientCache: true });
// @ts-expect-error no such policy of a cache
new RefreshableSession({ method: "iot", ...named, ...key, clientCache: { policy: "fifo" } });
// @ts-expect-error no such option of a cache
new RefreshableSession({ method: "iot", ...named, ...key, clientCache: { max: 1 } });
