/** What services say: read from JSON, without trust. */

import { ClosedError, MqttError, RefreshError, RequestError } from "../../errors";

/** A JSON object. */
export type Fields = Record<string, unknown>;

/** AWS says what went wrong, at this length at most. */
const LONGEST_MESSAGE = 256;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The JSON object of a payload, if it is one. */
export function fieldsOf(payload: Uint8Array): Fields | undefined {
  try {
    return asFields(JSON.parse(decoder.decode(payload)));
  } catch {
    return undefined;
  }
}

export function asFields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** A whole number, such as a version or a time in seconds. */
export function asCount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

export function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The service's own words, on one line. */
export function said(answer: Fields): string {
  const text = (asText(answer.message) ?? "no reason given").replaceAll(/\p{C}+/gu, " ");
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}

/** An error for what is said by services of any kind: too much is asked, or they are down. */
export function busyError(topic: string, status: number, answer: Fields): RequestError {
  const code = status === 429 ? "ERR_THROTTLED" : "ERR_SERVICE_UNAVAILABLE";
  const message = `${topic} was rejected (${status}): ${said(answer)}`;
  return new RequestError({ code, message, statusCode: status, retryable: true });
}

export function unreadable(topic: string, found: string): MqttError {
  return new MqttError({
    code: "ERR_MQTT_BAD_ANSWER",
    message: `what came to ${topic} cannot be read: ${found}`,
    retryable: true,
  });
}

export function lostError(topic: string): MqttError {
  return new MqttError({
    code: "ERR_MQTT_ANSWER_LOST",
    message: `the connection was lost between the request to ${topic} and its answer`,
    hint: "It may have been carried out, and is not sent again: read how things stand first.",
    retryable: true,
  });
}

export function deniedError(topic: string, cause: MqttError): MqttError {
  return new MqttError({
    code: "ERR_MQTT_PUBLISH_REFUSED",
    message: `the server ended the connection at the request to ${topic}, or another one: not authorized`,
    hint: "The policy of the certificate must allow iot:Publish for this topic.",
    reasonCode: 0x87,
    cause,
  });
}

export function closedError(what: string): ClosedError {
  return new ClosedError({ code: "ERR_CLOSED", message: `${what} is closed` });
}

/** Whether the same may succeed later by itself. */
export function isPassing(error: unknown): boolean {
  return error instanceof RefreshError && error.retryable;
}
