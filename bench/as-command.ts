import { OperatorError } from "../src/errors.ts";

/** What is wrong with the command's words; ends it with status 2. */
export const usageError = (message: string) => new OperatorError(message, { exitStatus: 2 });

/** An option's whole number above 0. Throws OperatorError that names it. */
export function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw usageError(`--${option} ${text}: a whole number above 0 is needed`);
}

/** Runs a measurement as a command: what an operator can mend is a line and a status. */
export async function asCommand(
  main: () => Promise<void>,
  { help, usage }: { help: boolean; usage: string },
): Promise<void> {
  try {
    if (help) console.log(usage);
    else await main();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    console.error(error.message);
    process.exitCode = error.exitStatus;
  }
}
