import { bare } from "../bare";
import type { NativeMqttEvent, NativeMqttProperties } from "../binding";
import { integer } from "../options/check";
import type { MqttAckProperties, MqttConnackProperties, MqttMessage, MqttMessageProperties } from "./types";

/** Tells the server that a message has been dealt with. */
export type Acknowledge = (number: number, reasonCode: number) => void;

/** A message that came. */
export class Message implements MqttMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly properties: MqttMessageProperties;
  #acknowledge: Acknowledge | undefined;
  readonly #number: number;

  /** `acknowledge`: by the user, and by that number. */
  constructor(
    topic: string,
    payload: Buffer,
    qos: 0 | 1,
    retain: boolean,
    dup: boolean,
    event: NativeMqttEvent | undefined,
    number: number,
    acknowledge: Acknowledge | undefined,
  ) {
    this.topic = topic;
    this.payload = payload;
    this.qos = qos;
    this.retain = retain;
    this.dup = dup;
    this.properties = event === undefined ? NONE : messageProperties(bare(event).properties);
    this.#number = number;
    this.#acknowledge = acknowledge;
  }

  ack(reasonCode = 0): void {
    code(reasonCode, "reasonCode");
    const acknowledge = this.#acknowledge;
    this.#acknowledge = undefined;
    acknowledge?.(this.#number, reasonCode);
  }
}

const code = integer(0, 0xff);

/** One for all messages without: it is frozen. */
const NONE: MqttMessageProperties = Object.freeze({});

function messageProperties(found: NativeMqttProperties | undefined): MqttMessageProperties {
  if (found === undefined) return NONE;
  const given = bare(found);
  return there<MqttMessageProperties>({
    userProperties: userProperties(given.user),
    contentType: given.contentType,
    responseTopic: given.responseTopic,
    correlationData: given.correlationData,
    messageExpirySeconds: given.messageExpirySeconds,
    payloadFormat: given.payloadFormat === true ? "utf8" : undefined,
    subscriptionIdentifiers: given.subscriptionIds,
  });
}

export function connackProperties(found: NativeMqttProperties | undefined): MqttConnackProperties {
  if (found === undefined) return {};
  const given = bare(found);
  return there<MqttConnackProperties>({
    sessionExpirySeconds: given.sessionExpirySeconds,
    assignedClientId: given.assignedClientId,
    serverKeepAliveSeconds: given.serverKeepAliveSeconds,
    receiveMaximum: given.receiveMaximum,
    maximumQos: given.maximumQos,
    retainAvailable: given.retainAvailable,
    maximumPacketSize: given.maximumPacketSize,
    topicAliasMaximum: given.topicAliasMaximum,
    wildcardSubscriptionsAvailable: given.wildcardAvailable,
    subscriptionIdentifiersAvailable: given.subscriptionIdsAvailable,
    sharedSubscriptionsAvailable: given.sharedAvailable,
    responseInformation: given.responseInformation,
    serverReference: given.serverReference,
    reasonString: given.reasonString,
    userProperties: userProperties(given.user),
  });
}

export function ackProperties(found: NativeMqttProperties | undefined): MqttAckProperties | undefined {
  if (found === undefined) return undefined;
  const given = bare(found);
  return there<MqttAckProperties>({
    reasonString: given.reasonString,
    userProperties: userProperties(given.user),
  });
}

/** A name that comes more than once has an array. Without a prototype: the names are the sender's. */
function userProperties(flat: string[] | undefined): Record<string, string | string[]> | undefined {
  if (flat === undefined) return undefined;
  const result: Record<string, string | string[]> = Object.create(null);
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [name, value] = [flat[at] as string, flat[at + 1] as string];
    const before = result[name];
    if (before === undefined) result[name] = value;
    else if (typeof before === "string") result[name] = [before, value];
    else before.push(value);
  }
  return result;
}

/** A plain object of what is there. */
function there<T extends object>(fields: { [K in keyof T]-?: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as T;
}
