// Derives the flags of the command line from the public types: every option that a text can stand for is one, with the
// first sentence of its comment as its help. With `--check` nothing is written and a difference is an error.

import { readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";

const SOURCE = "src/ts/sessionOptions.ts";
const TARGET = "src/cli/flags.generated.ts";

/** What must not stand on a command line, which other users can read. */
const SECRET = /(pin|passphrase|password|secret|secretAccessKey|token|tokenCode)$/i;

/** What has no use there, or a flag of its own. */
const LEFT_OUT = [
  ...["clientCache", "refresh", "deferRefresh", "pkcs11.userPinEnv"],
  // Keys, and what may be a seed of codes.
  ...["sourceCredentials", "mfaCommandOptions.input"],
];

/** Where the whole name would make a flag of half a line. */
const SHORT = { stsClientConfig: "sts", mfaCommandOptions: "mfa-command" };

const program = ts.createProgram([SOURCE], { strict: true, skipLibCheck: true, types: [] });
const checker = program.getTypeChecker();

const rows = [];
const isOurs = (declaration) => !declaration.getSourceFile().fileName.includes("node_modules");
const kebab = (name) => name.replaceAll(/[A-Z]/g, (letter, at) => (at === 0 ? "" : "-") + letter.toLowerCase());

for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(SOURCE)))) {
  if (symbol.name === "SessionOptions") visit(checker.getDeclaredTypeOfSymbol(symbol), []);
}

function visit(type, prefix) {
  for (const member of type.isUnion() ? type.types : [type]) {
    for (const property of checker.getPropertiesOfType(member)) {
      const path = [...prefix, property.name];
      const known = rows.some((row) => row.path.join() === path.join());
      if (!known && !LEFT_OUT.includes(path.join("."))) option(property, path);
    }
  }
}

function option(property, path) {
  const [declaration] = property.declarations;
  const type = checker.getNonNullableType(checker.getTypeOfSymbol(property));
  const parts = type.isUnion() ? type.types : [type];
  const has = (flags) => parts.some((part) => (part.flags & flags) !== 0);
  const help = ts.displayPartsToString(property.getDocumentationComment(checker)).replaceAll(/\s+/g, " ");
  const row = { flag: path.map((name) => SHORT[name] ?? kebab(name)).join("-"), path };
  if (has(ts.TypeFlags.StringLike)) row.kind = isPath(property.name, help) ? "path" : "text";
  else if (has(ts.TypeFlags.NumberLike)) row.kind = "number";
  else if (has(ts.TypeFlags.BooleanLike)) row.kind = "boolean";
  if (row.kind !== undefined && !SECRET.test(property.name)) {
    if (row.kind === "text" && has(ts.TypeFlags.BooleanLiteral)) row.orFalse = true;
    if (row.kind === "path") row.words = [...help.matchAll(/`"(\w+)"`/g)].map(([, word]) => word);
    if (declaration.questionToken === undefined && property.name !== "method" && path.length === 1) row.required = true;
    row.group = declaration.parent.name?.text ?? "";
    row.help = property.name === "method" ? "How the session comes to its credentials" : firstSentence(help);
    if (row.help === "")
      throw new Error(`option \`${path.join(".")}\` has no comment: it would be a flag without help`);
    rows.push(row);
  }
  for (const part of parts) {
    const [found] = part.symbol?.declarations ?? [];
    const isOptions = found !== undefined && ts.isInterfaceDeclaration(found) && isOurs(found);
    if (isOptions && part.getCallSignatures().length === 0) visit(part, path);
  }
}

function isPath(name, help) {
  return (/\bpath\b/i.test(help) && !/absolute path/i.test(help)) || name.endsWith("File");
}

/** Without what no flag can be. */
function firstSentence(help) {
  const sentence = /^(.*?)\.(?=\s|$)/.exec(help)?.[1] ?? help;
  return sentence.replaceAll(/,? or (PEM or DER )?bytes|, bytes/g, "").replaceAll(/`"(\w+)"`/g, "`$1`");
}

const current = `// Generated from ${SOURCE} by scripts/cli-flags.mjs: which options are flags, and what \`--help\` says of them.

import type { FlagRow } from "./flags";

export const ROWS: readonly FlagRow[] = ${JSON.stringify(rows, null, 2)};
`;

if (!process.argv.includes("--check")) {
  writeFileSync(TARGET, current);
} else if (readFileSync(TARGET, "utf8") !== current) {
  console.error(
    `${TARGET} is not what ${SOURCE} declares: run \`npm run build:ts\`, look at the difference, commit it.`,
  );
  process.exitCode = 1;
} else {
  console.log(`${TARGET} is current.`);
}
