/** `pkcs11 list`: what a module has, with the URIs to paste. Nobody is logged in unless that is asked for. */

import { type Command, Option } from "commander";
import type { NativeInventory, NativeSlot, NativeToken } from "../../ts/binding";
import { parsePkcs11Options } from "../../ts/options/pkcs11";
import { applyTokenFlags, type FlagValues, type Options, tokenFlags } from "../flags";
import { inventory } from "../native";
import { print, say } from "../output";
import { pinFlags, pinOf } from "../secrets";

/** Gives a command the flags that lead to a token. */
export function withTokenFlags(command: Command): Command {
  const login = new Option("--login", "log in without a PIN from here: on the token's own pad");
  const all = [...tokenFlags(), ...pinFlags(), login, new Option("--json", "print JSON")];
  for (const option of all) command.addOption(option);
  return command;
}

export async function pkcs11List(flags: FlagValues): Promise<void> {
  const given: Options = Object.create(null);
  applyTokenFlags(given, flags);
  const userPin = await pinOf(flags, (text) => say(`warning: ${text}`));
  if (userPin !== undefined) given.userPin = userPin;
  const login = userPin !== undefined || flags.login === true;
  const found = await inventory(parsePkcs11Options(given), login ? "login" : "objects");
  const path = String(given.library);
  print(flags.json === true ? `${JSON.stringify(described(path, found))}\n` : shown(path, found));
}

// ------------------------------------------------------------------------------------------------------------ JSON

function described(path: string, { description, manufacturer, version, slots }: NativeInventory): object {
  return { module: { path, description, manufacturer, version }, slots: slots.map(slotOf) };
}

function slotOf({ slotId, problem, token }: NativeSlot): object {
  return { slotId, problem, token: token && tokenOf(token) };
}

function tokenOf({ objects, error, ...token }: NativeToken): object {
  return {
    ...token,
    error: error && { code: error.code, message: error.message },
    complete: objects?.complete,
    keys: objects?.keys.map(({ id, ...key }) => ({ ...key, id: hex(id) })),
    certificates: objects?.certificates.map(({ id, notBefore, notAfter, ...certificate }) => ({
      ...certificate,
      id: hex(id),
      notBefore: date(notBefore),
      notAfter: date(notAfter),
    })),
  };
}

// ------------------------------------------------------------------------------------------------------------ text

function shown(path: string, { description, manufacturer, version, slots }: NativeInventory): string {
  const named = [description, manufacturer, version].filter((text) => text !== "").join(", ");
  const all = slots.map(({ slotId, problem, token }) =>
    token === undefined ? [row("slot", `${slotId}: ${problem}`)] : linesOf(slotId, token),
  );
  if (all.length === 0) all.push([row("tokens", "none")]);
  const blocks = [[row("module", path), row("", named)], ...all];
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function linesOf(slotId: number, token: NativeToken): string[] {
  const { label, serial, model, manufacturer, flags, uri, objects, error } = token;
  const lines = [
    row("token", label === "" ? "(no label)" : label),
    row("  slot", String(slotId)),
    row("  serial", serial),
    row("  model", [model, manufacturer].filter((text) => text !== "").join(", ")),
    row("  flags", flags.map(({ words }) => words).join(", ") || "none"),
  ];
  if (label !== "" || serial !== "") lines.push(row("  URI", uri));
  if (error !== undefined) lines.push(row("  objects", `not seen: ${error.message}`));
  for (const { label, id, kind, alwaysAuthenticates, uri } of objects?.keys ?? []) {
    const wants = alwaysAuthenticates ? "wants the PIN for every use" : undefined;
    lines.push(row("  key", joined(label, idOf(id), kind ?? "kind not shown", wants)), row("", uri));
  }
  for (const { label, id, subject, notAfter, problem, uri } of objects?.certificates ?? []) {
    const until = notAfter === undefined ? undefined : `until ${date(notAfter)}`;
    lines.push(row("  certificate", joined(label, idOf(id), subject, until, problem)), row("", uri));
  }
  if (objects?.complete === false) {
    lines.push(row("  more", "may show after a login: --pin-file, --pin-env or --pin-prompt, and --token-label"));
  }
  return lines;
}

/** What a token says of itself must not move the cursor of whoever reads it. */
function row(name: string, value: string): string {
  return `${name.padEnd(14)}${value.replaceAll(/\p{Cc}/gu, "?")}`.trimEnd();
}

function joined(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(", ");
}

function idOf(id: Uint8Array | undefined): string {
  return id === undefined ? "no id" : `id ${hex(id)}`;
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("hex");
}

function date(millis: number | undefined): string | undefined {
  return millis === undefined ? undefined : new Date(millis).toISOString().replace(/\.\d+Z$/, "Z");
}
