/** What the calls of an MQTT connection take: types, checked. A publish with `qos` and `retain` alone is read without a copy. */

import { isUint8Array } from "node:util/types";
import { MqttError } from "../errors";
import {
  NO_LIMIT,
  NO_LOCAL,
  QOS_1,
  RETAIN,
  RETAIN_AS_PUBLISHED,
  RETAIN_HANDLING_SHIFT,
  UNTIL_STORED,
} from "../mqtt/packed";
import type {
  MqttCloseOptions,
  MqttConnectOptions,
  MqttHandler,
  MqttOperationOptions,
  MqttPublishOptions,
  MqttPublishProperties,
  MqttSubscribeOptions,
  MqttUserProperties,
} from "../mqtt/types";
import { boolean, type Check, type Checks, callback, checked, integer, invalid, list, refused, text } from "./check";
import { MAX_TIMEOUT_MS } from "./common";

const MAX_U32 = 0xffff_ffff;

export const signal: Check<AbortSignal> = (value, param) => {
  if (value instanceof AbortSignal) return value;
  throw invalid(param, value, "an AbortSignal");
};

/** 0 or 1; 2 has an error of its own, since elsewhere it exists. */
export const qos: Check<0 | 1> = (value, param) => {
  if (value === 0 || value === 1) return value;
  if (value !== 2) throw invalid(param, value, "0 or 1");
  throw new MqttError({
    code: "ERR_MQTT_QOS",
    message: `option \`${param}\` is 2: only 0 and 1 can be had`,
    hint: "AWS IoT has no QoS 2 and never answers it. Use QoS 1, and make receivers ignore repeats.",
    param,
  });
};

/** One of some words or numbers. */
export function oneOf<T extends string | number>(...values: T[]): Check<T> {
  return (value, param) => {
    if (values.includes(value as T)) return value as T;
    const shown = values.map((known) => JSON.stringify(known));
    throw invalid(param, value, `${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}`);
  };
}

/** May be empty, and what is in it is checked in Rust. */
const anyText: Check<string> = (value, param) => {
  if (typeof value === "string") return value;
  throw invalid(param, value, "a string");
};

const bytes: Check<Uint8Array> = (value, param) => {
  if (isUint8Array(value)) return readable(value, param);
  throw invalid(param, value, "a Uint8Array");
};

const NO_BYTES = new Uint8Array();

/** Bytes whose memory was transferred to another thread have the length 0, and fail whoever copies them. */
function readable(value: Uint8Array, param: string): Uint8Array {
  if (value.length > 0) return value;
  try {
    NO_BYTES.set(value);
  } catch {
    throw refused(param, "has no memory any more: it was transferred, or shrunk");
  }
  return value;
}

export const userProperties: Check<MqttUserProperties> = (value, param) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(param, value, "an object");
  const read = ([name, content]: [string, unknown]): [string, string | string[]] => {
    const inner = `${param}.${name}`;
    return [name, Array.isArray(content) ? list(anyText)(content, inner) : anyText(content, inner)];
  };
  return Object.assign(Object.create(null), Object.fromEntries(Object.entries(value).map(read)));
};

const propertyChecks: Checks<MqttPublishProperties> = {
  userProperties,
  contentType: anyText,
  responseTopic: anyText,
  correlationData: bytes,
  messageExpirySeconds: integer(0, MAX_U32),
  payloadFormat: oneOf("utf8"),
};

export const publishProperties: Check<MqttPublishProperties> = (value, param) =>
  checked<MqttPublishProperties>(value, propertyChecks, `${param}.`) as MqttPublishProperties;

const operationChecks: Checks<MqttOperationOptions> = { timeoutMs: integer(1, MAX_U32 - 1), signal };

const publishChecks: Checks<MqttPublishOptions> = {
  ...operationChecks,
  qos,
  retain: boolean,
  properties: publishProperties,
  until: oneOf("acknowledged", "stored"),
};

