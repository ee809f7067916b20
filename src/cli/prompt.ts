/** Asks a person for a secret, without showing what is typed. */

import { usage } from "./exit";

/** Return, line feed and Ctrl-D. */
const ENTER = "\r\n\u0004";
/** Ctrl-C. */
const INTERRUPT = "\u0003";
/** Backspace and delete. */
const ERASE = "\b\u007f";

/** What is typed up to Enter. Refused where nobody can type. */
export function ask(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw usage(`nobody can be asked for the ${question}: the standard input is no terminal`);
  // Before the question: who types at once is not shown either.
  stdin.setRawMode(true).setEncoding("utf8").resume();
  // To stderr: stdout is for the answer alone.
  stderr.write(`${question}: `);
  return new Promise((resolve) => {
    let typed: string[] = [];
    const done = (then: () => void) => {
      stdin.off("data", heard).setRawMode(false).pause();
      stderr.write("\n");
      then();
    };
    const heard = (text: string) => {
      for (const letter of text) {
        if (letter === INTERRUPT) return done(() => process.exit(130));
        if (ENTER.includes(letter)) return done(() => resolve(typed.join("")));
        if (ERASE.includes(letter)) typed = typed.slice(0, -1);
        else typed.push(letter);
      }
    };
    stdin.on("data", heard);
  });
}
