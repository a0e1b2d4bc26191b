/** Whose key it is: the tenant's own, or the operator's, which may see other tenants too. */
export type KeyScope = 'tenant' | 'node';

/** A key for ScaiGrid. However it is printed, the key itself does not come out. */
export class ScaigridKey {
  readonly #text: string;

  constructor(
    text: string,
    readonly scope: KeyScope,
  ) {
    this.#text = text;
  }

  /** The `Authorization` header. */
  bearer(): string {
    return `Bearer ${this.#text}`;
  }
}