const subscribeChecks: Checks<MqttSubscribeOptions> = {
  ...operationChecks,
  qos,
  noLocal: boolean,
  retainAsPublished: boolean,
  retainHandling: oneOf(0, 1, 2),
};

/** An operation as it is packed. */
export interface Call {
  flags: number;
  timeoutMs: number | undefined;
  signal: AbortSignal | undefined;
  properties: MqttPublishProperties | undefined;
}

const plain = (flags: number): Call =>
  Object.freeze({ flags, timeoutMs: undefined, signal: undefined, properties: undefined });

/** The calls that need no more than flags, by those. */
const PLAIN = [plain(0), plain(QOS_1), plain(RETAIN), plain(QOS_1 | RETAIN)] as const;

export function parsePublish(options: unknown): Call {
  if (options === undefined) return PLAIN[0];
  const flags = plainFlags(options);
  if (flags !== undefined) return PLAIN[flags] as Call;
  const given = checked<MqttPublishOptions>(options, publishChecks);
  const stored = given.until === "stored" ? UNTIL_STORED : 0;
  return call((given.qos ?? 0) | (given.retain === true ? RETAIN : 0) | stored, given, given.properties);
}

/** The flags of options that are `qos` and `retain` alone, and right. */
function plainFlags(options: unknown): number | undefined {
  if (typeof options !== "object" || options === null || Array.isArray(options)) return undefined;
  let flags = 0;
  for (const name of Object.keys(options)) {
    const value = (options as Record<string, unknown>)[name];
    if (name === "qos" && (value === 0 || value === 1)) flags |= value;
    else if (name === "retain" && value === true) flags |= RETAIN;
    else return undefined;
  }
  return flags;
}

export function parseSubscribe(options: unknown): Call {
  if (options === undefined) return PLAIN[0];
  const given = checked<MqttSubscribeOptions>(options, subscribeChecks);
  const flags =
    (given.qos ?? 0) |
    (given.noLocal === true ? NO_LOCAL : 0) |
    (given.retainAsPublished === true ? RETAIN_AS_PUBLISHED : 0) |
    ((given.retainHandling ?? 0) << RETAIN_HANDLING_SHIFT);
  return call(flags, given, undefined);
}

export function parseOperation(options: unknown): Call {
  if (options === undefined) return PLAIN[0];
  return call(0, checked<MqttOperationOptions>(options, operationChecks), undefined);
}

function call(
  flags: number,
  { timeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal },
  properties: MqttPublishProperties | undefined,
): Call {
  signal?.throwIfAborted();
  return { flags, timeoutMs, signal, properties };
}

export function parseConnect(options: unknown): AbortSignal | undefined {
  if (options === undefined) return undefined;
  const { signal: given } = checked<MqttConnectOptions>(options, { signal });
  given?.throwIfAborted();
  return given;
}

/** For how long a close that drains waits, if nobody says. */
const DRAIN_MS = 5000;

/** The limit of the drain. */
export function parseClose(options: unknown): number {
  if (options === undefined) return NO_LIMIT;
  const given = checked<MqttCloseOptions>(options, { drain: boolean, timeoutMs: integer(1, MAX_TIMEOUT_MS) });
  return given.drain === true ? (given.timeoutMs ?? DRAIN_MS) : NO_LIMIT;
}

/** A topic; what MQTT and the limits say to it is known in Rust. */
export const topicText = text;

export function parsePayload(payload: unknown): string | Uint8Array {
  if (typeof payload === "string") return payload;
  if (isUint8Array(payload)) return readable(payload, "payload");
  throw invalid("payload", payload, "a string or Uint8Array");
}

/** One filter or several. */
export function parseFilters(filters: unknown): readonly string[] {
  if (!Array.isArray(filters)) return [text(filters, "filter")];
  if (filters.length === 0) throw refused("filter", "is an empty array: there must be one at least");
  return list(text)(filters, "filter");
}

export function parseHandler(handler: unknown): MqttHandler | undefined {
  return handler === undefined ? undefined : callback(handler, "handler");
}
