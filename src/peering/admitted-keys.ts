import type { KeyObject } from 'node:crypto';
import { admitPublicKey, parsePublicKeyText } from '../protocol/keys.js';

/** Admitting a key costs about a millisecond, so each is admitted once per process while it is in use. */
export class AdmittedKeys {
  private readonly keys = new Map<string, KeyObject>();

  constructor(private readonly keysMax: number) {}

  /** The key of `ed25519:<base64>`. The one used longest ago makes room. */
  get(text: string): KeyObject {
    const key = this.keys.get(text) ?? admitPublicKey(parsePublicKeyText(text));
    this.keys.delete(text);
    this.keys.set(text, key);
    const [oldest] = this.keys.keys();
    if (this.keys.size > this.keysMax && oldest !== undefined) this.keys.delete(oldest);
    return key;
  }
}
