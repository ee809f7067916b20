import type { NativeIotOptions } from "../binding";
import type { IotOptions } from "../types";
import { type Checks, checked, defined, integer, required, text } from "./check";
import { commonChecks, MAX_TIMEOUT_MS, type ParsedCommonOptions, parseCommonOptions } from "./common";
import { deviceChecks } from "./device";
import { type PinCallback, parsePkcs11 } from "./pkcs11";
import { proxyOf } from "./proxy";

/** Long enough before its end to have a certificate renewed by hand. */
const WARNING_DAYS = 30;

const iotChecks: Checks<IotOptions> = {
  ...commonChecks,
  ...deviceChecks,
  endpoint: text,
  roleAlias: text,
  thingName: text,
  durationSeconds: integer(900, 43_200),
  connectTimeoutMs: integer(1, MAX_TIMEOUT_MS),
  certificateWarningDays: integer(0, 3650),
};

/** Options of the IoT source, as the native side takes them. */
export interface ParsedIotOptions extends ParsedCommonOptions {
  iot: NativeIotOptions;
  pin: PinCallback | undefined;
}

/** Checks `options` and makes the native side's objects of it. `beside`: options that were read before. */
export function parseIotOptions(options: unknown, beside?: readonly string[]): ParsedIotOptions {
  const given = checked<IotOptions>(options, iotChecks, "", beside);
  const endpoint = required(given.endpoint, "endpoint");
  const roleAlias = required(given.roleAlias, "roleAlias");
  const { pkcs11: token, pin } = parsePkcs11(given.pkcs11);
  return {
    ...parseCommonOptions(given),
    iot: defined({
      endpoint,
      roleAlias,
      thingName: given.thingName,
      durationSeconds: given.durationSeconds,
      certificate: given.certificate,
      privateKey: given.privateKey,
      privateKeyPassphrase: given.privateKeyPassphrase,
      pkcs11: token,
      ca: given.ca === "system" ? undefined : given.ca,
      verifyPeer: given.verifyPeer ?? true,
      serverName: given.serverName,
      connectTimeoutMs: given.connectTimeoutMs,
      certificateWarningDays: given.certificateWarningDays ?? WARNING_DAYS,
      proxy: proxyOf(given.proxy),
    }),
    pin,
  };
}
