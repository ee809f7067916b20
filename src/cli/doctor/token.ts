/** What can be seen of a token before anybody logs in: its module, itself, and what it says of its PIN. */

import { parsePkcs11Options } from "../../ts/options/pkcs11";
import type { Options } from "../flags";
import { inventory } from "../native";
import type { Report, StepName } from "./report";

const STEPS: readonly StepName[] = ["module", "token", "pin", "key"];

/** Throws what a session would. Who is not there, or there twice, is for the fetch to say. */
export async function lookAtToken({ pkcs11 }: Options, report: Report): Promise<void> {
  if (pkcs11 === undefined) {
    for (const step of STEPS) report.skip(step, "no token is used");
    return;
  }
  const { description, manufacturer, version, slots } = await inventory(parsePkcs11Options(pkcs11), "tokens");
  report.ok("module", [description, manufacturer, version].filter((text) => text !== "").join(", "));
  const found = slots.find(({ token }) => token?.selected === true);
  if (found?.token === undefined) return;
  const { label, serial, flags } = found.token;
  const words = flags.map((flag) => flag.words).join(", ");
  report.ok("token", `"${label}", serial ${serial}, slot ${found.slotId}${words === "" ? "" : `: ${words}`}`);
  if (flags.some(({ name }) => name === "CKF_USER_PIN_COUNT_LOW")) {
    const todo = "If the next one is wrong too it may be locked: make sure that the PIN is right.";
    report.warn("pin", "a wrong one was given since the last login", todo);
  }
}
