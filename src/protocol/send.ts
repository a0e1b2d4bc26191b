import type { Contract } from '../contract/contract.js';
import { GatewayError } from '../kernel/errors.js';
import { LIMITS } from '../kernel/limits.js';
import { readEvent, type UnverifiedEvent } from './event.js';
import { readInvitation, type UnverifiedInvitation, type WireInvitation } from './invitation.js';
import { readRun, type UnverifiedRun, type WireRun } from './run.js';
import { readStart, type UnverifiedStart } from './start.js';
import { parseStrictJson } from './strict-json.js';

/** One item of a batch, as it travels. */
export type WireItem =
  | ({ readonly kind: 'log' } & WireRun)
  | { readonly kind: 'start'; readonly start: string; readonly state: readonly string[] }
  | ({ readonly kind: 'member' } & WireInvitation)
  | { readonly kind: 'event'; readonly event: string };

/** Body of `POST …/send`. */
export interface WireBatch {
  readonly batch_id: string;
  readonly items: readonly WireItem[];
  /** Descriptor JWS of third servers whose events are among the items, as the home has pinned them. */
  readonly keys?: readonly string[];
}

export type SendItem =
  | { readonly kind: 'log'; readonly run: UnverifiedRun }
  | { readonly kind: 'start'; readonly start: UnverifiedStart }
  | { readonly kind: 'member'; readonly invitation: UnverifiedInvitation }
  | { readonly kind: 'event'; readonly event: UnverifiedEvent };

/** An item by itself: read, or refused without harm to its neighbours. */
export type Judged<T> =
  | { readonly ok: true; readonly item: T }
  | { readonly ok: false; readonly refusal: GatewayError };

export type SendBody =
  | { readonly kind: 'single'; readonly event: UnverifiedEvent }
  | {
      readonly kind: 'batch';
      readonly batchId: string;
      readonly items: readonly Judged<SendItem>[];
      readonly keys: readonly string[];
    };

export function readSendBody(contract: Contract, bytes: Buffer): SendBody {
  const body = parseStrictJson(bytes);
  if (isSingle(body)) {
    const { event } = contract.validate<{ event: string }>('federation/send-single', body);
    return { kind: 'single', event: readEvent(contract, event) };
  }
  const batch = contract.validate<{ batch_id: string; items: readonly unknown[]; keys?: readonly string[] }>(
    'federation/send-batch',
    body,
  );
  if (countEntries(batch.items) > LIMITS.batchEntriesMax) {
    throw new GatewayError('SW_BAD_SCHEMA', 'entries of the batch', { publicDetail: 'Too many entries in one batch.' });
  }
  const items = batch.items.map((item) => judge(() => readItem(contract, item)));
  return { kind: 'batch', batchId: batch.batch_id, items, keys: batch.keys ?? [] };
}

function isSingle(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'event' in body;
}

function readItem(contract: Contract, value: unknown): SendItem {
  const wire = contract.validate<WireItem>('federation/item', value);
  switch (wire.kind) {
    case 'log':
      return { kind: 'log', run: readRun(contract, wire) };
    case 'start':
      return { kind: 'start', start: readStart(contract, wire.start, wire.state) };
    case 'member':
      return { kind: 'member', invitation: readInvitation(contract, wire) };
    case 'event':
      return { kind: 'event', event: readEvent(contract, wire.event) };
  }
}

function judge<T>(read: () => T): Judged<T> {
  try {
    return { ok: true, item: read() };
  } catch (error) {
    if (error instanceof GatewayError) return { ok: false, refusal: error };
    throw error;
  }
}

/** Counted before any item is looked into: the bound is on the work that a batch can cause. */
function countEntries(items: readonly unknown[]): number {
  let entries = 0;
  for (const item of items) {
    const list = typeof item === 'object' && item !== null && 'entries' in item ? item.entries : [];
    entries += Array.isArray(list) ? list.length : 0;
  }
  return entries;
}
