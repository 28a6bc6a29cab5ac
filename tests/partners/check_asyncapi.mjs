// Parses an AsyncAPI document with the project's own parser and prints what is wrong with it, as JSON.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const problems = diagnostics
  .filter(({ severity }) => severity <= 1) // errors and warnings; notes and hints are taste
  .map(({ code, message, path }) => `${code} at ${path.join(".")}: ${message}`);
console.log(
  JSON.stringify({
    channels: document?.channels().all().length ?? 0,
    messages: document?.components().messages().all().length ?? 0,
    problems,
  }),
);
process.exit(document === undefined ? 1 : 0);
