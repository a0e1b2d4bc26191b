/** Prints what is being done as it is done. A step that throws ends the story. */
export class Story {
  #number = 0;

  constructor(private readonly print: (line: string) => void) {}

  heading(text: string): void {
    this.print(`\n${text}\n`);
  }

  /** `work` says what it saw; what it answers with is for the steps after it. */
  async step<T>(title: string, work: (saw: (line: string) => void) => Promise<T>): Promise<T> {
    this.#number += 1;
    const beganMs = Date.now();
    this.print(`${String(this.#number).padStart(2)}. ${title}`);
    try {
      const result = await work((line) => this.print(`      ${line.replaceAll('\n', '\n      ')}`));
      this.print(`      ok, ${Date.now() - beganMs} ms`);
      return result;
    } catch (error) {
      this.print(`      FAILED after ${Date.now() - beganMs} ms: ${error instanceof Error ? error.message : String(error)}`);
      throw new StepFailed(this.#number, { cause: error });
    }
  }
}

/** It has been printed already. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';

  constructor(
    readonly step: number,
    options: ErrorOptions,
  ) {
    super(`step ${step} failed`, options);
  }
}

/** What a step rests on; the sentence is printed when it does not hold. */
export function holds(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** Looks again until there is something; federation takes its moments. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined | false>, withinMs = 60_000): Promise<T> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > untilMs) throw new Error(`waited ${withinMs / 1_000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
