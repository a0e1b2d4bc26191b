import { inspect } from 'node:util';

/** A value that must be asked for by name. However it is printed, only `shown` comes out. */
export class Secret {
  readonly #value: string;

  constructor(
    value: string,
    private readonly shown = '[redacted]',
  ) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return this.shown;
  }

  toJSON(): string {
    return this.shown;
  }

  [inspect.custom](): string {
    return this.shown;
  }
}
